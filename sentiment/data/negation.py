"""Which words of a text a negator such as `not` applies to, by a rule of thumb.

A word is negated if it is one of the five words after a negator. A `!`, a `?` or the word `but`
ends the reach of a negator: "not good but cheap" negates `good` alone.
"""

from collections.abc import Sequence

import numpy as np

from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.ngram_keys import FIRST_WORD

REACH = 5  # words
_NEGATORS = {"not", "never", "no", "nothing", "nobody", "none", "hardly", "barely", "cannot"}
_NEGATORS |= {"without", "neither", "nor"}
# As some people write them; words in `n't` are found by their end.
_NEGATORS |= {"aint", "arent", "cant", "couldnt", "didnt", "doesnt", "dont", "havent", "hasnt"}
_NEGATORS |= {"isnt", "shouldnt", "wasnt", "werent", "wont", "wouldnt"}
_ENDS = {"!", "?", "but"}
_SINGLE = _NEGATORS | _ENDS


def is_negator(word: str) -> bool:
    """Return True for a word such as `not`, `never` or `don't`.

    >>> [is_negator(word) for word in ("isn't", "without", "knot")]
    [True, True, False]
    """
    return word in _NEGATORS or word.endswith("n't")


def ends_reach(word: str) -> bool:
    """Return True for `!`, `?` and `but`."""
    return word in _ENDS


class Negation:
    """Finds the negated words of encoded texts, given the words of the vocabulary."""

    def __init__(self, words: Sequence[str]):
        self._negates = np.zeros(len(words) + FIRST_WORD, bool)
        self._ends = np.zeros(len(words) + FIRST_WORD, bool)
        numbered = enumerate(words, FIRST_WORD)
        # For all words, the two functions would take a tenth of the time that a text takes.
        few = [(number, word) for number, word in numbered if "n't" in word or word in _SINGLE]
        for number, word in few:
            self._negates[number], self._ends[number] = is_negator(word), ends_reach(word)

    def negated(self, encoded: EncodedTexts) -> np.ndarray:
        """Return whether each token is a known word that is negated, bool (total tokens,)."""
        tokens, places = encoded.tokens, np.arange(len(encoded.tokens))
        negates, ends = self._negates[tokens], self._ends[tokens]
        # The places of the last negator before each token, and of the last token that ends a reach.
        negator = np.maximum.accumulate(np.where(negates, places, -REACH - 1))
        negator = np.concatenate([[-REACH - 1], negator[:-1]])[: len(places)]
        end = np.maximum.accumulate(np.where(ends, places, -1))
        starts = np.repeat(encoded.offsets[:-1], encoded.lengths)
        within = (places - negator <= REACH) & (negator >= starts) & (negator > end)
        return within & ~negates & (tokens >= FIRST_WORD)
