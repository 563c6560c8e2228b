"""What the networks that read single sentences learn from."""

from dataclasses import replace

import numpy as np
import pytest

from sentiment.config import ModelSettings, TrainSettings
from sentiment.data.contrast import contrast_sentences
from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.sentences import encode_sentences
from sentiment.training import sentence_set as module
from sentiment.training.regression import NgramRegression
from sentiment.training.reviews import TrainingReviews
from sentiment.training.sentence_set import sentence_set

MODEL = ModelSettings(units=4, embedding=4, repeats=False)


@pytest.fixture(scope="module")
def reviews(sample):
    return TrainingReviews(sample, MODEL, TrainSettings())


@pytest.fixture(scope="module")
def terms(reviews):
    rows = reviews.tokenizer.feature_count
    return NgramRegression.fit(reviews.split.train, rows, normalized=False).terms


def test_a_sentence_has_the_label_of_its_review(reviews, terms, sample):
    made = sentence_set(reviews, terms)
    rows = reviews.split.train_rows
    encoded, origin = encode_sentences(sample.split("train"), rows, reviews.tokenizer)
    count = len(encoded)
    assert count > len(rows)
    np.testing.assert_array_equal(made.labels[:count], sample.split("train").labels[rows][origin])
    np.testing.assert_array_equal(made.offsets[: count + 1], encoded.offsets)
    np.testing.assert_array_equal(made.features[: len(encoded.tokens)].shape[1:], (3,))


def test_changed_sentences_have_sharper_labels_than_reviews_but_no_certain_ones(
    reviews, terms, sample
):
    rows, random = reviews.split.train_rows, np.random.default_rng(reviews.settings.seed)
    encoded, _ = encode_sentences(sample.split("train"), rows, reviews.tokenizer)
    logits = contrast_sentences(encoded, terms, reviews.tokenizer, random).logits
    labels = sentence_set(reviews, terms).labels[len(encoded) :]
    assert len(labels) == 3 * len(logits) > 60
    expected = 1 / (1 + np.exp(-np.clip(5 * logits, -3.5, 3.5)))
    np.testing.assert_allclose(labels, np.tile(expected, 3), rtol=1e-5)
    assert labels.min() == pytest.approx(0.0293, abs=1e-4)


def test_the_same_seed_makes_the_same_sentences(reviews, terms):
    first, second = sentence_set(reviews, terms), sentence_set(reviews, terms)
    np.testing.assert_array_equal(first.features, second.features)
    np.testing.assert_array_equal(first.labels, second.labels)


def test_sentences_weigh_as_their_reviews(sample, terms):
    settings = TrainSettings(class_weight="balanced")
    balanced = TrainingReviews(sample, MODEL, settings)
    weights = balanced.split.train.weights * np.where(balanced.split.train.labels > 0.5, 2, 1)
    split = replace(balanced.split, train=replace(balanced.split.train, weights=weights))
    balanced.__dict__["split"] = split
    made = sentence_set(balanced, terms)
    count = len(encode_sentences(sample.split("train"), split.train_rows, balanced.tokenizer)[0])
    positive = made.labels[:count] > 0.5
    heavy, light = made.weights[:count][positive], made.weights[:count][~positive]
    assert heavy.min() > 1.5 * light.max() and len(light)


def test_reviews_that_are_too_short_to_be_cut_are_learnt_as_they_are(reviews, terms, monkeypatch):
    nothing = EncodedTexts(np.empty(0, np.int32), np.zeros(1, np.int64)), np.empty(0, np.int64)
    monkeypatch.setattr(module, "encode_sentences", lambda *_: nothing)
    assert sentence_set(reviews, terms) is reviews.split.train
