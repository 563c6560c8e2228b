"""Reviews as arrays, ready for the network."""

from dataclasses import dataclass

import numpy as np

from sentiment.data import large_arrays


@dataclass(frozen=True)
class Examples:
    """Reviews ready for the network.

    features: int32 (total tokens, K); offsets: int64 (N + 1,); labels: float32 (N,), the
    probability that the review is positive, 0 or 1 for a label given by a person; weights: float32
    (N,), the factor of each review's loss, or None if all are 1.
    """

    features: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def after(self, first: int) -> "Examples":
        """Return the reviews from `first` on; they share the memory of these."""
        start = self.offsets[first]
        weights = None if self.weights is None else self.weights[first:]
        offsets = self.offsets[first:] - start
        return Examples(self.features[start:], offsets, self.labels[first:], weights)

    def __add__(self, other: "Examples") -> "Examples":
        """Return these reviews followed by those of `other`."""
        weights = None
        if self.weights is not None or other.weights is not None:
            parts = (self, other)
            weights = np.concatenate(
                [np.ones_like(p.labels) if p.weights is None else p.weights for p in parts]
            )
        rows, columns = len(self.features) + len(other.features), self.features.shape[1]
        features = large_arrays.zeros((rows, columns))
        np.concatenate([self.features, other.features], out=features)
        return Examples(
            features,
            np.concatenate([self.offsets, other.offsets[1:] + self.offsets[-1]]),
            np.concatenate([self.labels, other.labels]),
            weights,
        )


@dataclass(frozen=True)
class CountedExamples:
    """What a network learns from, and the ratios that its vectors begin with.

    ratios: float32 (rows,), see `log_count_ratios`; None if vectors begin without them.
    """

    examples: Examples
    ratios: np.ndarray | None
