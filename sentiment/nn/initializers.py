"""What counting alone says of each word and n-gram, before anything is trained.

Knows arrays only; knows nothing of Keras.
"""

import numpy as np

from sentiment.data.examples import Examples

_SMOOTHING = 1.0  # added to every count, so that no ratio is infinite


def log_count_ratios(examples: Examples, rows: int) -> np.ndarray:
    """Return log((p / |p|) / (q / |q|)) of each feature id, float32 (rows,).

    p and q are how often it occurs in positive and in negative reviews, plus one: the ratios of
    naive Bayes that a classifier may start from (Wang & Manning 2012, section 2.1). Padding and
    the unknown word have 0.
    """
    positive = np.repeat(examples.labels > 0.5, np.diff(examples.offsets))
    counts = [
        _SMOOTHING + np.bincount(examples.features[side].ravel(), minlength=rows)[2:]
        for side in (positive, ~positive)
    ]
    shares = [np.log(count / count.sum()) for count in counts]
    ratios = np.zeros(rows, np.float32)
    ratios[2:] = shares[0] - shares[1]
    return ratios
