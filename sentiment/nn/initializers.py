"""First values of the embedding table: random vectors, and log-count ratios of the labels."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sentiment.data.examples import Examples

_RANGE = 0.05  # random vectors are uniform in ±0.05
_SMOOTHING = 1.0  # added to every count, so that no ratio is infinite


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


def log_count_ratios(examples: Examples, rows: int) -> np.ndarray:
    """Return log((p / |p|) / (q / |q|)) of each feature id, float32 (rows,).

    p and q are the counts of the feature in positive and in negative reviews, plus one: the
    ratios of naive Bayes that a classifier may start from (Wang & Manning 2012, section 2.1).
    Padding and the unknown word get 0.
    """
    positive = np.repeat(examples.labels > 0.5, np.diff(examples.offsets))
    counts = [
        _SMOOTHING + _count(examples.features[tokens], rows)[2:] for tokens in (positive, ~positive)
    ]
    log_shares = [np.log(count / count.sum()) for count in counts]
    ratios = np.zeros(rows, np.float32)
    ratios[2:] = log_shares[0] - log_shares[1]
    return ratios


def _count(features: np.ndarray, rows: int) -> np.ndarray:
    """Return how often each feature id occurs, int64 (rows,)."""
    # By column, since counting makes a copy in twice the bytes.
    columns = [np.bincount(column, minlength=rows) for column in features.T]
    return np.sum(columns, axis=0)
