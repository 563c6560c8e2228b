"""First values of the embedding table: random vectors."""

from typing import Any

import keras
import tensorflow as tf

_RANGE = 0.05  # random vectors are uniform in ±0.05


@keras.saving.register_keras_serializable(package="sentiment")
class RandomWordVectors(keras.initializers.RandomUniform):
    """Small random vectors for the first `words` rows, zeros for the rows of n-grams after them.

    An n-gram that training never meets, or always drops, then contributes nothing.
    """

    def __init__(self, words: int, *, seed: int | None = None):
        super().__init__(-_RANGE, _RANGE, seed=seed)
        self.words = words

    def __call__(self, shape: tuple[int, int], dtype: Any = None) -> tf.Tensor:
        """Return the first table, float (rows, E)."""
        words = super().__call__((self.words, shape[1]), dtype)
        ngrams = tf.zeros((shape[0] - self.words, shape[1]), words.dtype)
        return tf.concat([words, ngrams], axis=0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this initializer."""
        return {"words": self.words, "seed": self.seed}
