"""The fused layer, compared with Keras's own SimpleRNN."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from sentiment.nn import recurrence
from sentiment.nn.simple_rnn import FusedSimpleRNN

MASKS = ["no mask", "right padding", "left padding", "gaps", "one row masked"]


def make_mask(kind, batch, steps):
    mask = np.ones((batch, steps), bool)
    lengths = np.arange(batch) * steps // batch + 1
    for row, length in enumerate(lengths):
        if kind == "right padding":
            mask[row, length:] = False
        elif kind == "left padding":
            mask[row, : steps - length] = False
        elif kind == "gaps":
            mask[row, row % 2 :: 2] = False
    if kind == "one row masked":
        mask[0] = False
    return None if kind == "no mask" else mask


def pair(units, features, **options):
    """Return a stock and a fused layer with the same random weights."""
    layers = []
    for kind in (keras.layers.SimpleRNN, FusedSimpleRNN):
        layer = kind(units, return_sequences=True, return_state=True, **options)
        layer.build((None, None, features))
        layers.append(layer)
    random = np.random.default_rng(0)
    weights = [random.normal(0, 0.5, weight.shape) for weight in layers[0].get_weights()]
    for layer in layers:
        layer.set_weights(weights)
    return layers


def run(layer, inputs, mask, initial, upstream):
    """Return outputs, final state and the gradients of a weighted sum of both."""
    inputs, initial = tf.constant(inputs), tf.constant(initial)
    with tf.GradientTape() as tape:
        tape.watch([inputs, initial])
        outputs, state = layer(inputs, mask=mask, initial_state=initial)
        loss = tf.reduce_sum(outputs * upstream) + tf.reduce_sum(state * upstream[:, 0])
    gradients = tape.gradient(loss, [inputs, initial, *layer.trainable_variables])
    return [value.numpy() for value in (outputs, state, *gradients)]


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("shape", [(3, 7, 5, 11), (5, 1, 2, 3)])
def test_outputs_states_and_gradients_equal_the_stock_layer(activation, backwards, kind, shape):
    batch, steps, features, units = shape
    layers = pair(units, features, activation=activation, go_backwards=backwards)
    random = np.random.default_rng(1)
    inputs = random.normal(size=(batch, steps, features)).astype(np.float32)
    initial = random.normal(size=(batch, units)).astype(np.float32)
    upstream = random.normal(size=(batch, steps, units)).astype(np.float32)
    mask = make_mask(kind, batch, steps)
    expected, results = (run(layer, inputs, mask, initial, upstream) for layer in layers)
    for stock, fused in zip(expected, results, strict=True):
        scale = np.abs(stock).max()
        np.testing.assert_allclose(fused, stock, rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("zero_output_for_mask", [False, True])
def test_masked_outputs_equal_those_of_the_stock_layer(zero_output_for_mask):
    stock, fused = pair(4, 3)
    stock.zero_output_for_mask = fused.zero_output_for_mask = zero_output_for_mask
    inputs = np.random.default_rng(2).normal(size=(3, 6, 3)).astype(np.float32)
    mask = make_mask("gaps", 3, 6)
    for expected, result in zip(stock(inputs, mask=mask), fused(inputs, mask=mask), strict=True):
        np.testing.assert_allclose(result, expected, atol=1e-6)


def test_bidirectional_layers_equal_stock_ones():
    random = np.random.default_rng(3)
    inputs = random.normal(size=(4, 9, 3)).astype(np.float32)
    mask = make_mask("right padding", 4, 9)
    results = []
    for kind in (keras.layers.SimpleRNN, FusedSimpleRNN):
        layer = keras.layers.Bidirectional(kind(5))
        layer.build((None, None, 3))
        weights = np.random.default_rng(4)
        layer.set_weights([weights.normal(0, 0.5, part.shape) for part in layer.get_weights()])
        results.append(layer(inputs, mask=mask).numpy())
    np.testing.assert_allclose(results[1], results[0], atol=1e-6)


@pytest.mark.parametrize(
    "option", [{"activation": "sigmoid"}, {"unroll": True}, {"use_bias": False}, {"dropout": 0.5}]
)
def test_options_that_are_not_fused_equal_the_stock_layer(option):
    stock, fused = pair(4, 3, **option)
    inputs = np.random.default_rng(5).normal(size=(2, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(fused(inputs)[0], stock(inputs)[0], atol=1e-6)


def test_one_step_by_hand():
    # kernel [[0.5, -1]], recurrent kernel [[0, 1], [1, 0]], bias [0.25, 0], x = 2, h = [0.1, -0.2]:
    # 2·0.5 + (-0.2) + 0.25 = 1.05 and 2·(-1) + 0.1 + 0 = -1.9
    layer = FusedSimpleRNN(2)
    layer.build((None, None, 1))
    layer.set_weights(
        [np.array([[0.5, -1.0]]), np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0.25, 0.0])]
    )
    state = layer(
        np.array([[[2.0]]], np.float32), initial_state=np.array([[0.1, -0.2]], np.float32)
    )
    # tanh(1.05) = 0.781806, tanh(-1.9) = -0.956237
    np.testing.assert_allclose(state, [[0.781806, -0.956237]], atol=1e-6)


def test_saving_and_loading_gives_the_same_layer(tmp_path):
    model = keras.Sequential([keras.Input((None, 3)), FusedSimpleRNN(4, activation="relu")])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    inputs = np.random.default_rng(6).normal(size=(2, 5, 3)).astype(np.float32)
    np.testing.assert_array_equal(loaded(inputs), model(inputs))
    assert loaded.layers[-1].get_config() == model.layers[-1].get_config()
    stock = keras.layers.SimpleRNN(4, activation="relu")
    assert model.layers[-1].get_config().keys() == stock.get_config().keys()


COMPILE = """
import sys
from pathlib import Path
import keras
import tensorflow as tf
from sentiment.nn.simple_rnn import FusedSimpleRNN

def programs():
    return len(list(Path(sys.argv[1]).glob("*before_optimizations.txt")))

layer = keras.layers.Bidirectional(FusedSimpleRNN(7))
layer.build((None, None, 5))
layer.forward_layer.compile_loops(4, 100)  # serves both directions

@tf.function(input_signature=[tf.TensorSpec((4, None, 5), tf.float32)])
def step(inputs):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(inputs))
    return tape.gradient(loss, layer.trainable_variables)

counts = [programs()]
for width in (5, 64, 70, 128, 129):
    step(tf.zeros((4, width, 5)))
    counts.append(programs())
print(*counts)
"""


def test_lengths_compiled_ahead_are_not_compiled_in_training(tmp_path):
    # XLA writes a file for every program that it compiles.
    environment = os.environ | {"XLA_FLAGS": f"--xla_dump_to={tmp_path}"}
    command = [sys.executable, "-c", COMPILE, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ahead, *known, new = map(int, done.stdout.split())
    assert ahead > 0
    assert known == [ahead] * 4
    assert new > ahead


@pytest.mark.parametrize(("gpus", "loops"), [([], 2), (["a GPU"], 1)])
def test_a_batch_is_halved_on_the_cpu_alone(monkeypatch, gpus, loops):
    calls, make_loop = [], recurrence._forward_loop

    def counted(*arguments):
        loop = make_loop(*arguments)
        return lambda *tensors: calls.append(loop) or loop(*tensors)

    inputs = np.random.default_rng(0).normal(size=(4, 3, 5)).astype(np.float32)
    layer = FusedSimpleRNN(7)
    expected = layer(inputs)
    monkeypatch.setattr(recurrence, "_forward_loop", counted)
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: gpus)
    np.testing.assert_allclose(layer(inputs), expected, atol=1e-6)
    assert len(calls) == loops
