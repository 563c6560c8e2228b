"""Keep equal texts on one side of a split.

If the same text were in training and in test, a model that only remembers it would be right.
"""

import hashlib
from collections.abc import Iterable

import numpy as np


def group_texts(keys: Iterable[bytes | str]) -> np.ndarray:
    """Return a number for each key, int64 (N,): equal keys have equal numbers.

    Numbers are given in the order in which keys first occur:

    >>> group_texts(["good", "bad", "good"]).tolist()
    [0, 1, 0]
    """
    numbers: dict[bytes, int] = {}
    return np.fromiter((numbers.setdefault(_digest(key), len(numbers)) for key in keys), np.int64)


def _digest(key: bytes | str) -> bytes:
    """Return a digest, since the keys of all texts would take as much memory as the texts."""
    data = key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key
    return hashlib.blake2b(data, digest_size=16).digest()


def choose_groups(
    groups: np.ndarray, labels: np.ndarray, share: float, seed: int = 0
) -> np.ndarray:
    """Choose about `share` of the rows, 0-0.5, without dividing a group.

    groups: int64 (N,), see `group_texts`; labels: int (N,), of at most two kinds.

    Return the chosen rows, ascending int64 (M,). Each label gets its share as nearly as the groups
    allow. A label that occurs in two or more groups has a row among the chosen and one among the
    others.
    """
    if not len(groups):
        return np.empty(0, np.int64)
    kinds, kind_of_row = np.unique(labels, return_inverse=True)
    names, group_of_row = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), len(kinds)), np.int64)
    np.add.at(counts, (group_of_row, kind_of_row), 1)
    # The order in which a permutation of the rows meets them: without equal texts and with even
    # labels, the chosen rows are those that the permutation begins with.
    met = group_of_row[np.random.default_rng(seed).permutation(len(groups))]
    order = met[np.sort(np.unique(met, return_index=True)[1])]
    chosen = _one_on_each_side(counts, order)
    left = share * counts.sum(axis=0) - counts[chosen == 1].sum(axis=0)
    # Groups with both labels come first, so that the others can correct what they upset.
    mixed_first = order[np.argsort((counts[order] > 0).sum(axis=1) < 2, kind="stable")]
    for group in mixed_first[chosen[mixed_first] < 0]:
        if (left <= 0.5).all():
            break
        rest = left - counts[group]
        if np.abs(rest).sum() < np.abs(left).sum():
            chosen[group], left = 1, rest
    return np.flatnonzero(chosen[group_of_row] == 1)


def _one_on_each_side(counts: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return 1 for groups that must be chosen, 0 for those that must not, -1 for the others.

    counts: int64 (G, K), rows of each label in each group; order: int64 (G,), a random order.
    """
    chosen = np.full(len(counts), -1, np.int8)
    smallest_first = order[np.argsort(counts[order].sum(axis=1), kind="stable")]
    # A label in few groups has the least choice and goes first.
    for label in np.argsort((counts > 0).sum(axis=0), kind="stable"):
        with_label = smallest_first[counts[smallest_first, label] > 0]
        if len(with_label) < 2:
            continue
        if not (chosen[with_label] == 1).any():
            chosen[with_label[chosen[with_label] < 0][0]] = 1
        if not (chosen[with_label] == 0).any():
            chosen[with_label[chosen[with_label] < 0][-1]] = 0
    return chosen
