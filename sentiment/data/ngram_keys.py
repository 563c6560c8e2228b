"""Numbers that stand for n-grams, and which n-grams are frequent.

An n-gram is a run of two or three known words, by their ids.
"""

import numpy as np

from sentiment.data.encoded_texts import EncodedTexts

PADDING, UNKNOWN, FIRST_WORD = 0, 1, 2  # the ids that stand for no word, an unknown one, the first
_COUNTED = 1 << 24  # n-grams that are counted at once


def ngram_keys(encoded: EncodedTexts, order: int, base: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of tokens that end an n-gram of known words, and its keys, int64 (M,).

    The key of words a, b, c is (a·base + b)·base + c. Because ids of words are above 0, n-grams of
    different lengths have different keys.
    """
    keys = tokens = encoded.tokens.astype(np.int64)
    known = words = tokens >= FIRST_WORD
    for back in range(1, order):
        keys, known = keys.copy(), known.copy()
        keys[back:] += tokens[:-back] * base**back
        known[back:] &= words[:-back]
        # These n-grams would begin in the previous text.
        early = encoded.offsets[:-1] + back - 1
        known[early[early < encoded.offsets[1:]]] = False
    ends = np.flatnonzero(known)
    return ends, np.take(keys, ends)


def frequent(encoded: EncodedTexts, order: int, base: int, least: int) -> np.ndarray:
    """Return the keys that occur `least` times or more, ascending int64 (G,); see `ngram_keys`."""
    passes = 1 + len(encoded.tokens) // _COUNTED
    frequent = []
    for number in range(passes):
        # Each pass counts some of the keys: all at once would take eight times the texts.
        found = [np.empty(0, np.int64)]
        for block in encoded.blocks():
            keys = ngram_keys(block, order, base)[1]
            found.append(keys[keys % passes == number] if passes > 1 else keys)
        keys = np.concatenate(found)
        keys.sort()
        # Sorted, such a key is the same that many places on.
        others = max(0, least - 1)
        first, last = keys[: max(0, len(keys) - others)], keys[others:]
        known = first[first == last]
        frequent.append(known[np.flatnonzero(np.diff(known, prepend=-1))])
    return np.sort(np.concatenate(frequent))
