"""Cut reviews into sentences, for networks that learn what a single sentence says."""

import re
from collections.abc import Iterator

import numpy as np

from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.prepared import Split
from sentiment.data.tokenizer import Tokenizer

_FEWEST, _MOST = 3, 40  # words: shorter pieces say too little, longer ones are no sentences
# After a line break; after a full stop, "?" or "!"; and where the space after a stop is missing.
_BORDER = re.compile(r"(?:<br\s*/?>\s*)+|\n+|(?<=[.!?])[\"')]*\s+|(?<=[a-z])\.(?=[A-Z])")


def cut_sentences(text: str) -> list[str]:
    """Return the sentences of `text` that have 3 to 40 words.

    >>> cut_sentences("I had hoped for more. Dull! Only the<br />ending is very good.Buy it now")
    ['I had hoped for more.', 'ending is very good', 'Buy it now']
    """
    pieces = _BORDER.split(text)
    return [piece for piece in pieces if _FEWEST <= piece.count(" ") + 1 <= _MOST]


def encode_sentences(
    split: Split, rows: np.ndarray, tokenizer: Tokenizer
) -> tuple[EncodedTexts, np.ndarray]:
    """Return the sentences of the reviews `rows`, int (M,), and whose each is.

    The second result is int64 (N,): positions in `rows`.
    """
    origin: list[int] = []

    def sentences() -> Iterator[str]:
        for position, row in enumerate(rows.tolist()):
            cut = cut_sentences(split.text(row))
            origin.extend([position] * len(cut))
            yield from cut

    encoded = tokenizer.encode(sentences())
    return encoded, np.array(origin, np.int64)
