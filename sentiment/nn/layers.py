"""Keras layers of the network beside the recurrent ones: embedding and pooling over time."""

from typing import Any

import keras
import tensorflow as tf

from sentiment.nn.initializers import RandomWordVectors


@keras.saving.register_keras_serializable(package="sentiment")
class FeatureEmbedding(keras.layers.Layer):
    """The sum of the vectors of a token's features: its word and the n-grams that end with it.

    Maps int ids (B, T, K) to float32 (B, T, E). Id 0 adds nothing; a token whose word has id 0 is
    padding and masked. In training, `word_dropout` and `ngram_dropout` are the shares of vectors
    left out at random, so that no prediction rests on a single feature. A word that is left out
    counts as if it had no vector; the remaining n-grams are scaled up to compensate for those
    left out.
    """

    def __init__(
        self,
        words: int,
        ngrams: int,
        size: int,
        *,
        word_dropout: float = 0.0,
        ngram_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.word_dropout, self.ngram_dropout = word_dropout, ngram_dropout
        self.table = keras.layers.Embedding(
            words + ngrams,
            size,
            embeddings_initializer=RandomWordVectors(words, seed=seed),
            name="table",
        )
        self._dropout_seed = keras.random.SeedGenerator(seed)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the table of vectors, float32 (rows, E)."""
        self.table.build(shape)
        super().build(shape)

    def call(self, ids: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the summed vectors, float32 (B, T, E)."""
        # Time-major, as the recurrent layer wants it: that layer reverses the transpose at the
        # end, and TensorFlow then drops both.
        ids = tf.transpose(ids, [1, 0, 2])
        if ids.shape[-1] == 1 and not (training and self.word_dropout):
            vectors = self._gather_words(ids)
        else:
            vectors = self._sum_features(ids, training)
        return tf.transpose(vectors, [1, 0, 2])

    def _gather_words(self, ids: tf.Tensor) -> tf.Tensor:
        # Padding is masked, so the row that it gathers gets no gradient.
        return tf.gather(self.table.embeddings.value, ids[..., 0])

    def _sum_features(self, ids: tf.Tensor, training: bool) -> tf.Tensor:
        used = tf.not_equal(ids, 0)
        ngram_share = 1.0 - self.ngram_dropout
        if training:
            shares = [1.0 - self.word_dropout] + [ngram_share] * (ids.shape[-1] - 1)
            used &= keras.random.uniform(tf.shape(ids), seed=self._dropout_seed) < shares
        # Gather only the rows in use, and from the variable itself: Keras's Embedding would copy
        # the whole table first, at every step.
        positions = tf.where(used)  # (step, review, feature) of each vector
        vectors = tf.gather(self.table.embeddings.value, tf.gather_nd(ids, positions))
        if training:
            vectors *= tf.where(positions[:, 2:] > 0, 1.0 / ngram_share, 1.0)
        steps, rows = tf.unstack(tf.shape(ids)[:2])
        tokens = positions[:, 0] * tf.cast(rows, tf.int64) + positions[:, 1]
        sums = tf.math.unsorted_segment_sum(vectors, tokens, steps * rows)
        return tf.reshape(sums, [steps, ids.shape[1] or rows, self.table.output_dim])

    def compute_mask(self, ids: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        """Return True for each real token, bool (B, T)."""
        return keras.ops.not_equal(ids[..., 0], 0)


@keras.saving.register_keras_serializable(package="sentiment")
class TimePooling(keras.layers.Layer):
    """The mean or the maximum of each unit over the real steps.

    A readout to compare with the final state. Maps float32 (B, T, H) to (B, H); a review without
    a real step gets zeros.
    """

    def __init__(self, kind: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.kind = kind
        self.supports_masking = True

    def call(self, states: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        """Return the pooled states, float32 (B, H)."""
        real = tf.ones_like(states) if mask is None else tf.cast(mask, states.dtype)[..., None]
        if self.kind == "mean":
            return tf.reduce_sum(states * real, 1) / tf.maximum(tf.reduce_sum(real, 1), 1.0)
        # Below every state of every cell, so that padding is never the maximum.
        largest = tf.reduce_max(tf.where(real > 0, states, states.dtype.min), 1)
        return tf.where(tf.reduce_sum(real, 1) > 0, largest, 0.0)

    def compute_mask(self, states: tf.Tensor, mask: tf.Tensor | None = None) -> None:
        """Return None: the output has no steps to mask."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this layer."""
        return super().get_config() | {"kind": self.kind}
