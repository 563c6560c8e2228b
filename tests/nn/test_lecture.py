"""The lecture's small network, followed by hand."""

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.inspection.unrolled import unroll
from sentiment.nn.lecture import PASSES, LectureExample


@pytest.fixture(scope="module")
def trained():
    lecture = LectureExample(seed=0)
    return lecture, list(lecture.train())


def test_the_shapes_are_those_of_the_lecture(trained):
    lecture, steps = trained
    assert lecture.samples.shape == (8, 3, 2)
    assert lecture.parameters == 2 * 5 + 5 * 5 + 5 == 40
    assert lecture.states().shape == (8, 5)
    assert lecture.encode().shape == (8, 3, 5)
    assert len(steps) == 8 * PASSES
    assert [step.sample for step in steps[:9]] == [1, 2, 3, 4, 5, 6, 7, 8, 1]


def test_the_states_follow_the_formula(trained):
    lecture, _ = trained
    kernel, recurrent_kernel, bias = lecture.rnn.get_weights()
    state = np.zeros((8, 5))
    for step in range(3):
        state = np.tanh(lecture.samples[:, step] @ kernel + state @ recurrent_kernel + bias)
        np.testing.assert_allclose(lecture.encode()[:, step], state, atol=1e-5)
    np.testing.assert_allclose(lecture.states(), state, atol=1e-5)


def test_readouts_are_the_last_the_mean_and_the_maximum_of_the_states(trained):
    lecture, _ = trained
    states, readouts = lecture.encode(), lecture.readouts()
    np.testing.assert_array_equal(readouts.final, states[:, 2])
    np.testing.assert_allclose(readouts.mean, states.sum(axis=1) / 3, atol=1e-6)
    pooled = keras.layers.GlobalMaxPooling1D()(states)
    np.testing.assert_array_equal(readouts.largest, pooled)


def test_the_labels_follow_their_rule_and_the_network_learns_them(trained):
    lecture, steps = trained
    rises = [sample[2][0] > sample[0][0] for sample in lecture.samples]
    assert lecture.labels.tolist() == [int(rise) for rise in rises]
    assert 0 < sum(lecture.labels) < 8
    np.testing.assert_array_equal(lecture.probabilities() > 0.5, lecture.labels == 1)
    assert sum(step.loss for step in steps[-8:]) < sum(step.loss for step in steps[:8]) / 5


def test_the_command_prints_the_same_lecture_for_the_same_seed():
    first, second, other = (
        CliRunner().invoke(app, ["lecture", "--seed", seed]).output for seed in ("0", "0", "1")
    )
    assert first == second != other
    assert "40 parameters" in first
    assert first.count("  state [") == 16
    assert max(map(len, first.splitlines())) <= 80
    for part in ("final state", "mean pooling", "max pooling", "return_sequences=True"):
        assert part in first


def test_the_unrolled_network_gives_keras_states_and_probabilities(trained):
    lecture, _ = trained
    network = lecture.network()
    for sample, states, probability in zip(
        lecture.samples, lecture.encode(), lecture.probabilities(), strict=True
    ):
        steps = unroll(sample, network.cell)
        np.testing.assert_allclose([step.h for step in steps], states, atol=1e-5)
        assert network.decide(steps[-1].h).probability == pytest.approx(probability, abs=1e-5)


def test_training_does_not_change_a_copy_of_the_weights():
    lecture = LectureExample(seed=0)
    before = lecture.network()
    kernel = before.cell.kernel.copy()
    next(lecture.train())
    np.testing.assert_array_equal(before.cell.kernel, kernel)
    assert np.abs(lecture.network().cell.kernel - kernel).max() > 0.01
