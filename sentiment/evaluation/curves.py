"""The curves of an evaluation: ROC, precision and recall, and reliability.

Everywhere: `labels` are 0 or 1, (N,); `probabilities` are P(label 1), float (N,).
"""

import numpy as np

from sentiment.evaluation.metrics import CALIBRATION_BINS

_MAX_POINTS = 500  # of a curve, so that its table stays small


def roc_curve(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return (false positive rate, true positive rate, threshold) in rows, float64 (P, 3).

    Each distinct probability is a threshold, from the highest down, after the point (0, 0, inf).
    Rates are NaN if a class is missing.

    >>> roc_curve(np.array([1, 0]), np.array([0.9, 0.2])).tolist()
    [[0.0, 0.0, inf], [0.0, 1.0, 0.9], [1.0, 1.0, 0.2]]
    """
    true, false, thresholds = _counts(labels, probabilities)
    with np.errstate(invalid="ignore"):
        rates = false / false[-1], true / true[-1]
    return _thin(np.column_stack([*rates, thresholds]))


def precision_recall_curve(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return (recall, precision, threshold) in rows, float64 (P, 3); thresholds as in `roc_curve`.

    The recall is NaN if no label is 1.
    """
    true, false, thresholds = (values[1:] for values in _counts(labels, probabilities))
    with np.errstate(invalid="ignore"):
        recall = true / (labels == 1).sum()
    return _thin(np.column_stack([recall, true / (true + false), thresholds]))


def reliability(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS
) -> np.ndarray:
    """Return (mean probability, share of label 1, texts) of each bin that has texts, (B, 3).

    The bins are those of the calibration error, of equal width.
    """
    bin_of = np.minimum((np.asarray(probabilities) * bins).astype(int), bins - 1)
    texts = np.bincount(bin_of, minlength=bins)
    sums = [np.bincount(bin_of, values, bins) for values in (probabilities, labels == 1)]
    filled = texts > 0
    return np.column_stack([*(total[filled] / texts[filled] for total in sums), texts[filled]])


def _counts(
    labels: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true and false positives at each threshold, and the thresholds, from inf down."""
    order = np.argsort(-probabilities, kind="stable")
    ordered, positive = probabilities[order].astype(np.float64), labels[order] == 1
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)  # of equal ones
    true = np.append(0, np.cumsum(positive)[last])
    false = np.append(0, np.cumsum(~positive)[last])
    return true, false, np.append(np.inf, ordered[last])


def _thin(points: np.ndarray) -> np.ndarray:
    """Return at most _MAX_POINTS of the points, the first and the last among them."""
    if len(points) <= _MAX_POINTS:
        return points
    return points[np.linspace(0, len(points) - 1, _MAX_POINTS).round().astype(int)]
