"""Results of a training, and how a checkpoint stores them."""

from dataclasses import replace

import numpy as np
import pytest

from sentiment.training.results import BestEpoch, RoundResult
from sentiment.utils.progress import EpochMetrics

METRICS = EpochMetrics(
    epoch=1, epochs=3, seconds=0.1, reviews_per_second=1 / 3, train_loss=0.5, train_accuracy=0.75,
    validation_loss=0.25, validation_accuracy=0.875, best=True,
)  # fmt: skip
# The third is the best of its round, though an earlier round had a better one.
EPOCHS = [
    replace(METRICS, epoch=epoch, validation_loss=loss, best=False)
    for epoch, loss in enumerate((0.5, 0.375, 0.25, 0.25), 1)
]
WEIGHTS = {"rnn_1.forward.kernel": np.ones((2, 3), "f4"), "classifier.bias": np.zeros(1, "f4")}
LOGITS = np.array([2.0, -3.0, 0.0, 1.0, -1.0, -3.0], "f4")
BEST = BestEpoch(EPOCHS[2], np.full((4, 2), 0.5, "f4"), WEIGHTS, LOGITS)


def test_mistakes_come_with_the_most_confident_first_up_to_a_count():
    # Predicted positive: 0, 2 (a logit of 0 is a probability of 0.5) and 3. Wrong: 0 by 2, 1 by
    # 3, 2 by 0 and 5 by 3; 1 and 5 are equally wrong, so 1 comes first.
    labels = np.array([0, 1, 0, 1, 0, 1])
    assert BEST.worst_mistakes(labels, 9).tolist() == [1, 5, 0, 2]
    assert BEST.worst_mistakes(labels, 2).tolist() == [1, 5]
    assert BEST.worst_mistakes(LOGITS >= 0, 9).tolist() == []


def test_equally_wrong_mistakes_come_in_their_order():
    best = replace(BEST, logits=np.resize(np.array([1.0, 2.0], "f4"), 80))
    expected = [*range(1, 80, 2), *range(0, 80, 2)]
    assert best.worst_mistakes(np.zeros(80), 80).tolist() == expected


def test_the_temperature_calibrates_the_logits():
    # As in tests/evaluation/test_metrics.py.
    best = replace(BEST, logits=np.array([2.0, 2.0, 2.0, 2.0, -2.0, -2.0, -2.0, -2.0]))
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 1])
    assert best.temperature(labels) == pytest.approx(1.4235, abs=2e-3)


def test_a_round_is_restored_from_json_and_arrays():
    whole = RoundResult(EPOCHS, BEST)
    state, arrays = whole.as_json(), whole.arrays()
    assert state[1] == {
        "epoch": 2, "epochs": 3, "seconds": 0.1, "reviews_per_second": 1 / 3, "train_loss": 0.5,
        "train_accuracy": 0.75, "validation_loss": 0.375, "validation_accuracy": 0.875,
        "best": False, "network": 1,
    }  # fmt: skip
    assert arrays.keys() == {
        "embedding", "logits", "weights.rnn_1.forward.kernel", "weights.classifier.bias",
    }  # fmt: skip
    restored = RoundResult.from_json(state, arrays)
    assert restored.epochs == EPOCHS
    assert restored.best.metrics == EPOCHS[2]
    assert restored.best.embedding is BEST.embedding and restored.best.logits is BEST.logits
    assert restored.best.weights.keys() == WEIGHTS.keys()
    assert all(restored.best.weights[name] is array for name, array in WEIGHTS.items())
