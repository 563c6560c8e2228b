"""What a training has come to, and its way into a checkpoint and back."""

from dataclasses import replace

import numpy as np
import pytest

from sentiment.training.results import BestEpoch, RoundResult
from sentiment.utils.progress import EpochMetrics

REPORT = EpochMetrics(
    epoch=1, epochs=3, seconds=0.1, reviews_per_second=1 / 3, train_loss=0.5, train_accuracy=0.75,
    validation_loss=0.25, validation_accuracy=0.875, best=True,
)  # fmt: skip
# Each of the first three was the best so far; the fourth is worse.
REPORTS = [replace(REPORT, epoch=epoch, best=epoch < 4) for epoch in (1, 2, 3, 4)]
WEIGHTS = {"rnn_1.forward.kernel": np.ones((2, 3), "f4"), "classifier.bias": np.zeros(1, "f4")}
LOGITS = np.array([2.0, -3.0, 0.0, 1.0, -1.0, -3.0], "f4")
KEPT = BestEpoch(REPORTS[2], np.full((4, 2), 0.5, "f4"), WEIGHTS, LOGITS)


def test_mistakes_come_the_most_confident_first_and_no_more_than_asked():
    # Called positive: 0, 2 (a logit of 0 is a probability of 0.5) and 3. Wrong: 0 by 2, 1 by 3,
    # 2 by 0 and 5 by 3; 1 stands before 5 where the two are as wrong.
    labels = np.array([0, 1, 0, 1, 0, 1])
    assert KEPT.worst(labels, 9).tolist() == [1, 5, 0, 2]
    assert KEPT.worst(labels, 2).tolist() == [1, 5]
    assert KEPT.worst(LOGITS >= 0, 9).tolist() == []


def test_of_many_mistakes_that_are_as_bad_the_first_come_first():
    kept = replace(KEPT, logits=np.resize(np.array([1.0, 2.0], "f4"), 80))
    expected = [*range(1, 80, 2), *range(0, 80, 2)]
    assert kept.worst(np.zeros(80), 80).tolist() == expected


def test_the_temperature_is_that_of_its_logits():
    # As in tests/evaluation/test_metrics.py: 2 / T = log 3 where three in four are right.
    kept = replace(KEPT, logits=np.array([2.0, 2.0, 2.0, 2.0, -2.0, -2.0, -2.0, -2.0]))
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 1])
    assert kept.temperature(labels) == pytest.approx(1.820478, abs=1e-5)


def test_a_round_comes_back_from_what_is_stored_of_it():
    whole = RoundResult(REPORTS, KEPT)
    told, arrays = whole.as_json(), whole.arrays()
    assert told[1] == {
        "epoch": 2, "epochs": 3, "seconds": 0.1, "reviews_per_second": 1 / 3, "train_loss": 0.5,
        "train_accuracy": 0.75, "validation_loss": 0.25, "validation_accuracy": 0.875,
        "best": True,
    }  # fmt: skip
    assert arrays.keys() == {
        "embedding", "logits", "weights.rnn_1.forward.kernel", "weights.classifier.bias",
    }  # fmt: skip
    again = RoundResult.of(told, arrays)
    assert again.reports == REPORTS
    assert again.kept.report == REPORTS[2]
    assert again.kept.embedding is KEPT.embedding and again.kept.logits is KEPT.logits
    assert again.kept.weights.keys() == WEIGHTS.keys()
    assert all(again.kept.weights[name] is array for name, array in WEIGHTS.items())
