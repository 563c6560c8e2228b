"""Count the words that carry a verdict, the evidence for it.

The vector of a word, with those of the n-grams that end with it, moves the log-odds of positive. To
first order, and if the word stood alone, this push is the product of the vector and one direction
of the network. The words that carry a verdict are the known words that push towards it by
log 1.5 or more: each multiplies its odds by 1.5 or more. A word counts once in a text. The order of
words, and what the network adds to it, is left out, so that a count costs next to nothing.
"""

import math

import numpy as np

from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.tokenizer import FIRST_WORD

MIN_PUSH = math.log(1.5)  # in log-odds


def count_words(encoded: EncodedTexts, pushes: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Return how many different known words carry the verdict on each text, int64 (N,).

    pushes: float32 (total tokens,), the push of each token; logits: float32 (N,), the verdicts, of
    which those from 0 on are positive.
    """
    strong = np.flatnonzero(np.abs(pushes) >= MIN_PUSH)  # few are, so the rest costs nothing
    text = np.searchsorted(encoded.offsets, strong, side="right") - 1
    words = encoded.tokens[strong]
    carry = ((pushes[strong] > 0) == (logits[text] >= 0)) & (words >= FIRST_WORD)
    keys = np.sort(text[carry] << 32 | words[carry])  # a text and a word of it
    first = np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)]
    return np.bincount(keys[first] >> 32, minlength=len(encoded))
