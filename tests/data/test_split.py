"""Training reviews and validation reviews: equal reviews stay together, labels keep their share."""

import numpy as np
import pytest

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data.examples import Examples
from sentiment.data.prepare import prepare
from sentiment.data.split import split_training_reviews, validation_share
from sentiment.data.trainable import group_reviews
from sentiment.errors import InputError
from sentiment.training.reviews import TrainingReviews
from sentiment.utils.paths import ProjectPaths

MODEL = ModelSettings(ngrams=1)
WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def prepared_rows(tmp_path, rows):
    """Return the training split and the tokenizer of a file with these texts and labels."""
    file = tmp_path / "rows.csv"
    file.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    data, _ = prepare(PrepareSettings(dataset=str(file)), ProjectPaths(tmp_path))
    return data.split("train"), data.tokenizer.up_to(1)


@pytest.fixture
def uneven(tmp_path):
    """Reviews of which nine in ten are positive, and each text comes five times."""
    texts = [f"{first} {second} film" for first in WORDS for second in WORDS]
    return prepared_rows(tmp_path, [(text, int(i % 10 > 0)) for i, text in enumerate(texts * 5)])


def test_equal_reviews_are_on_one_side_and_both_sides_have_the_same_labels(uneven):
    reviews, tokenizer = uneven
    split = split_training_reviews(reviews, tokenizer, MODEL, TrainSettings(validation_share=0.1))
    groups = group_reviews(reviews.encoded)
    is_validation = np.zeros(len(reviews), bool)
    is_validation[split.validation_rows] = True
    assert not set(groups[is_validation]) & set(groups[~is_validation])
    assert 0.05 < is_validation.mean() < 0.15
    for side in (split.train, split.validation):
        assert side.labels.mean() == pytest.approx(0.9, abs=0.05)
    # The rule of before put equal reviews on both sides.
    old = split_training_reviews(
        reviews, tokenizer, MODEL, TrainSettings(validation_share=0.1), rule=1
    )
    assert set(groups[old.validation_rows]) & set(np.delete(groups, old.validation_rows))


def test_without_a_share_a_tenth_validates_and_at_most_1250_reviews(uneven):
    assert validation_share(400) == 0.1
    assert validation_share(12_500) == 0.1
    assert validation_share(25_000) == 0.05
    reviews, tokenizer = uneven
    splits = [
        split_training_reviews(reviews, tokenizer, MODEL, TrainSettings(validation_share=share))
        for share in (0.0, 0.1, 0.3)
    ]
    counts = [len(split.validation_rows) for split in splits]
    assert counts[0] == counts[1] < counts[2]


def test_reviews_that_differ_only_in_what_is_cut_off_are_equal(tmp_path):
    endings = WORDS[:6]
    rows = [(f"{word} {end}", i % 2) for i, end in enumerate(endings) for word in WORDS]
    reviews, tokenizer = prepared_rows(tmp_path, rows)
    last_word = ModelSettings(ngrams=1, longest_review=1)
    split = split_training_reviews(
        reviews, tokenizer, last_word, TrainSettings(validation_share=0.2)
    )
    sides = [set(side.features[:, 0].tolist()) for side in (split.train, split.validation)]
    assert sides[0] and sides[1] and not sides[0] & sides[1]


def test_labels_that_fit_one_side_only_are_refused(tmp_path):
    rows = [(f"{word} film", 1) for word in WORDS] + [("bad film", 0)] * 10
    reviews, tokenizer = prepared_rows(tmp_path, rows)
    with pytest.raises(InputError, match="negative training texts are all equal"):
        split_training_reviews(reviews, tokenizer, MODEL, TrainSettings(validation_share=0.2))


def test_the_first_rule_chooses_the_rows_of_before(sample):
    reviews = sample.split("train")
    order = np.random.default_rng(0).permutation(len(reviews))
    for share, count in ((0.1, 24), (0.25, 60)):
        split = split_training_reviews(
            reviews, sample.tokenizer, MODEL, TrainSettings(validation_share=share), rule=1
        )
        assert split.validation_rows.tolist() == sorted(order[:count])
        assert len(split.train) == len(reviews) - count


def test_the_rule_of_a_training_reaches_its_reviews(sample):
    settings = TrainSettings(validation_share=0.07)
    rows = {
        rule: TrainingReviews(sample, MODEL, settings, rule).split.validation_rows
        for rule in (1, 2)
    }
    order = np.random.default_rng(0).permutation(240)
    assert rows[1].tolist() == sorted(order[:17]) != rows[2].tolist()


def test_balanced_weights_make_both_labels_weigh_the_same(uneven):
    split = split_training_reviews(*uneven, MODEL, TrainSettings(validation_share=0.1))
    assert split.train.weights is None and split.validation.weights is None
    balanced = split.balanced()
    labels, weights = balanced.train.labels, balanced.train.weights
    # N / (2 N_label)
    negatives = int(np.sum(labels == 0))
    assert np.allclose(weights[labels == 0], len(labels) / (2 * negatives))
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 1].sum(), rel=1e-5)
    assert weights.mean() == pytest.approx(1, rel=1e-5) and weights.dtype == np.float32
    # The same weight for the same label on both sides.
    for label in (0, 1):
        both = [
            side.weights[side.labels == label] for side in (balanced.train, balanced.validation)
        ]
        assert len(set(np.concatenate(both).tolist())) == 1


def test_unlabelled_reviews_that_join_have_a_weight_of_one():
    def examples(labels, weights=None):
        count = len(labels)
        return Examples(
            np.ones((count, 1), np.int32), np.arange(count + 1), np.array(labels, "f4"), weights
        )

    weighted = examples([1, 0], np.array([0.5, 2.0], np.float32))
    assert (weighted + examples([0.25])).weights.tolist() == [0.5, 2, 1]
    assert (examples([0.25]) + weighted).weights.tolist() == [1, 0.5, 2]
    assert (examples([1]) + examples([0.25])).weights is None


def test_folds_share_no_review_and_follow_the_share(uneven):
    reviews, tokenizer = uneven
    folds = [
        split_training_reviews(
            reviews, tokenizer, MODEL, TrainSettings(validation_share=0.3, fold=fold)
        ).validation_rows
        for fold in range(3)
    ]
    assert len(np.unique(np.concatenate(folds))) == sum(map(len, folds))
    for rows in folds:
        assert len(rows) == pytest.approx(0.3 * len(reviews), abs=6)


def test_a_fold_that_does_not_exist_is_refused(uneven):
    with pytest.raises(InputError, match="fold 2 does not exist"):
        split_training_reviews(*uneven, MODEL, TrainSettings(validation_share=0.4, fold=2))


def test_apart_leaves_out_reviews_that_share_rare_words(tmp_path):
    # Of each film there are two reviews that share its name and its actor's; all others share
    # frequent words alone. ln(320 / 2) = 5.1 for each of three rare words: 15.2 exceeds 15.
    rows = [
        (f"film{n // 2} actor{n // 2} town{n // 2} {'good' if n % 2 else 'fine'}", n // 2 % 2)
        for n in range(400)
    ]
    reviews, tokenizer = prepared_rows(tmp_path, rows)
    splits = {
        kind: split_training_reviews(reviews, tokenizer, MODEL, TrainSettings(validation=kind))
        for kind in ("random", "apart")
    }
    random, apart = splits["random"], splits["apart"]
    np.testing.assert_array_equal(random.validation_rows, apart.validation_rows)
    film = np.array([int(reviews.text(row).split()[0][4:]) for row in range(len(reviews))])
    films = set(film[apart.validation_rows].tolist())
    assert films & set(film[random.train_rows].tolist())
    kept = [row for row in random.train_rows.tolist() if film[row] not in films]
    assert apart.train_rows.tolist() == kept
