"""Turn the words of many texts into their ids at once, without a Python string for each word."""

from collections.abc import Callable, Sequence

import numpy as np

from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.ngram_keys import FIRST_WORD, UNKNOWN

_LONGEST = 16  # bytes of a word in the table; longer ones are rare, and are in a dictionary
_SPARE_BITS = 2  # the table has four to eight slots for each word
_PAIR = np.dtype("V16")  # the bytes of a word, as two numbers
_FACTORS = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_BLANK, _NEWLINE = 0x20, 0x0A
# For a word of 0 to 16 bytes, what cuts off the bytes that follow it: uint64 (17, 2).
_MASKS = np.array(
    [[(1 << 8 * min(size, 8)) - 1, (1 << 8 * max(size - 8, 0)) - 1] for size in range(17)],
    np.uint64,
)


class WordTable:
    """A hash table from words to their ids."""

    def __init__(self, words: Sequence[str]):
        """Give `words` their ids: FIRST_WORD to the first."""
        encoded = [word.encode("utf-8", "surrogatepass") for word in words]
        fixed = np.array(encoded, f"S{_LONGEST}")
        keys = fixed.view("<u8").reshape(-1, 2).astype(np.uint64)
        self._shift = np.uint64(64 - len(words).bit_length() - _SPARE_BITS)
        slots, ids = self._slots(keys), np.arange(len(words), dtype=np.int32) + FIRST_WORD
        self._ids = np.zeros(1 << (64 - int(self._shift)), np.int32)
        # NumPy has cut longer words, and zeros at an end. The most frequent word of a slot is last.
        whole = np.fromiter(map(len, encoded), np.int64, len(encoded)) == np.strings.str_len(fixed)
        fitting = np.flatnonzero(whole)[::-1]
        self._ids[slots[fitting]] = ids[fitting]
        # By id. That of an empty slot, 0, is like no word, as none is empty.
        self._keys = np.concatenate([np.zeros((FIRST_WORD, 2), np.uint64), keys])
        left = np.flatnonzero(self._ids[slots] != ids).tolist()
        self._others = {encoded[row]: row + FIRST_WORD for row in left}

    def _slots(self, keys: np.ndarray) -> np.ndarray:
        """Return the slots of `keys`, uint64 (M, 2), as int64 (M,)."""
        first, second = _FACTORS
        return (((keys[:, 1] * second ^ keys[:, 0]) * first) >> self._shift).view(np.int64)

    def encode(
        self, texts: Sequence[str], number: Callable[[bytes], int] = lambda _: UNKNOWN
    ) -> EncodedTexts:
        """Return the ids of the words of `texts`, which are divided by blanks alone.

        number: returns the id of a word, in UTF-8, that is not in the table.
        """
        data = b" %b%b" % ("\n".join(texts).encode("utf-8"), b" " * _LONGEST)
        raw = np.frombuffer(data, np.uint8)
        inside = raw > _BLANK
        edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
        starts, ends = edges[::2], edges[1::2]
        borders = np.searchsorted(starts, np.flatnonzero(raw == _NEWLINE))
        offsets = np.concatenate([[0], borders, [len(starts)]])
        ids = self._find(data, starts, ends, number)
        return EncodedTexts(ids, offsets[: len(texts) + 1])

    def _find(
        self, data: bytes, starts: np.ndarray, ends: np.ndarray, number: Callable[[bytes], int]
    ) -> np.ndarray:
        """Return the ids, int32 (M,), of the words of `data` at `starts`, int64 (M,)."""
        lengths = ends - starts
        everywhere = np.ndarray((len(data) - _LONGEST + 1,), _PAIR, data, strides=(1,))
        keys = everywhere[starts].view("<u8").reshape(-1, 2).astype(np.uint64, copy=False)
        keys &= np.take(_MASKS, np.minimum(lengths, _LONGEST), axis=0)
        ids = np.take(self._ids, self._slots(keys))
        same = (np.take(self._keys, ids, axis=0) == keys).all(axis=1) & (lengths <= _LONGEST)
        rest = np.flatnonzero(~same)
        words = (
            data[start:end]
            for start, end in zip(starts[rest].tolist(), ends[rest].tolist(), strict=True)
        )
        ids[rest] = [self._others.get(word) or number(word) for word in words]
        return ids


class GrowingTable:
    """Gives each word of texts the next id when it is met first. words: all, in that order."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._table, self._new = WordTable([]), dict[bytes, int]()

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Return the ids of the words of `texts`, which are divided by blanks alone."""
        encoded = self._table.encode(texts, self._number)
        if 2 * len(self._new) > len(self.words):  # so each word is put into a few tables
            self._table, self._new = WordTable(self.words), {}
        return encoded

    def _number(self, word: bytes) -> int:
        number = self._new.get(word)
        if number is None:
            number = self._new[word] = len(self.words) + FIRST_WORD
            self.words.append(word.decode("utf-8"))
        return number
