"""Build a trained model from Keras's own layers, so that Keras alone can load it."""

from collections.abc import Sequence

import keras
import numpy as np

from sentiment.config import ModelSettings
from sentiment.data.tokenizer import PADDING
from sentiment.inference.bundle import Bundle
from sentiment.inference.cells import SIMPLE_RNN
from sentiment.inference.weights import (
    CLASSIFIER_BIAS,
    CLASSIFIER_KERNEL,
    directions,
    layer_name,
    weight_name,
)

_BELOW_STATES = -4.0  # a state is -1 to 1; with this added it is less than any other


def build_stock_network(bundle: Bundle, inputs: Sequence[str]) -> keras.Model:
    """Return a SimpleRNN model as a network of stock layers, with its weights.

    It maps int32 ids, (B, T) for each of `inputs`, the word of a token first, to `probability`
    (B, 1), calibrated; `logit` (B, 1), not calibrated; `state` (B, S), which the classifier reads;
    and `states` (B, T, S), those after every token.
    """
    settings = bundle.settings
    ids = {name: keras.Input((None,), dtype="int32", name=name) for name in inputs}
    table = keras.layers.Embedding(*bundle.embedding.shape, mask_zero=True, name="embedding")
    # A token without an n-gram has id 0 there, whose vector is zeros. The sum is masked where all
    # its parts are: where there is no word.
    vectors = [table(column) for column in ids.values()]
    flow = keras.layers.Add(name="vector")(vectors) if len(vectors) > 1 else vectors[0]
    for number in range(1, settings.layers + 1):
        flow, *finals = _make_layer(settings, number)(flow)
    if settings.readout == "mean":
        state = keras.layers.GlobalAveragePooling1D(name="state")(flow)
    elif settings.readout == "max":
        state = _maximum(flow, ids[inputs[0]], bundle.tokenizer.vocabulary_size)
    else:
        state = keras.layers.Concatenate(name="state")(finals) if len(finals) > 1 else finals[0]
    logit = keras.layers.Dense(1, name="classifier")(state)
    calibrated = keras.layers.Rescaling(1 / bundle.temperature, name="calibration")(logit)
    probability = keras.layers.Activation("sigmoid", name="probability")(calibrated)
    outputs = {"probability": probability, "logit": logit, "state": state, "states": flow}
    network = keras.Model(ids, outputs, name="sentiment")
    _set_weights(network, bundle)
    return network


def _make_layer(settings: ModelSettings, number: int) -> keras.layers.Layer:
    """Return a recurrent layer, which gives the states of all steps and the final ones."""
    name = layer_name(number)
    layer = keras.layers.SimpleRNN(
        settings.units, return_sequences=True, return_state=True, name=name
    )
    return keras.layers.Bidirectional(layer, name=name) if settings.bidirectional else layer


def _maximum(
    states: keras.KerasTensor, words: keras.KerasTensor, vocabulary_size: int
) -> keras.KerasTensor:
    """Return the maximum of each unit over the words, (B, S)."""
    # Keras's pooling of the maximum takes no mask: padding gets numbers that are too low instead.
    low = keras.layers.Embedding(vocabulary_size, 1, trainable=False, name="low_at_padding")
    return keras.layers.GlobalMaxPooling1D(name="state")(keras.layers.Add()([states, low(words)]))


def _set_weights(network: keras.Model, bundle: Bundle) -> None:
    settings, weights = bundle.settings, bundle.weights
    network.get_layer("embedding").set_weights([np.asarray(bundle.embedding, np.float32)])
    for number in range(1, settings.layers + 1):
        network.get_layer(layer_name(number)).set_weights(
            [
                weights[weight_name(number, direction, part)]
                for direction in directions(settings)
                for part in SIMPLE_RNN.parts
            ]
        )
    network.get_layer("classifier").set_weights(
        [weights[CLASSIFIER_KERNEL], weights[CLASSIFIER_BIAS]]
    )
    if settings.readout == "max":
        low = np.zeros((bundle.tokenizer.vocabulary_size, 1), np.float32)
        low[PADDING] = _BELOW_STATES
        network.get_layer("low_at_padding").set_weights([low])
