"""Project hidden states to two dimensions with the same meaning in every picture.

The axes are fitted once: they are the two principal axes of the states that a reference model has
for the probes. Another network's states have another basis, and no basis is better than another: a
rotation of the units changes nothing that a network can compute. So each set of states is rotated,
never stretched, to agree best with the reference (orthogonal Procrustes: Schönemann 1966). Points
move only if states do.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rotation:
    """Two orthonormal directions to project states on, float64 (S, 2)."""

    directions: np.ndarray

    def points(self, states: np.ndarray) -> np.ndarray:
        """Return states (N, S) as points, float32 (N, 2).

        The origin is the initial state, zeros. Coordinates are from -1 to 1; at ±1 all units would
        be saturated along that direction.
        """
        size = len(self.directions)
        return (states @ self.directions / np.sqrt(size)).astype(np.float32)


def principal_points(states: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return `states` (N, S) along their two principal axes, float64 (N, 2), as a reference.

    labels: (N,); the first axis points from label 0 to label 1.
    """
    centered = states.astype(np.float64) - states.mean(axis=0)
    left, singular_values, _ = np.linalg.svd(centered, full_matrices=False)
    points = np.zeros((len(states), 2))
    axes = min(2, len(singular_values))
    points[:, :axes] = left[:, :axes] * singular_values[:axes]
    positive, negative = points[labels == 1], points[labels == 0]
    if len(positive) and len(negative) and positive[:, 0].mean() < negative[:, 0].mean():
        points[:, 0] *= -1
    return points


def fit_rotation(reference: np.ndarray, states: np.ndarray) -> Rotation:
    """Return the rotation of `states` (N, S) that agrees best with `reference` (N, 2)."""
    centered = states.astype(np.float64) - states.mean(axis=0)
    left, _, right = np.linalg.svd(
        centered.T @ (reference - reference.mean(axis=0)), full_matrices=False
    )
    return Rotation(left @ right)
