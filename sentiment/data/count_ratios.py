"""Log-count ratios: how much more often a word occurs in positive reviews."""

import numpy as np

from sentiment.data.encoded_texts import text_ranges
from sentiment.data.examples import Examples

_BLOCK = 1 << 22  # tokens that are counted at once
_SMOOTHING = 1.0  # added to every count, so that no ratio is infinite


def count_features(features: np.ndarray, rows: int) -> np.ndarray:
    """Return how often each feature id comes in `features`, int32 (tokens, K): int64 (rows,)."""
    counts = np.zeros(rows, np.int64)
    for start in range(0, len(features), _BLOCK):  # counting makes a copy in twice the bytes
        for column in features[start : start + _BLOCK].T:
            counts += np.bincount(column, minlength=rows)
    return counts


def log_count_ratios(examples: Examples, rows: int) -> np.ndarray:
    """Return log((p / |p|) / (q / |q|)) of each feature id, float32 (rows,).

    p and q are the counts of the feature in positive and in negative reviews, plus one: the
    ratios of naive Bayes that a classifier may start from (Wang & Manning 2012, section 2.1).
    Padding and the unknown word get 0.
    """
    offsets, counts = examples.offsets, np.zeros(2 * rows, np.int64)
    for first, after in text_ranges(offsets):  # all at once would take twice the features' memory
        features = examples.features[offsets[first] : offsets[after]]
        lengths = np.diff(offsets[first : after + 1])
        # The counts of positive reviews are in the second half.
        shifts = np.repeat(rows * (examples.labels[first:after] > 0.5), lengths)
        for column in features.T:
            counts += np.bincount(column + shifts, minlength=2 * rows)
    smoothed = counts.reshape(2, rows)[:, 2:] + _SMOOTHING
    log_shares = [np.log(count / count.sum()) for count in smoothed]
    ratios = np.zeros(rows, np.float32)
    ratios[2:] = log_shares[1] - log_shares[0]
    return ratios
