"""The network: embedding → SimpleRNN layers → final hidden state → dropout → one logit.

Knows Keras; knows nothing of reviews, batches or how it is trained.
"""

import keras
import numpy as np
import tensorflow as tf

from sentiment.config import ModelSettings
from sentiment.nn.simple_rnn import FusedSimpleRNN


@keras.saving.register_keras_serializable(package="sentiment")
class RandomWordVectors(keras.initializers.RandomUniform):
    """Small random vectors for the first `words` rows, zeros for the n-grams that follow.

    An n-gram that training never meets, or always drops, then says nothing.
    """

    def __init__(self, words: int, *, seed=None):
        super().__init__(-0.05, 0.05, seed=seed)
        self.words = words

    def __call__(self, shape, dtype=None):
        """Return the first table, float (rows, E)."""
        drawn = super().__call__((self.words, shape[1]), dtype)
        return tf.concat([drawn, tf.zeros((shape[0] - self.words, shape[1]), drawn.dtype)], axis=0)

    def get_config(self):
        """Return the settings as Keras keeps them."""
        return {"words": self.words, "seed": self.seed}


@keras.saving.register_keras_serializable(package="sentiment")
class FeatureEmbedding(keras.layers.Layer):
    """The sum of the vectors of a token's features: its word and the n-grams that end with it.

    Maps int ids (B, T, K) to float32 (B, T, E); id 0 adds nothing, and a token whose word has
    id 0 is padding and masked. In training `word_dropout` and `ngram_dropout` are the shares of
    vectors left out at random, so that no verdict rests on one of them alone. A word left out is
    as if it had no vector; the n-grams that stay are scaled up to make up for those that go.
    """

    def __init__(
        self,
        words: int,
        ngrams: int,
        size: int,
        *,
        word_dropout: float = 0.0,
        ngram_dropout: float = 0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.word_dropout, self.ngram_dropout = word_dropout, ngram_dropout
        start = RandomWordVectors(words, seed=seed)
        self.table = keras.layers.Embedding(
            words + ngrams, size, embeddings_initializer=start, name="table"
        )
        self._draws = keras.random.SeedGenerator(seed)

    def build(self, shape):
        """Make the table of vectors, float32 (rows, E)."""
        self.table.build(shape)
        super().build(shape)

    def call(self, ids, training=False):
        """Return the summed vectors, float32 (B, T, E)."""
        # Laid out by time step, as the recurrence wants it: it undoes the transpose at the end, and
        # TensorFlow then drops both.
        ids = tf.transpose(ids, [1, 0, 2])
        vectors = self._words(ids) if self._is_plain(ids, training) else self._sum(ids, training)
        return tf.transpose(vectors, [1, 0, 2])

    def _is_plain(self, ids, training) -> bool:
        return ids.shape[-1] == 1 and not (training and self.word_dropout)

    def _words(self, ids):
        # What padding gathers is masked, so that its row is never moved.
        return tf.gather(self.table.embeddings.value, ids[..., 0])

    def _sum(self, ids, training):
        read = tf.not_equal(ids, 0)
        share = 1.0 - self.ngram_dropout
        if training:
            chances = [1.0 - self.word_dropout] + [share] * (ids.shape[-1] - 1)
            read &= keras.random.uniform(tf.shape(ids), seed=self._draws) < chances
        # Only the rows that count are gathered, and from the variable itself: Keras's Embedding
        # would first copy the whole table, at every step.
        where = tf.where(read)
        vectors = tf.gather(self.table.embeddings.value, tf.gather_nd(ids, where))
        if training:
            vectors *= tf.where(where[:, 2:] > 0, 1.0 / share, 1.0)
        steps, rows = tf.unstack(tf.shape(ids)[:2])
        token = where[:, 0] * tf.cast(rows, tf.int64) + where[:, 1]
        summed = tf.math.unsorted_segment_sum(vectors, token, steps * rows)
        return tf.reshape(summed, [steps, ids.shape[1] or rows, self.table.output_dim])

    def compute_mask(self, ids, mask=None):
        """Return which tokens are real, bool (B, T)."""
        return keras.ops.not_equal(ids[..., 0], 0)


@keras.saving.register_keras_serializable(package="sentiment")
class TimePooling(keras.layers.Layer):
    """The mean or the maximum of each unit over the real steps, for contrast with the final state.

    Maps float32 (B, T, H) to (B, H); a review without a real step gets zeros.
    """

    def __init__(self, kind: str, **kwargs):
        super().__init__(**kwargs)
        self.kind = kind
        self.supports_masking = True

    def call(self, states, mask=None):
        """Return the pooled states, float32 (B, H)."""
        real = tf.ones_like(states) if mask is None else tf.cast(mask, states.dtype)[..., None]
        if self.kind == "mean":
            return tf.reduce_sum(states * real, 1) / tf.maximum(tf.reduce_sum(real, 1), 1.0)
        # States of tanh lie above -1, so that what is not real is never the largest.
        largest = tf.reduce_max(tf.where(real > 0, states, -1.0), 1)
        return tf.where(tf.reduce_sum(real, 1) > 0, largest, 0.0)

    def compute_mask(self, states, mask=None):
        """Return None: no steps are left."""

    def get_config(self):
        """Return the settings as Keras keeps them."""
        return super().get_config() | {"kind": self.kind}


def build_network(settings: ModelSettings, *, words: int, ngrams: int, seed: int) -> keras.Model:
    """Return the network that maps int32 ids (B, T, K) to logits (B, 1) and final states (B, S).

    words: rows of the embedding table for padding, unknown and words; ngrams: rows for n-grams.
    With another `readout` than the last state, the pooled states take the final states' place.
    """
    seeds = iter(range(seed * 1000, seed * 1000 + 1000))
    ids = keras.Input((None, settings.ngrams), dtype="int32", name="ids")
    flow = FeatureEmbedding(
        words,
        ngrams,
        settings.embedding,
        word_dropout=settings.word_dropout,
        ngram_dropout=settings.ngram_dropout,
        seed=next(seeds),
        name="embedding",
    )(ids)
    for number in range(1, settings.layers + 1):
        layer = FusedSimpleRNN(
            settings.units,
            kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
            recurrent_initializer=keras.initializers.Identity(),
            return_sequences=number < settings.layers or settings.readout != "last",
            name=f"rnn_{number}",
        )
        if settings.bidirectional:
            layer = keras.layers.Bidirectional(layer, name=f"rnn_{number}")
        flow = layer(flow)
    if settings.readout != "last":
        flow = TimePooling(settings.readout, name="readout")(flow)
    read_state = flow
    flow = keras.layers.Dropout(settings.dropout, seed=next(seeds), name="dropout")(flow)
    head = keras.layers.Dense(
        1, kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)), name="classifier"
    )
    return keras.Model(ids, {"logit": head(flow), "state": read_state}, name="sentiment")


def add_prior(network: keras.Model, ratios: np.ndarray, *, seed: int) -> None:
    """Add `ratios`, float32 (rows,), to the embedding table along one random direction.

    So each vector begins where counting has it, and the recurrence begins by adding them up.
    """
    table = network.get_layer("embedding").table.embeddings
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], table.shape[1])
    table.assign(table.numpy() + np.outer(ratios, signs).astype(np.float32))


def reseed_dropout(network: keras.Model, index: int) -> None:
    """Have a network that is one of several with the same weights draw other numbers at random."""
    for variable in network.variables:
        if variable.path.endswith("seed_generator_state"):
            seed, counter = variable.numpy()
            variable.assign([seed + index, counter])


def recurrent_layers(network: keras.Model) -> dict[str, FusedSimpleRNN]:
    """Return the recurrent layers by the names their weights have in a bundle."""
    layers = {}
    for layer in network.layers:
        if isinstance(layer, keras.layers.Bidirectional):
            layers[f"{layer.name}.forward"] = layer.forward_layer
            layers[f"{layer.name}.backward"] = layer.backward_layer
        elif isinstance(layer, FusedSimpleRNN):
            layers[f"{layer.name}.forward"] = layer
    return layers


def get_arrays(network: keras.Model) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the embedding table, float32 (rows, E), and the other weights under bundle names."""
    weights = {}
    for prefix, layer in recurrent_layers(network).items():
        for name, value in zip(
            ("kernel", "recurrent_kernel", "bias"), layer.get_weights(), strict=True
        ):
            weights[f"{prefix}.{name}"] = value
    for name, value in zip(
        ("kernel", "bias"), network.get_layer("classifier").get_weights(), strict=True
    ):
        weights[f"classifier.{name}"] = value
    return network.get_layer("embedding").get_weights()[0], weights


def set_arrays(network: keras.Model, table: np.ndarray, weights: dict[str, np.ndarray]) -> None:
    """Give `network` the weights that `arrays` returns, or that a bundle holds."""
    for prefix, layer in recurrent_layers(network).items():
        names = ("kernel", "recurrent_kernel", "bias")
        layer.set_weights([weights[f"{prefix}.{name}"] for name in names])
    classifier = [weights["classifier.kernel"], weights["classifier.bias"]]
    network.get_layer("classifier").set_weights(classifier)
    network.get_layer("embedding").set_weights([table])
