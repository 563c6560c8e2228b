"""Recurrent cells: a second one, registered here, is read from a bundle and run like the first."""

import dataclasses

import numpy as np
import pytest

from sentiment.config import ModelSettings
from sentiment.errors import DamagedFileError, InputError
from sentiment.inference import bundle
from sentiment.inference.cells import CELLS, SIMPLE_RNN, RecurrentCell, cell_of
from sentiment.inference.classifier import Classifier
from sentiment.inference.weights import weight_shapes
from tests.helpers.build import TINY, tiny_bundle

TEXTS = ["a good film with a heart", "bad", "", "never seen words", "a bad film, a bad heart"]


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def mgu_shapes(input_size, units):
    return {
        "kernel": (input_size, 2 * units),
        "gate_recurrent_kernel": (units, units),
        "candidate_recurrent_kernel": (units, units),
        "bias": (2 * units,),
    }


def mgu_states(projected, weights, active):
    """The states of a minimal gated unit (Zhou et al. 2016), for all texts of a step at once."""
    units = projected.shape[1] // 2
    states = np.empty((len(projected), units), np.float32)
    previous = np.zeros((active.max(initial=0), units), np.float32)
    start = 0
    for count in active:
        step, before = slice(start, start + count), previous[:count]
        inputs = projected[step]
        gate = sigmoid(inputs[:, :units] + before @ weights["gate_recurrent_kernel"])
        candidate = np.tanh(
            inputs[:, units:] + (gate * before) @ weights["candidate_recurrent_kernel"]
        )
        states[step] = previous = (1 - gate) * before + gate * candidate
        start += count
    return states


def mgu_token_by_token(inputs, weights):
    """Return the state after each token, computed one token at a time."""
    units = len(weights["gate_recurrent_kernel"])
    gate_kernel, candidate_kernel = np.split(weights["kernel"], 2, axis=1)
    gate_bias, candidate_bias = np.split(weights["bias"], 2)
    state, states = np.zeros(units), []
    for vector in inputs:
        gate = sigmoid(vector @ gate_kernel + state @ weights["gate_recurrent_kernel"] + gate_bias)
        candidate = np.tanh(
            vector @ candidate_kernel
            + (gate * state) @ weights["candidate_recurrent_kernel"]
            + candidate_bias
        )
        state = (1 - gate) * state + gate * candidate
        states.append(state)
    return states


@pytest.fixture
def mgu(monkeypatch):
    """Register a cell named `mgu`."""
    monkeypatch.setitem(CELLS, "mgu", RecurrentCell(mgu_shapes, mgu_states))


def mgu_settings(**changes):
    return dataclasses.replace(TINY, cell="mgu", **changes)


def expected_final_state(opened, text):
    """Return the final state of one text, layer by layer and token by token."""
    settings = opened.settings
    encoded = opened.tokenizer.encode([text])
    features = opened.tokenizer.features(encoded, settings.ngrams)
    table = opened.embedding.astype("f8")
    flow = [sum(table[i] for i in row if i > 0) for row in features]
    if not flow:
        return np.zeros(settings.state_size)
    directions = ("forward", "backward") if settings.bidirectional else ("forward",)
    for number in range(1, settings.layers + 1):
        states = []
        for direction in directions:
            prefix = f"rnn_{number}.{direction}."
            weights = {
                name.removeprefix(prefix): array
                for name, array in opened.weights.items()
                if name.startswith(prefix)
            }
            order = slice(None, None, -1 if direction == "backward" else 1)
            states.append(mgu_token_by_token(flow[order], weights)[order])
        flow = [np.concatenate(step) for step in zip(*states, strict=True)]
    return np.concatenate([states[0][-1], *(backward[0] for backward in states[1:])])


@pytest.mark.parametrize("changes", [{}, {"bidirectional": True}, {"layers": 2}])
def test_a_second_cell_is_read_from_a_bundle_and_run(mgu, tmp_path, changes):
    opened = tiny_bundle(tmp_path / "model", mgu_settings(**changes))
    assert opened.settings.cell == "mgu"
    assert "rnn_1.forward.gate_recurrent_kernel" in opened.weights
    assert opened.weights["rnn_1.forward.kernel"].shape == (2, 6)
    classifier = Classifier(opened)
    states = classifier.final_states(classifier.encode(TEXTS))
    expected = np.array([expected_final_state(opened, text) for text in TEXTS])
    np.testing.assert_allclose(states, expected, atol=1e-6)
    assert states.dtype == np.float32


def test_without_a_setting_the_cell_is_a_simple_rnn():
    assert cell_of(TINY) is SIMPLE_RNN is CELLS["simple_rnn"]
    assert SIMPLE_RNN.parts == ("kernel", "recurrent_kernel", "bias")


def test_an_unknown_cell_is_refused_with_the_known_ones(monkeypatch, tmp_path):
    settings = ModelSettings(cell="lstm")
    with pytest.raises(InputError, match="unknown cell 'lstm'; known cells are simple_rnn"):
        weight_shapes(settings)
    opened = tiny_bundle(tmp_path / "model", TINY)
    model = opened.manifest.settings["model"] | {"cell": "lstm"}
    bundle.update_manifest(opened, settings={"model": model})
    with pytest.raises(DamagedFileError, match="not valid: unknown cell 'lstm'"):
        bundle.read(opened.folder)


def test_a_simple_rnn_by_hand():
    # Two texts, of two steps and one; one unit: h_1 = tanh(0.5), h_2 = tanh(0.25 + 2·h_1).
    projected = np.array([[0.5], [-1.0], [0.25]], np.float32)
    weights = {"recurrent_kernel": np.array([[2.0]], np.float32)}
    states = SIMPLE_RNN.states(projected, weights, np.array([2, 1]))
    np.testing.assert_allclose(states, [[0.462117], [-0.761594], [0.825625]], atol=1e-6)
    assert states is projected and states.dtype == np.float32  # no second array
