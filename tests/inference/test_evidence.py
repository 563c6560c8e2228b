"""How many words carry a verdict: numbers by hand, and the push of a vector in any network."""

import math

import numpy as np
import pytest

from sentiment.config import ModelSettings
from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.tokenizer import Tokenizer
from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.evidence import MIN_PUSH, count_words
from sentiment.inference.manifest import DataInfo, Manifest, RunInfo
from sentiment.inference.predict import LabelRule, predict
from tests.helpers.build import TINY, tiny_bundle

WORDS = ["good", "bad", "film", "heart"]  # ids 2 to 5, in a vocabulary of 6
GOOD_FILM = 2 * 6 + 4  # the key of this pair
# A push is 1.6 times the vector: 0.8, -0.8, 0.4, 0.40625, and 0.2 for the pair; log 1.5 is 0.40547.
VECTORS = [0, 0.25, 0.5, -0.5, 0.25, 0.25390625, 0.125]


@pytest.fixture
def classifier(tmp_path):
    """Return a network of one unit: h_t = tanh(x_t + h_(t-1) / 2), logit 2h - 0.3, T = 1.25."""
    settings = ModelSettings(units=1, embedding=1, ngrams=2, bidirectional=False)
    numbers = {
        "rnn_1.forward.kernel": [[1.0]],
        "rnn_1.forward.recurrent_kernel": [[0.5]],
        "rnn_1.forward.bias": [0.0],
        "classifier.kernel": [[2.0]],
        "classifier.bias": [-0.3],
    }
    written = bundle.write(
        tmp_path / "model",
        tokenizer=Tokenizer(WORDS, np.array([GOOD_FILM])),
        embedding=np.array(VECTORS)[:, None],
        weights={name: np.array(value, np.float32) for name, value in numbers.items()},
        manifest=Manifest(
            created="2026-01-01T00:00:00+00:00",
            settings={"model": vars(settings)},
            run=RunInfo("", "by hand"),
            data=DataInfo("", ""),
            temperature=1.25,
        ),
    )
    return Classifier(written)


@pytest.mark.parametrize(
    ("text", "label", "evidence"),
    [
        ("good", "positive", 1),
        ("bad", "negative", 1),
        ("film", "positive", 0),  # 0.4 is not enough
        ("heart", "positive", 1),  # 0.40625 is
        ("film good", "positive", 1),
        ("good film", "positive", 2),  # film 0.4 and the pair 0.2
        ("good good heart good", "positive", 2),  # each word once
        ("good good bad", "negative", 1),  # only bad speaks for it
        ("bad bad good", "positive", 1),  # good decides, as it is read last
        ("unheard heart", "positive", 1),
        ("unheard", "unknown", 0),
    ],
)
def test_the_known_words_that_push_towards_the_verdict_are_counted(
    classifier, text, label, evidence
):
    prediction = predict(classifier, LabelRule(), [text])[0]
    assert (prediction.label, prediction.evidence) == (label, evidence)
    assert ("no-evidence" in prediction.warnings) == (not evidence and label != "unknown")


def test_texts_are_counted_each_for_itself(classifier):
    texts = ["film", "good film", "", "bad", "heart good bad"]
    together = [result.evidence for result in predict(classifier, LabelRule(), texts)]
    assert together == [0, 2, None, 1, 1]
    alone = [predict(classifier, LabelRule(), [text])[0].evidence for text in texts]
    assert alone == together


def test_an_unknown_word_is_no_evidence_however_far_it_pushes():
    encoded = EncodedTexts(np.array([1, 2, 2, 3], np.int32), np.array([0, 1, 3, 3, 4]))
    pushes = np.array([9.0, 9.0, 9.0, MIN_PUSH - 1e-6], np.float32)
    counts = count_words(encoded, pushes, np.array([1.0, 0.0, 1.0, 1.0], np.float32))
    assert counts.tolist() == [0, 1, 0, 0]


def expected_push(opened):
    """Return the derivative of the logit of a lone word with vector 0, by the chain rule."""
    settings, weights = opened.settings, opened.weights
    names = ("forward", "backward") if settings.bidirectional else ("forward",)
    gradient, states = np.eye(settings.embedding), np.zeros(settings.embedding)
    for number in range(1, settings.layers + 1):
        parts = [f"rnn_{number}.{name}" for name in names]
        kernel = np.concatenate([weights[f"{part}.kernel"] for part in parts], axis=1)
        bias = np.concatenate([weights[f"{part}.bias"] for part in parts])
        states = np.tanh(states @ kernel + bias)
        gradient = gradient @ kernel * (1 - states**2)
    return (gradient @ weights["classifier.kernel"])[:, 0] / opened.temperature


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"bidirectional": True},
        {"layers": 2, "bidirectional": True},
        {"readout": "mean"},
        {"readout": "max"},
    ],
)
def test_the_push_is_the_derivative_for_every_shape_of_network(tmp_path, changes):
    settings = ModelSettings(**{**vars(TINY), **changes})
    opened = tiny_bundle(tmp_path / "model", settings)
    np.testing.assert_allclose(Classifier(opened)._push, expected_push(opened), atol=2e-4)


def test_the_stated_size_multiplies_the_odds_by_one_and_a_half():
    assert math.exp(MIN_PUSH) == pytest.approx(1.5)
