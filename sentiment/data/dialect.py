"""Recognise how a file of delimited text is written: separator, and what its first line says."""

import csv
import re
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from sentiment.data.readers import BOM, ReadOptions
from sentiment.errors import InputError

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
_SAMPLE_ROWS = 200
_CERTAIN, _LIKELY = 0.9, 0.5  # shares of rows that are as wide as the first
# Where quotes are doubled, one after a backslash is followed by another, or ends its cell.
_BACKSLASH_QUOTE = re.compile(rb'\\"[^",;|\t\r\n]')
_SEPARATOR_LINE = re.compile(rb'"?sep=(.)"?\r?\n', re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """How delimited text is written.

    lenient: a quote is text unless it opens and closes a cell; quoted: quotes can enclose a cell;
    backslash: a quote within a cell has a backslash before it, and is not doubled; declared: a
    first line `sep=…`, as Excel writes it, says the delimiter.
    """

    delimiter: str
    lenient: bool
    quoted: bool
    backslash: bool
    declared: bool


def recognise(start: bytes, options: ReadOptions, default: str) -> Dialect:
    """Return the dialect of text that begins with `start`.

    default: the delimiter if the text says nothing about it. Raises InputError if
    `options.delimiter` is not a single character.
    """
    start = start.removeprefix(BOM)
    declaration = _SEPARATOR_LINE.match(start)
    if options.delimiter:
        delimiter = parse_delimiter(options.delimiter)
    elif declaration:
        delimiter = declaration[1].decode("ascii", "replace")
    else:
        delimiter = find_delimiter(start, default)
    lenient = options.quoting == "auto" and delimiter == "\t"
    backslash = bool(_BACKSLASH_QUOTE.search(start))
    return Dialect(delimiter, lenient, options.quoting != "none", backslash, bool(declaration))


def parse_delimiter(text: str) -> str:
    """Return the character that `text` stands for: itself, or a name such as tab."""
    delimiter = "\t" if text == "\\t" else SEPARATORS.get(text.lower(), text)
    if len(delimiter) != 1 or delimiter in '"\r\n' or not delimiter.isascii():
        raise InputError(
            f"expected one character as the delimiter, got {text!r}",
            hint=f"--delimiter with {', '.join(SEPARATORS)} or one character",
        )
    return delimiter


def find_delimiter(start: bytes, default: str) -> str:
    """Return the separator that gives the rows of a text the same width, above one.

    The separator `default` is taken where it does so for nine of ten rows, or where none does.
    """
    text = (start[: start.rfind(b"\n") + 1] or start).decode("utf-8", "replace")
    fit = {separator: _fit(text, separator) for separator in SEPARATORS.values()}
    share = fit.get(default, (0.0, 0))[0]
    best = max(fit, key=lambda separator: fit[separator])
    return best if share < _CERTAIN and fit[best][0] > max(share, _LIKELY) else default


def _fit(text: str, separator: str) -> tuple[float, int]:
    """Return the share of rows as wide as the first, and that width; 0 if it is one."""
    quoting: Literal[0, 3] = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    rows = csv.reader(text.split("\n"), delimiter=separator, quoting=quoting)
    try:
        widths = [len(row) for row in islice(rows, _SAMPLE_ROWS) if row]
    except csv.Error:
        return 0.0, 0
    if not widths or widths[0] < 2:
        return 0.0, 0
    return sum(width == widths[0] for width in widths) / len(widths), widths[0]


def separator_hint(header: str) -> str | None:
    """Return what a header in one piece seems to be separated by, with the option to type."""
    counts = {name: header.count(separator) for name, separator in SEPARATORS.items()}
    best = max(counts, key=lambda name: counts[name])
    return f"it seems to be separated by a {best}: --delimiter {best}" if counts[best] else None
