"""Texts as word ids, in arrays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sentiment.data import large_arrays

_BLOCK = 1 << 22  # tokens for which arrays of positions and keys are made at once


@dataclass(frozen=True)
class EncodedTexts:
    """Texts as one flat array of word ids.

    tokens: int32 (total tokens,); offsets: int64 (N + 1,); text i is
    tokens[offsets[i]:offsets[i + 1]].
    """

    tokens: np.ndarray
    offsets: np.ndarray

    @classmethod
    def empty(cls) -> "EncodedTexts":
        """Return no texts."""
        return cls(np.empty(0, np.int32), np.zeros(1, np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Number of tokens in each text, int64 (N,)."""
        return np.diff(self.offsets)

    def take(self, rows: np.ndarray) -> "EncodedTexts":
        """Return the texts `rows`, int (M,), in that order."""
        return self._gather(self.offsets[:-1][rows], self.lengths[rows])

    def divide(self, ends: np.ndarray) -> "list[EncodedTexts]":
        """Divide the texts before each of the texts `ends`, int (M,); return M + 1 parts."""
        return [self._slice(start, end) for start, end in pairwise([0, *ends.tolist(), len(self)])]

    def last(self, longest: int) -> "EncodedTexts":
        """Return the last `longest` tokens of each text: the verdict is mostly at the end."""
        lengths = np.minimum(self.lengths, longest)
        return self._gather(self.offsets[1:] - lengths, lengths)

    def blocks(self, tokens: int = _BLOCK) -> "Iterator[EncodedTexts]":
        """Yield the texts in parts of about `tokens` tokens."""
        for first, after in text_ranges(self.offsets, tokens):
            yield self._slice(first, after)

    def _slice(self, first: int, after: int) -> "EncodedTexts":
        offsets = self.offsets[first : after + 1]
        return EncodedTexts(self.tokens[offsets[0] : offsets[-1]], offsets - offsets[0])

    def _gather(self, starts: np.ndarray, lengths: np.ndarray) -> "EncodedTexts":
        """Return texts by where they start and how long they are, both int64 (M,)."""
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        tokens, shifts = large_arrays.zeros((int(offsets[-1]),)), starts - offsets[:-1]
        for first, after in text_ranges(offsets):  # positions take twice the memory of tokens
            start, end = offsets[first], offsets[after]
            places = np.repeat(shifts[first:after], lengths[first:after]) + np.arange(start, end)
            tokens[start:end] = np.take(self.tokens, places)
        return EncodedTexts(tokens, offsets)


def concatenate(parts: Sequence[EncodedTexts]) -> EncodedTexts:
    """Return the texts of all `parts`, one or more, in one."""
    lengths = np.concatenate([part.lengths for part in parts])
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return EncodedTexts(np.concatenate([part.tokens for part in parts]), offsets)


def text_ranges(offsets: np.ndarray, tokens: int = _BLOCK) -> Iterator[tuple[int, int]]:
    """Yield the first text of each part of about `tokens` tokens, and the one after its last.

    offsets: int64 (N + 1,), where the tokens of each text begin.
    """
    first, count = 0, len(offsets) - 1
    while first < count:
        after = int(np.searchsorted(offsets, offsets[first] + tokens, side="right")) - 1
        after = max(after, first + 1)
        yield first, after
        first = after
