"""The embedding's dropout, and pooling over time."""

import numpy as np
import pytest

from sentiment.nn.layers import FeatureEmbedding, TimePooling


@pytest.mark.parametrize(("kind", "expected"), [("mean", [0.25, -0.25]), ("max", [0.5, -0.1])])
def test_pooling_covers_only_the_real_steps(kind, expected):
    states = np.array([[[0.5, -0.1], [0.0, -0.4], [0.9, 0.9]], [[0.7] * 2] * 3], np.float32)
    mask = np.array([[True, True, False], [False] * 3])
    pooled = TimePooling(kind)(states, mask=mask)
    np.testing.assert_allclose(pooled, [expected, [0.0, 0.0]], atol=1e-7)


def test_the_maximum_may_lie_below_the_range_of_tanh():
    states = np.array([[[-3.0], [-2.0], [5.0]]], np.float32)
    mask = np.array([[True, True, False]])
    np.testing.assert_array_equal(TimePooling("max")(states, mask=mask), [[-2.0]])


def test_dropout_scales_the_remaining_ngrams_and_not_the_words():
    layer = FeatureEmbedding(3, 0, 1, word_dropout=0.5, ngram_dropout=0.75, seed=0)
    layer.build((None, None, 2))
    layer.table.set_weights([np.array([[9.0], [1.0], [10.0]])])
    ids = np.tile(np.array([1, 2], np.int32), (1, 20_000, 1))
    sums = layer(ids, training=True).numpy().ravel()
    # A word counts 1 or is left out; an n-gram remains with a chance of 1/4, 4 times as large.
    values, counts = np.unique(sums, return_counts=True)
    assert values.tolist() == [0.0, 1.0, 40.0, 41.0]
    # Of 20,000: 3/8, 3/8, 1/8, 1/8, each within four standard errors of at most 69.
    np.testing.assert_allclose(counts, [7500, 7500, 2500, 2500], atol=4 * 69)
    assert np.all(layer(ids, training=False).numpy() == 11.0)
