"""Find equal texts, and draw a share of the rows that separates no equal texts."""

from collections.abc import Iterable

import numpy as np


def group_texts(keys: Iterable[bytes | str]) -> np.ndarray:
    """Return a number for each key, int64 (N,): equal keys have equal numbers.

    The numbers are 0, 1, 2 … in order of first appearance.
    """
    numbers: dict[bytes | str, int] = {}
    return np.fromiter((numbers.setdefault(key, len(numbers)) for key in keys), np.int64)


def choose_groups(
    groups: np.ndarray, labels: np.ndarray, share: float, seed: int = 0
) -> np.ndarray:
    """Return the rows of whole groups, ascending int64: about `share` (0-1) of all rows.

    groups: number of each row's group, 0 or more, int64 (N,); labels: int (N,). Each label has
    about `share` of its rows among them, as near as the groups allow. A label with at least two
    groups has a row among them and a row outside. The same arguments give the same rows.
    """
    if not len(groups):
        return np.empty(0, np.int64)
    groups = np.unique(groups, return_inverse=True)[1]  # without gaps
    sizes = np.bincount(groups)
    lowest, highest = np.full(len(sizes), labels.max()), np.full(len(sizes), labels.min())
    np.minimum.at(lowest, groups, labels)
    np.maximum.at(highest, groups, labels)
    order = np.random.default_rng(seed).permutation(len(sizes))
    chosen = np.zeros(len(sizes), bool)
    # Groups with the same labels are drawn together, so that each label has its share.
    for pair in np.unique(np.stack([lowest, highest], axis=1), axis=0):
        alike = order[(lowest[order] == pair[0]) & (highest[order] == pair[1])]
        _fill(chosen, alike, sizes, round(share * sizes[alike].sum()))
    containing = [np.unique(groups[labels == label]) for label in np.unique(labels)]
    _balance(chosen, [members for members in containing if len(members) > 1], sizes)
    return np.flatnonzero(chosen[groups])


def _fill(chosen: np.ndarray, candidates: np.ndarray, sizes: np.ndarray, rows: int) -> None:
    """Mark candidates in their order that fit into `rows`, until these are used up."""
    for group, size in zip(candidates.tolist(), sizes[candidates].tolist(), strict=True):
        if not rows:
            return
        if size <= rows:
            chosen[group] = True
            rows -= size


def _balance(chosen: np.ndarray, labels: list[np.ndarray], sizes: np.ndarray) -> None:
    """Move small groups until each label has one on either side; labels: the groups of each."""
    for side in (True, False):
        for members in labels:
            if (chosen[members] == side).any():
                continue
            # Rather a group whose other labels keep a group on its present side.
            harm = [
                sum(group in others and (chosen[others] != side).sum() == 1 for others in labels)
                for group in members
            ]
            chosen[members[np.lexsort((sizes[members], harm))[0]]] = side
