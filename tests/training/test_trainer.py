"""The training step: learning rates, label smoothing and the reported loss."""

import numpy as np
import pytest

from sentiment.config import ModelSettings, TrainSettings
from sentiment.nn import network
from sentiment.training.trainer import ModelOutputs, Trainer

MODEL = ModelSettings(units=3, embedding=2, ngrams=1, dropout=0.0, word_dropout=0.0)
BATCH = (
    np.random.default_rng(0).integers(1, 20, (4, 6, 1)).astype(np.int32),
    np.array([1, 0, 1, 0], np.float32),
    np.array([1, 1, 1, 0], np.float32),
)


def trainer(**settings):
    """Return a network and its trainer."""
    built = network.build_network(MODEL, words=20, ngrams=0, seed=0)
    return built, Trainer(built, TrainSettings(batch_size=4, **settings), steps=10)


@pytest.mark.parametrize("direction", ["forward_layer", "backward_layer"])
def test_recurrent_weights_have_learning_rates_of_their_own(direction):
    built, training = trainer(learning_rate=0.01, input_rate=0.5, recurrent_rate=0.1)
    cell = getattr(built.get_layer("rnn_1"), direction).get_weights
    before, head = cell(), built.get_layer("classifier").get_weights()[0]
    list(training.run_epoch([BATCH]))
    moved = [np.abs(new - old).max() for new, old in zip(cell(), before, strict=True)]
    # Adam's first step is the rate itself: for kernel, recurrent kernel and bias.
    np.testing.assert_allclose(moved, [0.005, 0.001, 0.001], rtol=1e-2)
    assert np.abs(built.get_layer("classifier").get_weights()[0] - head).max() == pytest.approx(
        0.01, rel=1e-2
    )


def test_the_reported_loss_ignores_smoothing_and_rows_of_weight_zero():
    for smoothing in (0.0, 0.5):
        built, training = trainer(label_smoothing=smoothing)
        logits = built(BATCH[0])["logit"].numpy()[:, 0]
        (step,) = training.run_epoch([BATCH])
        expected = np.logaddexp(0, logits) - BATCH[1] * logits
        assert step.loss == pytest.approx(expected[:3].sum(), rel=1e-5)
        assert step.reviews == 3
        assert step.correct == ((logits >= 0) == (BATCH[1] == 1))[:3].sum()


def test_smoothed_labels_pull_towards_one_half():
    # With labels close to one half, the logits shrink instead of growing.
    _, training = trainer(label_smoothing=0.9, learning_rate=0.05)
    smoothed = [step.loss for _ in range(10) for step in training.run_epoch([BATCH])]
    _, training = trainer(label_smoothing=0.0, learning_rate=0.05)
    plain = [step.loss for _ in range(10) for step in training.run_epoch([BATCH])]
    assert plain[-1] < smoothed[-1]


def test_the_learning_rate_falls_to_zero():
    _, training = trainer(learning_rate=0.01)
    list(training.run_epoch([BATCH] * 5))
    assert float(training.optimizer.learning_rate) == pytest.approx(0.005)


def test_loss_and_accuracy_by_hand():
    outputs = ModelOutputs(np.array([0.0, np.log(3)], np.float32), np.zeros((2, 1), np.float32))
    # Probabilities 1/2 and 3/4; labels 1 and 0: losses log 2 and log 4.
    assert outputs.loss(np.array([1, 0])) == pytest.approx((np.log(2) + np.log(4)) / 2)
    assert outputs.accuracy(np.array([1, 0])) == 0.5
    np.testing.assert_allclose(outputs.probabilities, [0.5, 0.75])


def test_the_loss_of_a_review_is_multiplied_by_its_weight():
    built, training = trainer()
    logits = built(BATCH[0])["logit"].numpy()[:, 0]
    weights = np.array([0.5, 2, 1, 0], np.float32)
    (step,) = training.run_epoch([(*BATCH[:2], weights)])
    losses = np.logaddexp(0, logits) - BATCH[1] * logits
    assert step.loss == pytest.approx((losses * weights).sum(), rel=1e-5)
    # Reviews and correct predictions are counted, whatever their weight.
    assert step.reviews == 3
    assert step.correct == ((logits >= 0) == (BATCH[1] == 1))[:3].sum()


def test_weights_do_not_cancel_out_in_a_batch_of_one_label():
    # With clipping off and plain gradients: a batch of weight 3 has three times the gradient.
    norms = []
    for weight in (1, 3):
        _, training = trainer(label_smoothing=0.0)
        gradients, _ = training._gradients(
            BATCH[0], np.ones(4, np.float32), np.full(4, weight, np.float32)
        )
        norms.append(float(np.linalg.norm(gradients[-1])))
    assert norms[1] == pytest.approx(3 * norms[0], rel=1e-4)


def test_a_weighted_validation_loss_by_hand():
    outputs = ModelOutputs(np.array([0.0, np.log(3)], np.float32), np.zeros((2, 1), np.float32))
    weighted = outputs.loss(np.array([1, 0]), np.array([0.5, 1.5]))
    assert weighted == pytest.approx((0.5 * np.log(2) + 1.5 * np.log(4)) / 2)
