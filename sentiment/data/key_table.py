"""Find keys in an ascending array by hashing: several times as fast as a binary search."""

from typing import NamedTuple

import numpy as np

_FACTOR = 0x9E3779B97F4A7C15  # 2^64 / golden ratio spreads neighbours apart
_LEVELS = 4  # after these, one key of 100,000 is left, if nobody has chosen the keys to collide
_SPARE_BITS = 2  # a table has four to eight slots for each of its keys
_FEW = 4096  # keys for which no tables are made


class _Level(NamedTuple):
    """A table of slots: int32, the index of one of the keys that belong there, or -1."""

    factor: np.uint64
    shift: np.uint64
    indices: np.ndarray


class KeyTable:
    """The places of keys in an array.

    Of the keys that share a slot, one is in the first table, and the others are in the next one,
    which is smaller. Those that share slots in all tables are searched for.
    """

    def __init__(self, keys: np.ndarray):
        """Look keys up in `keys`, ascending int64 (G,)."""
        self._keys = keys
        self._levels: list[_Level] | None = None

    def find(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which of `keys`, int64 (M,), are known, and where: two int64 arrays (K,)."""
        if self._levels is None:
            if len(keys) < _FEW:
                return self._search(keys, np.arange(len(keys)))
            self._levels = _make_levels(self._keys)
        found, places = [], np.arange(len(keys))
        left = keys
        for level in self._levels:
            indices = np.take(level.indices, _slots(left, level.factor, level.shift))
            used = np.flatnonzero(indices >= 0)  # most keys are unknown, and have a free slot
            indices, left, places = (np.take(each, used) for each in (indices, left, places))
            known = np.take(self._keys, indices) == left
            # Faster than boolean indices.
            here, others = np.flatnonzero(known), np.flatnonzero(~known)
            found.append((np.take(places, here), np.take(indices, here)))
            left, places = np.take(left, others), np.take(places, others)
        found.append(self._search(left, places))
        known_places, known_indices = zip(*found, strict=True)
        return np.concatenate(known_places), np.concatenate(known_indices)

    def _search(self, keys: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return those of `places` whose keys are known, and where these are."""
        indices = np.searchsorted(self._keys, keys)
        known = np.flatnonzero(indices < len(self._keys))
        known = known[self._keys[indices[known]] == keys[known]]
        return places[known], indices[known]


def _slots(keys: np.ndarray, factor: np.uint64, shift: np.uint64) -> np.ndarray:
    """Return the slot of each key, int64, by multiplicative hashing."""
    return ((keys.view(np.uint64) * factor) >> shift).view(np.int64)


def _make_levels(keys: np.ndarray) -> list[_Level]:
    levels: list[_Level] = []
    factor = _FACTOR
    left = np.arange(len(keys), dtype=np.int32)
    while len(left) and len(levels) < _LEVELS:
        bits = len(left).bit_length() + _SPARE_BITS
        level = _Level(np.uint64(factor), np.uint64(64 - bits), np.full(1 << bits, -1, np.int32))
        slots = _slots(keys[left], level.factor, level.shift)
        level.indices[slots] = left
        levels.append(level)
        left = left[level.indices[slots] != left]
        factor = (factor * factor | 1) & 0xFFFFFFFFFFFFFFFF
    return levels
