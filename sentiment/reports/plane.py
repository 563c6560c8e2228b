"""The plane that hidden states are projected onto: the same limits in every picture and chart."""

import numpy as np

LIMITS = (1.0, 0.6)  # of x and y, to both sides of 0; states seldom reach so far


def clip(points: np.ndarray) -> np.ndarray:
    """Return points, (N, 2), with those beyond the limits moved to the border."""
    return np.clip(points, np.negative(LIMITS), LIMITS)
