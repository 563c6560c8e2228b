"""Measurements on a network that does not learn, and the advice that follows."""

import dataclasses

import numpy as np
import pytest

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data.examples import Examples
from sentiment.data.prepare import prepare
from sentiment.errors import DivergedError
from sentiment.inference import bundle
from sentiment.inference.weights import (
    CELL_PARTS,
    CLASSIFIER_BIAS,
    CLASSIFIER_KERNEL,
    weight_name,
)
from sentiment.nn import network
from sentiment.tracking import store
from sentiment.training import diagnostics
from sentiment.training.diagnostics import Diagnosis, near_chance
from sentiment.training.train import train
from sentiment.training.trainer import Trainer
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress

SMALL = ModelSettings(units=4, embedding=3, ngrams=1, bidirectional=False)
HEALTHY = {
    "gradients": (0.1, 0.2, 0.3), "saturated": 0.1, "truncated": 0.1, "learning_rate": 0.003,
    "validation_reviews": 100,
}  # fmt: skip


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    settings = PrepareSettings(dataset="sample")
    return prepare(settings, ProjectPaths(tmp_path_factory.mktemp("project")))[0]


class Listener(Progress):
    """Collects the notes of a training."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def states_by_hand(inputs, weights, direction):
    """Return the initial state and the state after each step of one review, (T + 1, H)."""
    kernel, recurrent_kernel, bias = (
        weights[weight_name(1, direction, part)] for part in CELL_PARTS
    )
    states = [np.zeros(4)]
    for vector in inputs:
        states.append(np.tanh(vector @ kernel + states[-1] @ recurrent_kernel + bias))
    return np.array(states)


READOUTS_BY_HAND = {
    "last": lambda states: states[-1],
    "mean": lambda states: states[1:].mean(axis=0),
    "max": lambda states: states[1:].max(axis=0),
}
SHARES_BY_HAND = {  # d readout / d h_t, (T, H)
    "last": lambda states: np.arange(1, len(states))[:, None] == len(states) - 1,
    "mean": lambda states: np.full(states[1:].shape, 1 / (len(states) - 1)),
    "max": lambda states: states[1:] == states[1:].max(axis=0),
}


def norms_by_hand(model, table, weights, ids, label):
    """Return the norm of dL/dh_t, forward direction, at every step of one review by formula."""
    states = states_by_hand(table[ids], weights, "forward")
    read = READOUTS_BY_HAND[model.readout]
    readouts = [read(states)]
    if model.bidirectional:
        readouts.append(read(states_by_hand(table[ids][::-1], weights, "backward")))
    out = weights[CLASSIFIER_KERNEL][:, 0]
    probability = 1 / (1 + np.exp(-(np.concatenate(readouts) @ out + weights[CLASSIFIER_BIAS][0])))
    direct = (probability - label) * out[:4] * SHARES_BY_HAND[model.readout](states)
    recurrent_kernel = weights[weight_name(1, "forward", "recurrent_kernel")]
    later, norms = np.zeros(4), []
    for share, state in zip(direct[::-1], states[:0:-1], strict=True):
        gradient = share + later
        norms.append(np.linalg.norm(gradient))
        later = (gradient * (1 - state**2)) @ recurrent_kernel.T
    return norms[::-1]


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("readout", ["last", "mean", "max"])
def test_gradient_norms_follow_the_formulas(readout, bidirectional):
    model = dataclasses.replace(SMALL, readout=readout, bidirectional=bidirectional)
    built = network.build_network(model, words=20, ngrams=0, seed=0)
    random = np.random.default_rng(0)
    table = built.get_layer("embedding").table
    table.set_weights([random.normal(0, 0.5, (20, 3))])
    ids = random.integers(1, 20, (2, 7))
    examples = Examples(
        ids.reshape(-1, 1).astype(np.int32), np.array([0, 7, 14]), np.array([1, 0], np.float32)
    )
    table, weights = network.get_arrays(built)
    expected = np.mean(
        [
            norms_by_hand(model, table, weights, row, label)
            for row, label in zip(ids, (1, 0), strict=True)
        ],
        axis=0,
    )
    norms = diagnostics.gradient_norms(built, model, examples)
    np.testing.assert_allclose(norms, expected[[0, 3, 6]], rtol=1e-4)


@pytest.mark.parametrize(
    "model",
    [
        ModelSettings(units=4, layers=2, bidirectional=True, ngrams=2),
        ModelSettings(units=4, readout="mean", bidirectional=False),
        ModelSettings(units=4, readout="max", bidirectional=True),
    ],
)
def test_gradients_can_be_measured_in_networks_of_every_shape(model):
    built = network.build_network(model, words=20, ngrams=0, seed=0)
    features = np.random.default_rng(0).integers(1, 20, (21, model.ngrams)).astype(np.int32)
    examples = Examples(features, np.array([0, 9, 9, 21]), np.array([1, 0, 1], np.float32))
    assert all(0 < norm < 10 for norm in diagnostics.gradient_norms(built, model, examples))


def test_without_a_token_there_is_no_gradient():
    built = network.build_network(SMALL, words=20, ngrams=0, seed=0)
    empty = Examples(np.empty((0, 1), np.int32), np.zeros(3, np.int64), np.array([1, 0], "f4"))
    assert diagnostics.gradient_norms(built, SMALL, empty) == (0, 0, 0)


def test_chance_is_an_interval_that_reaches_the_larger_class():
    # Wilson's lower end of 8 in 10 is 0.490: it may be a coin. That of 9 in 10 is 0.596.
    even = np.array([0, 1] * 5)
    assert near_chance(0.8, even) and not near_chance(0.9, even)
    # 80 in 100: 0.711; 84 in 100: 0.756. Always answering positive is right 75 times.
    uneven = np.array([1, 1, 1, 0] * 25)
    assert near_chance(0.8, uneven) and near_chance(0.5, uneven) and not near_chance(0.84, uneven)
    # With many reviews a small difference is no chance: the lower end of 0.53 is 0.5104.
    assert not near_chance(0.53, np.array([0, 1] * 1250))
    assert near_chance(1.0, np.ones(10))


def test_the_message_compares_with_always_answering_the_larger_class():
    # 61 in 100: center 0.60593, half width 0.09392.
    labels = np.array([1] * 58 + [0] * 42)
    assert diagnostics.chance_message(0.61, labels) == (
        "validation accuracy 61.0 % (95 % interval 51 to 70 %) is not clearly above always "
        "answering positive (58.0 %)"
    )
    assert "always answering negative (58.0 %)" in diagnostics.chance_message(0.61, 1 - labels)


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"gradients": (1e-9, 1e-5, 0.3)}, "--recurrent-rate"),
        ({"gradients": (3e3, 1.0, 0.3)}, "--clip"),
        ({"saturated": 0.8}, "lower --learning-rate"),
        ({"truncated": 0.8}, "--longest-review"),
        ({"learning_rate": 1e-6}, "raise --learning-rate"),
        ({"learning_rate": 0.5}, "lower --learning-rate"),
        ({"validation_reviews": 99}, "label more texts"),
        ({}, "nothing stands out"),
    ],
)
def test_findings_state_the_measurements_and_one_advice(changes, option):
    measurements, *advice = Diagnosis(**(HEALTHY | changes)).findings()
    for words in ("first step", "saturated", "learning rate"):
        assert words in measurements
    assert len(advice) == 1 and option in advice[0]


def test_training_reports_while_it_runs_that_it_does_not_learn(sample, tmp_path):
    listener = Listener()
    settings = TrainSettings(epochs=3, learning_rate=1e-7, prior=0.0)
    train(sample, SMALL, settings, ProjectPaths(tmp_path), track=False, progress=listener)
    notes = [note for note in listener.notes if "not clearly above always answering" in note]
    assert notes and "raise --learning-rate" in notes[0]


def test_a_diverged_training_stops_and_its_best_epoch_is_saved(sample, tmp_path, monkeypatch):
    from mlflow import MlflowClient

    networks, build = [], network.build_network
    monkeypatch.setattr(
        network, "build_network", lambda *a, **k: networks.append(build(*a, **k)) or networks[0]
    )

    class Saboteur(Listener):
        """Makes a weight NaN after the first epoch."""

        def epoch(self, report):
            bias = networks[0].get_layer("classifier").bias
            bias.assign([float("nan")])

    paths, saboteur = ProjectPaths(tmp_path), Saboteur()
    settings = TrainSettings(learning_rate=0.003)
    with pytest.raises(DivergedError, match="no longer a number in epoch 2, batch 1") as caught:
        train(sample, SMALL, settings, paths, name="diverges", progress=saboteur)
    assert "--clip 1 --learning-rate 0.001" in caught.value.hint
    saved = bundle.read(paths.models / "diverges")
    assert np.isfinite(saved.weights[CLASSIFIER_BIAS]).all()
    assert any("epoch 1, the best so far, is saved in" in note for note in saboteur.notes)
    (run,) = MlflowClient(store.tracking_uri(paths)).search_runs(["1"])
    assert run.info.status == "FAILED"
    assert "no longer a number" in run.data.tags["failure"]


def test_clipping_bounds_the_norm_of_the_gradient():
    ids = np.random.default_rng(0).integers(1, 20, (4, 6, 1)).astype(np.int32)
    batch = [(ids, np.array([1, 0, 1, 0], np.float32), np.ones(4, np.float32))]
    moved = {}
    for clip in (0.0, 1e6, 1e-9):
        built = network.build_network(SMALL, words=20, ngrams=0, seed=0)
        before = built.get_layer("classifier").get_weights()[0]
        settings = TrainSettings(clip=clip, batch_size=4, learning_rate=0.01)
        list(Trainer(built, settings, steps=10).run_epoch(batch))
        moved[clip] = np.abs(built.get_layer("classifier").get_weights()[0] - before).max()
    # Adam's first step is rate·g / (|g| + 1e-7): the rate, unless |g| is far below 1e-7.
    assert moved[0.0] == moved[1e6] == pytest.approx(0.01, rel=1e-3)
    assert moved[1e-9] < 0.01 * 0.01
