"""The network: embedding → recurrent layers → final hidden state → dropout → one logit."""

from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np

from sentiment.config import ModelSettings
from sentiment.inference.weights import (
    CLASSIFIER_BIAS,
    CLASSIFIER_KERNEL,
    layer_name,
    weight_name,
)
from sentiment.nn import cells
from sentiment.nn.layers import FeatureEmbedding, TimePooling
from sentiment.nn.simple_rnn import FusedSimpleRNN

_CLASSIFIER = (CLASSIFIER_KERNEL, CLASSIFIER_BIAS)
_TRIAL = np.float32(0.1)  # length of a vector, in each dimension, with which a direction is tried


class RecurrentLayer(NamedTuple):
    """One direction of a recurrent layer. number: from 1; direction: `forward` or `backward`."""

    number: int
    direction: str
    layer: keras.layers.RNN

    @property
    def names(self) -> list[str]:
        """The bundle's names of the layer's weights, in Keras's order."""
        return [weight_name(self.number, self.direction, part.name) for part in self.layer.weights]


def build_network(settings: ModelSettings, *, words: int, ngrams: int, seed: int) -> keras.Model:
    """Return the network that maps int32 ids (B, T, K) to logits (B, 1) and final states (B, S).

    words: rows of the embedding table for padding, the unknown word and words; ngrams: rows for
    n-grams. With a `readout` other than `last`, pooled states replace the final states.
    """
    seeds = iter(range(seed * 1000, seed * 1000 + 1000))
    ids = keras.Input((None, settings.features), dtype="int32", name="ids")
    vectors = FeatureEmbedding(
        words,
        ngrams,
        settings.embedding,
        word_dropout=settings.word_dropout,
        ngram_dropout=settings.ngram_dropout,
        seed=next(seeds),
        name="embedding",
    )(ids)
    state = _recur(settings, vectors, seeds)
    dropout = keras.layers.Dropout(settings.dropout, seed=next(seeds), name="dropout")
    classifier = keras.layers.Dense(
        1, kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)), name="classifier"
    )
    logit = classifier(dropout(state))
    return keras.Model(ids, {"logit": logit, "state": state}, name="sentiment")


def _recur(
    settings: ModelSettings, vectors: keras.KerasTensor, seeds: Iterator[int]
) -> keras.KerasTensor:
    """Return the state that the classifier reads, (B, S), given a token's vectors, (B, T, E)."""
    flow, pooled = vectors, settings.readout != "last"
    for number in range(1, settings.layers + 1):
        layer = cells.make_layer(
            settings.cell,
            settings.units,
            seeds=seeds,
            return_sequences=pooled or number < settings.layers,
            name=layer_name(number),
        )
        if settings.bidirectional:
            layer = keras.layers.Bidirectional(layer, name=layer_name(number))
            for one in (layer.forward_layer, layer.backward_layer):
                one.halves = False
        flow = layer(flow)
    return TimePooling(settings.readout, name="readout")(flow) if pooled else flow


def compile_ahead(settings: ModelSettings, rows: int, longest: int) -> None:
    """Compile what networks of this shape need for batches of `rows` rows and `longest` steps.

    All networks of the process share it.
    """
    compile_loops(build_network(settings, words=3, ngrams=0, seed=0), rows, longest)


def compile_loops(network: keras.Model, rows: int, longest: int) -> None:
    """Compile the recurrence for batches of `rows` rows and up to `longest` steps."""
    for recurrent in recurrent_layers(network):
        # The directions share their programs.
        if recurrent.direction == "forward" and isinstance(recurrent.layer, FusedSimpleRNN):
            recurrent.layer.compile_loops(rows, longest)


def add_prior(network: keras.Model, ratios: np.ndarray, *, seed: int) -> None:
    """Add `ratios`, float32 (rows,), to the embedding table along one random direction.

    Each vector then starts at its log-count ratio, and the recurrence starts by adding them up. Of
    the direction and its opposite it is the one that the network takes for positive: otherwise it
    would begin with wrong answers, and a few hundred reviews may not be enough to turn it round.
    """
    table = network.get_layer("embedding").table.embeddings
    first = table.numpy()
    signs = np.random.default_rng(seed).choice(np.array([-1, 1], np.float32), table.shape[1])
    trial = first.copy()
    trial[1], trial[2] = _TRIAL * signs, -_TRIAL * signs
    table.assign(trial)
    ids = np.zeros((2, 1, network.inputs[0].shape[-1]), np.int32)
    ids[:, 0, 0] = 1, 2
    along, against = network(ids)["logit"].numpy().ravel()
    table.assign(first + np.outer(ratios, signs if along >= against else -signs))


def reseed_dropout(network: keras.Model, index: int) -> None:
    """Give worker `index` random numbers of its own: workers share weights, not dropout."""
    for variable in network.variables:
        if variable.path.endswith("seed_generator_state"):
            seed, counter = variable.numpy()
            variable.assign([seed + index, counter])


def recurrent_layers(network: keras.Model) -> list[RecurrentLayer]:
    """Return the recurrent layers of each direction, from the first to the last."""
    layers = [
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional)
    ]
    result = []
    for number, layer in enumerate(layers, 1):
        if isinstance(layer, keras.layers.Bidirectional):
            result.append(RecurrentLayer(number, "forward", layer.forward_layer))
            result.append(RecurrentLayer(number, "backward", layer.backward_layer))
        else:
            result.append(RecurrentLayer(number, "forward", layer))
    return result


def get_arrays(network: keras.Model) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the embedding table, float32 (rows, E), and the other weights by bundle name."""
    weights: dict[str, np.ndarray] = {}
    for recurrent in recurrent_layers(network):
        weights |= zip(recurrent.names, recurrent.layer.get_weights(), strict=True)
    classifier = network.get_layer("classifier").get_weights()
    weights |= zip(_CLASSIFIER, classifier, strict=True)
    return network.get_layer("embedding").get_weights()[0], weights


def set_arrays(network: keras.Model, table: np.ndarray, weights: dict[str, np.ndarray]) -> None:
    """Set all weights of `network`, given as `get_arrays` returns them or as a bundle has them."""
    for recurrent in recurrent_layers(network):
        recurrent.layer.set_weights([weights[name] for name in recurrent.names])
    network.get_layer("classifier").set_weights([weights[name] for name in _CLASSIFIER])
    network.get_layer("embedding").set_weights([table])
