"""Reviews as arrays, ready for the network."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Examples:
    """Reviews ready for the network.

    features: int32 (total tokens, K); offsets: int64 (N + 1,); labels: float32 (N,), the
    probability that the review is positive, 0 or 1 for a label given by a person.
    """

    features: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __add__(self, other: "Examples") -> "Examples":
        """Return these reviews followed by those of `other`."""
        return Examples(
            np.concatenate([self.features, other.features]),
            np.concatenate([self.offsets, other.offsets[1:] + self.offsets[-1]]),
            np.concatenate([self.labels, other.labels]),
        )
