"""The band of neutral probabilities, by hand."""

import numpy as np
import pytest

from sentiment.evaluation.neutral_band import choose_band, measure_band
from sentiment.inference.manifest import NeutralBand
from sentiment.inference.predict import LabelRule

# P(positive), and how many sentences have it with label 1 and with label 0.
GROUPS = [(0.95, 95, 5), (0.75, 60, 40), (0.4, 10, 90), (0.1, 5, 95)]


def sentences(groups):
    probabilities = np.concatenate([[p] * (ones + zeros) for p, ones, zeros in groups])
    labels = np.concatenate([[1] * ones + [0] * zeros for _, ones, zeros in groups])
    return probabilities.astype(np.float32), labels


def test_the_band_ends_where_nine_of_ten_verdicts_of_each_label_are_right():
    # Above 0.75: 95 of 100; with the next group 155 of 200. Below 0.5: 185 of 200.
    assert choose_band(*sentences(GROUPS)) == NeutralBand(
        low=0.5, high=0.75, sentences=400, coverage=0.75, accuracy=round(280 / 300, 4)
    )


def test_predict_calls_a_sentence_neutral_that_the_band_leaves_out():
    probabilities, labels = sentences(GROUPS)
    band = choose_band(probabilities, labels)
    rule = LabelRule(neutral=(band.low, band.high))
    names = [rule.label(round(float(value), 6)) for value in probabilities]
    assert 1 - names.count("neutral") / len(names) == band.coverage
    pairs = zip(names, labels, strict=True)
    decided = [(name == "positive") == (label == 1) for name, label in pairs if name != "neutral"]
    assert np.mean(decided) == pytest.approx(band.accuracy, abs=1e-4)


def test_a_model_that_is_always_right_has_no_neutral_sentence():
    band = choose_band(*sentences([(0.51, 50, 0), (0.49, 0, 50)]))
    assert (band.low, band.high, band.coverage, band.accuracy) == (0.5, 0.5, 1, 1)


@pytest.mark.parametrize(
    "groups",
    [
        [(0.9, 49, 0), (0.1, 0, 99)],  # too few positive verdicts
        [(0.9, 99, 0), (0.1, 0, 49)],
        [(0.9, 89, 11), (0.1, 0, 99)],  # not right often enough
        [(0.9, 99, 0)],  # one label is never predicted, as with very unequal labels
    ],
)
def test_there_is_no_band_without_enough_right_verdicts_of_both_labels(groups):
    assert choose_band(*sentences(groups)) is None


def test_the_last_sentence_of_each_review_stands_for_it():
    asked = []

    class Sure:
        def predict(self, texts):
            asked.extend(texts)
            return np.array([0.9 if "good" in text else 0.1 for text in texts], np.float32)

    reviews = [("It begins badly. The end is good. Yes.", 1), ("Good start. It is bad.", 0)] * 60
    band = measure_band(Sure(), iter([*reviews, ("Too short.", 1)]))
    assert set(asked) == {"The end is good.", "It is bad."} and len(asked) == 120
    assert band == NeutralBand(0.5, 0.5, sentences=120, coverage=1, accuracy=1)
    assert measure_band(Sure(), []) is None


def test_ends_are_compared_as_predict_compares_them():
    # In float32, 0.72 is above the float64 0.72; `predict` rounds it first.
    band = choose_band(*sentences([(0.73, 100, 0), (0.72, 0, 100), (0.2, 0, 100)]))
    assert band.high == 0.72 and LabelRule(neutral=(band.low, 0.72)).label(0.72) == "neutral"
