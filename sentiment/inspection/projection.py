"""Hidden states of any size in two dimensions that mean the same in every picture.

Knows NumPy arrays; knows nothing of where states come from.

The axes are fitted once, to the states that a reference model has for the probes: their two
principal axes. States of another network stand in another basis, which is as good as any: a
rotation of the units changes nothing that a network can compute. So each set of states is rotated,
and never stretched, to where it agrees most with the reference (orthogonal Procrustes: Schönemann
1966), and points move only where states do.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rotation:
    """Orthonormal directions, float64 (S, 2), that states are seen along."""

    directions: np.ndarray

    def points(self, states: np.ndarray) -> np.ndarray:
        """Return states (N, S) as points, float32 (N, 2).

        The origin is the state before the first word, and no coordinate is beyond ±1, where all
        units would be saturated along that direction.
        """
        size = len(self.directions)
        return (states @ self.directions / np.sqrt(size)).astype(np.float32)


def principal_points(states: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return `states` (N, S) along their two principal axes, float64 (N, 2), as a reference.

    labels: (N,); the first axis grows from label 0 towards label 1.
    """
    centred = states.astype(np.float64) - states.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    points = np.zeros((len(states), 2))
    most = min(2, len(sizes))
    points[:, :most] = left[:, :most] * sizes[:most]
    positive, negative = points[labels == 1], points[labels == 0]
    if len(positive) and len(negative) and positive[:, 0].mean() < negative[:, 0].mean():
        points[:, 0] *= -1
    return points


def fit_rotation(reference: np.ndarray, states: np.ndarray) -> Rotation:
    """Return the rotation of `states` (N, S) that agrees most with `reference` (N, 2)."""
    centred = states.astype(np.float64) - states.mean(axis=0)
    left, _, right = np.linalg.svd(
        centred.T @ (reference - reference.mean(axis=0)), full_matrices=False
    )
    return Rotation(left @ right)
