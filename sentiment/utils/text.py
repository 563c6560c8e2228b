"""Make text safe to print and values safe for JSON."""

import math
import re
from typing import Any

from sentiment.utils.credentials import mask

# Control characters, and characters that change the direction of writing: a terminal obeys them.
_CONTROL = "\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_IN_TERMINAL = re.compile(f"[\x00-\x08\x0b-\x1f{_CONTROL}]")
# Lone surrogates can't be written as UTF-8.
_IN_PAGE = re.compile(f"[\x00-\x08\x0b-\x1f\ud800-\udfff{_CONTROL}]")
_IN_JSON = re.compile(f"[{_CONTROL}]")  # json.dumps does not escape these
_START, _END = 1_700, 300  # characters of a long message that are shown
_UNICODE_ESCAPE = r"\u{:04x}"


def escape_control(text: str) -> str:
    r"""Return `text` for a terminal, with control characters written out: `\x1b` for an escape."""
    return _IN_TERMINAL.sub(lambda match: ascii(match[0])[1:-1], text)


def replace_control(text: str) -> str:
    """Return `text` for a page, with U+FFFD instead of control characters and lone surrogates."""
    return _IN_PAGE.sub("\ufffd", text)


def escape_json_control(text: str) -> str:
    r"""Return JSON or TOML with `\u....` instead of control characters that json.dumps keeps."""
    return _IN_JSON.sub(lambda match: _UNICODE_ESCAPE.format(ord(match[0])), text)


def finite(value: Any) -> Any:
    """Return a JSON value with None instead of infinite and NaN numbers, which JSON lacks."""
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def shorten(text: str) -> str:
    """Return a message of at most about 2,000 characters: its start and its end.

    What a message quotes may be as long as a file: a header, a line or a name.
    """
    left_out = len(text) - _START - _END
    if left_out <= 0:
        return text
    return f"{text[:_START]} … {left_out:,} characters left out … {text[-_END:]}"


def count_of(number: int, noun: str) -> str:
    """Return `1 row`, `2 rows`, `1,000 rows`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def first_line(error: BaseException, max_characters: int = 200) -> str:
    """Return the first line of an error's message without passwords; empty if it has none."""
    # Masked before it is cut, for an address may be cut in the middle.
    return (mask(str(error).strip()).splitlines() or [""])[0][:max_characters]
