"""What is wrong with a row before a model reads it, one row at a time, for engines that ask so.

Knows rows as text; knows nothing of engines or of models. In the words that scoring on one machine
has for the same faults.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sentiment.data.tokenizer import tokenize
from sentiment.inference.predict import no_word_error

# A word between spaces is one of ours too, whatever else there is, unless markup is taken away.
_WORD = re.compile(r"(?:^|\s)[a-zA-Z]+(?:\s|$)")

TextOrError = tuple[str | None, str | None]  # the text, or why there is none that can be scored


def column_error(fields: Mapping[str, Any], column: str, names: Sequence[str] = ()) -> str | None:
    """Return why the row `fields` has no text in `column`, or has one of `names`, else None."""
    if column not in fields:
        return f"no column {column!r}; it has {', '.join(fields) or 'none'}"
    if not isinstance(fields[column], str):
        return f"column {column!r} holds no text"
    if clash := [name for name in names if name in fields]:
        return f"it has a field {clash[0]!r}, which the first row has not"
    return None


def check_text(text: str | None) -> TextOrError:
    """Return a text, or what is wrong with it."""
    if text is None:
        return None, "is empty"
    if "<" not in text and _WORD.search(text):
        return text, None
    return (text, None) if tokenize(text) else (None, no_word_error(text))


def check_json(line: str, column: str, names: Sequence[str]) -> TextOrError:
    """Return the text in `column` of a JSON object, or what is wrong with the line.

    names: of the fields that are added, which no row may have.
    """
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        return None, f"not JSON ({error})"
    if not isinstance(fields, dict):
        return None, "expected a JSON object"
    fault = column_error(fields, column, names)
    return (None, fault) if fault else check_text(fields[column])
