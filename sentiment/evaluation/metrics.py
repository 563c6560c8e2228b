"""How good probabilities are, measured against labels.

Knows NumPy arrays only. Everywhere: `labels` are 0 or 1, (N,), and `probabilities` are those of
label 1, float (N,). Fractions are 0–1; losses are in nats.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from sentiment.inference.classifier import sigmoid

CALIBRATION_BINS = 15
_CERTAIN = 1e-12  # a probability is kept this far from 0 and 1 where its logarithm is taken


@dataclass(frozen=True)
class Scores:
    """Every measure of one evaluation. `confusion` is [[TN, FP], [FN, TP]]."""

    reviews: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    precision: float
    recall: float
    f1: float
    roc_auc: float
    log_loss: float
    brier: float
    calibration_error: float
    confusion: tuple[tuple[int, int], tuple[int, int]]


def score(labels: np.ndarray, probabilities: np.ndarray) -> Scores:
    """Return all measures; a probability of 0.5 or more counts as label 1."""
    truth, said = labels == 1, probabilities >= 0.5
    hits, alarms = int((truth & said).sum()), int((~truth & said).sum())
    misses, rest = int((truth & ~said).sum()), int((~truth & ~said).sum())
    correct, total = hits + rest, len(labels)
    low, high = wilson_interval(correct, total)
    precision, recall = _ratio(hits, hits + alarms), _ratio(hits, hits + misses)
    return Scores(
        reviews=total,
        accuracy=_ratio(correct, total),
        accuracy_low=low,
        accuracy_high=high,
        precision=precision,
        recall=recall,
        f1=_ratio(2 * precision * recall, precision + recall),
        roc_auc=roc_auc(labels, probabilities),
        log_loss=log_loss(labels, probabilities),
        brier=float(np.mean((probabilities - truth) ** 2)),
        calibration_error=calibration_error(labels, probabilities),
        confusion=((rest, alarms), (misses, hits)),
    )


def fit_temperature(labels: np.ndarray, logits: np.ndarray) -> float:
    """Return the temperature T > 0 for which sigmoid(logits / T) has the lowest log loss.

    Temperature scaling (Guo et al. 2017, section 4.2), from 0.05 to 20: found by halving the range
    of log T, in which the loss has one minimum. logits: float (N,). It moves no text across 0.5.
    """

    def slope(log_temperature: float) -> float:
        # d loss / d log T, up to a positive factor, with s = logit / T.
        scaled = logits / np.exp(log_temperature)
        return float(np.mean((labels - sigmoid(scaled)) * scaled))

    low, high = np.log(0.05), np.log(20.0)
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return float(np.exp((low + high) / 2))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def wilson_interval(correct: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the score interval of a share (Wilson 1927, eq. 5); `z` = 1.96 makes it 95 %."""
    if not total:
        return 0.0, 1.0
    share = correct / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    reach = (
        z * sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    )
    return max(0.0, centre - reach), min(1.0, centre + reach)


def roc_auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the chance that a positive ranks above a negative, ties counting half.

    It is the Mann–Whitney statistic over the number of pairs; NaN where a class is missing.
    """
    truth = labels == 1
    positives = int(truth.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return float("nan")
    _, group, size = np.unique(probabilities, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(size) - (size - 1) / 2)[group]
    above = ranks[truth].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean cross-entropy in nats."""
    inner = np.clip(np.asarray(probabilities, np.float64), _CERTAIN, 1 - _CERTAIN)
    return float(-np.mean(np.where(labels == 1, np.log(inner), np.log1p(-inner))))


def calibration_error(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS
) -> float:
    """Return the expected calibration error (Naeini et al. 2015) over `bins` equal widths.

    It is the mean distance, weighted by reviews, between the probability of label 1 said in a bin
    and the share of label 1 found there.
    """
    place = np.minimum((np.asarray(probabilities) * bins).astype(int), bins - 1)
    said = np.bincount(place, weights=probabilities, minlength=bins)
    found = np.bincount(place, weights=labels == 1, minlength=bins)
    return float(np.abs(said - found).sum() / len(labels)) if len(labels) else 0.0


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the chance of so uneven a split, or a more uneven one, between equal classifiers.

    McNemar's test (1947) in its exact form, two-sided: of the texts that only one of two
    classifiers gets right each is equally likely to go either way. Small values speak against
    equality; it is exact for any number of texts, as it counts in whole numbers.
    """
    total, fewer = only_first + only_second, min(only_first, only_second)
    ways = at_most = 1  # of choosing as many of `total` as are fewer; of choosing at most so many
    for chosen in range(fewer):
        ways = ways * (total - chosen) // (chosen + 1)
        at_most += ways
    return min(1.0, 2 * at_most / 2**total)


def paired_difference(
    only_first: int, only_second: int, total: int, z: float = 1.959964
) -> tuple[float, float, float]:
    """Return by how much the first of two classifiers is more accurate, with an interval.

    only_first, only_second: texts of the same `total` that only one of them gets right. The
    interval (low, high) is Wald's with half a text added to each of the four cells, which keeps
    its 95 % where Wald's own falls short (Agresti and Min 2005).
    """
    if not total:
        return 0.0, -1.0, 1.0
    first, second, count = only_first + 0.5, only_second + 0.5, total + 2
    centre = (first - second) / count
    reach = z * sqrt(first + second - (first - second) ** 2 / count) / count
    return (only_first - only_second) / total, max(-1.0, centre - reach), min(1.0, centre + reach)
