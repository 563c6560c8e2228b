"""Check one row at a time before a model reads it, for engines such as Spark.

The reasons are worded as in the scoring of files on one machine.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sentiment.data.plain_tokens import RULES
from sentiment.inference.predict import no_word_error

# Such a word is a token whatever else the text holds, unless it is inside markup.
_WORD = re.compile(r"(?:^|\s)[a-zA-Z]+(?:\s|$)")

TextOrError = tuple[str | None, str | None]  # the text and None, or None and why it is not usable


def column_error(fields: Mapping[str, Any], column: str, added: Sequence[str] = ()) -> str | None:
    """Return why a row can't be used: no text in `column`, or a field in `added`; else None."""
    if column not in fields:
        return f"no column {column!r}; it has {', '.join(fields) or 'none'}"
    if not isinstance(fields[column], str):
        return f"column {column!r} is not text"
    if taken := [name for name in added if name in fields]:
        return f"it has a field {taken[0]!r}, unlike the first row"
    return None


@dataclass(frozen=True)
class Vocabulary:
    """The words that a model knows, and the number of its token rules."""

    words: frozenset[str]
    rules: int

    def knows(self, text: str) -> bool:
        """Return True if a word of `text` is known."""
        return any(word in self.words for word in RULES[self.rules](text))


def check_text(text: str | None, rules: int) -> TextOrError:
    """Return the text if it has a word by the token `rules`, else why not."""
    if text is None:
        return None, "is empty"
    if "<" not in text and _WORD.search(text):
        return text, None
    return (text, None) if RULES[rules](text) else (None, no_word_error(text))


def check_json(line: str, column: str, added: Sequence[str], rules: int) -> TextOrError:
    """Return the text in `column` of a JSON object, or why the line is not usable.

    added: the fields to be added, which no row may already have; rules: see `check_text`.
    """
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        return None, f"not JSON ({error})"
    if not isinstance(fields, dict):
        return None, "expected a JSON object"
    reason = column_error(fields, column, added)
    return (None, reason) if reason else check_text(fields[column], rules)
