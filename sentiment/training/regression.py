"""Logistic regression on n-grams, which labels reviews for the network (Wang & Manning 2012)."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse

from sentiment.data.count_ratios import count_features, log_count_ratios
from sentiment.data.encoded_texts import text_ranges
from sentiment.data.examples import Examples

_LEAST_REVIEWS = 3  # an n-gram counts if so many labelled reviews have it
_PENALTY = 1.5e-6  # of the squared coefficients, beside the mean loss of a review
_ITERATIONS = 40  # of L-BFGS, at most: 20 more make no difference to validation reviews
_LEAST_LENGTH = 1e-12  # of the features of a review, so that an empty one does not divide by 0
_SUM_SCALE = np.float32(0.1)  # of features that are not scaled by their number


@dataclass(frozen=True)
class NgramRegression:
    """A logistic regression on which n-grams, of one word and more, a review has.

    Each n-gram counts once a review, times its log-count ratio. If `normalized`, the features of a
    review are scaled to length 1; otherwise its logit is a plain sum over its n-grams.

    ratios, coefficients: float32 (rows,), by feature id, 0 for n-grams that are not used.
    """

    ratios: np.ndarray
    coefficients: np.ndarray
    bias: float
    normalized: bool

    @classmethod
    def fit(cls, examples: Examples, rows: int, *, normalized: bool) -> "NgramRegression":
        """Fit to labelled reviews whose features come once each; rows: number of feature ids."""
        ratios = log_count_ratios(examples, rows)
        used = count_features(examples.features, rows) >= _LEAST_REVIEWS
        ratios = np.where(used, ratios, np.float32(0))
        features = _feature_matrix(examples, ratios, normalized=normalized)
        columns = np.flatnonzero(ratios)
        coefficients = np.zeros(rows, np.float32)
        coefficients[columns], bias = _minimize_loss(features[:, columns], examples)
        return cls(ratios, coefficients, bias, normalized)

    @property
    def terms(self) -> np.ndarray:
        """What each n-gram adds to the logit if not `normalized`, float32 (rows,)."""
        return self.ratios * self.coefficients * _SUM_SCALE

    def logits(self, examples: Examples) -> np.ndarray:
        """Return the logit of each review, float32 (N,)."""
        offsets = examples.offsets
        logits = np.empty(len(examples), np.float32)
        for first, after in text_ranges(offsets):
            features = examples.features[offsets[first] : offsets[after]]
            sums = self._sums(features, offsets[first : after + 1] - offsets[first])
            logits[first:after] = sums + self.bias
        return logits

    def _sums(self, features: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Return the logit of each review without the bias, float64 (N,)."""
        sums = _sum_texts(np.take(self.ratios * self.coefficients, features), offsets)
        if not self.normalized:
            return sums * _SUM_SCALE
        squares = _sum_texts(np.take(self.ratios**2, features), offsets)
        return sums / np.maximum(np.sqrt(squares), _LEAST_LENGTH)


def _minimize_loss(features: sparse.csr_matrix, examples: Examples) -> tuple[np.ndarray, float]:
    """Return the coefficients, float32 (C,), and the bias with the lowest penalized mean loss."""
    signs = np.where(examples.labels > 0.5, 1, -1).astype(np.float32)
    weights = np.ones_like(signs) if examples.weights is None else examples.weights
    by_column = features.T.tocsr()  # a product with it takes half the time

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        coefficients, bias = parameters[:-1].astype(np.float32), np.float32(parameters[-1])
        margins = signs * (features @ coefficients + bias)
        mean = np.mean(weights * np.logaddexp(0, -margins), dtype=np.float64)
        slopes = -weights * signs / (1 + np.exp(margins)) / np.float32(len(signs))
        gradient = np.append(by_column @ slopes, slopes.sum()).astype(np.float64)
        gradient[:-1] += 2 * _PENALTY * parameters[:-1]
        return float(mean + _PENALTY * np.sum(parameters[:-1] ** 2)), gradient

    start = np.zeros(features.shape[1] + 1)
    found = optimize.minimize(
        loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}
    )
    return found.x[:-1].astype(np.float32), float(found.x[-1])


def _feature_matrix(
    examples: Examples, ratios: np.ndarray, *, normalized: bool
) -> sparse.csr_matrix:
    """Return the log-count ratios of the n-grams of each review, float32 (N, rows)."""
    values = np.take(ratios, examples.features)
    used = values != 0
    ends = np.concatenate([[0], np.cumsum(used.sum(axis=1))])[examples.offsets]
    matrix = sparse.csr_matrix(
        (values[used], examples.features[used], ends), shape=(len(examples), len(ratios))
    )
    if not normalized:
        return matrix * _SUM_SCALE
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    scale = (1 / np.maximum(lengths, _LEAST_LENGTH)).astype(np.float32)
    return sparse.diags(scale).tocsr() @ matrix


def _sum_texts(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return the sum of the values, float32 (tokens, K), of each text, float64 (N,)."""
    sums = np.cumsum(values.sum(axis=1), dtype=np.float64)
    return np.diff(np.concatenate([[0], sums])[offsets])
