"""Cut reviews into sentences."""

import re

_FEWEST, _MOST = 3, 40  # words of a sentence
_BORDER = re.compile(r"(?:<br\s*/?>\s*)+|\n+|(?<=[.!?])[\"')]*\s+|(?<=[a-z])\.(?=[A-Z])")


def cut_sentences(text: str) -> list[str]:
    """Return the sentences of `text` that have 3 to 40 words, in their order.

    A sentence ends after `.`, `!` or `?` and at a line end, which may be markup.
    """
    pieces = _BORDER.split(text)
    return [piece for piece in pieces if _FEWEST <= piece.count(" ") + 1 <= _MOST]
