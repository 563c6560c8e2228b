"""The teacher's regression: against scikit-learn, by hand, and as a plain sum."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sentiment.data.examples import Examples
from sentiment.training import regression
from sentiment.training.regression import NgramRegression

ROWS = 40


def reviews(count, seed=0):
    """Return reviews of different words each; words below 20 are more frequent in positive ones."""
    random = np.random.default_rng(seed)
    labels = (np.arange(count) % 2).astype("f4")
    words = []
    for label in labels:
        share = np.where((np.arange(2, ROWS) < 20) == (label > 0), 3.0, 2.0)
        words.append(2 + random.choice(ROWS - 2, 12, replace=False, p=share / share.sum()))
    return Examples(
        np.concatenate(words).astype(np.int32)[:, None], 12 * np.arange(count + 1), labels
    )


@pytest.mark.parametrize("normalized", [False, True])
def test_it_finds_the_minimum_that_another_program_finds(normalized):
    examples = reviews(400)
    fitted = NgramRegression.fit(examples, ROWS, normalized=normalized)
    matrix = regression._feature_matrix(examples, fitted.ratios, normalized=normalized)
    other = LogisticRegression(
        C=1 / (2 * regression._PENALTY * len(examples)), max_iter=5000, tol=1e-8
    ).fit(matrix, examples.labels)
    expected = other.decision_function(matrix)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(fitted.logits(examples), expected, atol=0.05)


def test_a_feature_is_its_log_count_ratio_and_a_review_has_length_one():
    # Row 3 stands for 3 and row 4 for 4: the review with both is (3, 4) / 5.
    ratios = np.array([0, 0, 0, 3, 4], "f4")
    examples = Examples(np.array([[3], [4], [3]], "i4"), np.array([0, 2, 3, 3]), np.zeros(3, "f4"))
    matrix = regression._feature_matrix(examples, ratios, normalized=True).toarray()
    np.testing.assert_allclose(matrix[:, 3:], [[0.6, 0.8], [1, 0], [0, 0]], atol=1e-6)
    matrix = regression._feature_matrix(examples, ratios, normalized=False).toarray()
    np.testing.assert_allclose(matrix[:, 3:], [[0.3, 0.4], [0.3, 0], [0, 0]], atol=1e-6)


def test_without_normalization_the_logit_is_the_sum_of_terms():
    examples = reviews(100)
    fitted = NgramRegression.fit(examples, ROWS, normalized=False)
    sums = fitted.terms[examples.features[:, 0]].reshape(100, 12).sum(axis=1)
    np.testing.assert_allclose(fitted.logits(examples), sums + fitted.bias, atol=1e-4)


def test_features_of_fewer_than_three_reviews_are_not_used():
    examples = reviews(100)
    rare = Examples(
        np.concatenate([examples.features, [[ROWS], [ROWS]]]).astype("i4"),
        np.concatenate([examples.offsets, [1201, 1202]]),
        np.concatenate([examples.labels, [1, 1]]).astype("f4"),
    )
    fitted = NgramRegression.fit(rare, ROWS + 1, normalized=False)
    assert fitted.terms[ROWS] == 0 and fitted.terms[2:ROWS].all()


def test_weights_of_reviews_count():
    examples = reviews(100)
    heavy = Examples(
        examples.features, examples.offsets, examples.labels,
        np.where(examples.labels > 0.5, 9, 1).astype("f4"),
    )  # fmt: skip
    plain, weighted = (
        NgramRegression.fit(one, ROWS, normalized=True).logits(examples)
        for one in (examples, heavy)
    )
    assert weighted.mean() > plain.mean() + 0.5
