"""Write rows with added columns, in the format that they were read from."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import chain, count
from typing import Any, Protocol

from sentiment.data.readers import Reader, Row

# A spreadsheet runs a cell that begins with one of these as a formula. It skips the last three.
_FORMULA = (b"=", b"+", b"-", b"@", b"\t", b"\r", b"\n")
_NUMBER = re.compile(rb"[+-]?[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)?%?")  # -1.5 is not a formula

ADDED_COLUMNS = ("label", "probability", "warnings")


def added_columns(*, evidence: bool) -> tuple[str, ...]:
    """Return the names of the added columns, warnings last; with the evidence if it is wanted."""
    *first, last = ADDED_COLUMNS
    return (*first, "evidence", last) if evidence else ADDED_COLUMNS


def without_warnings(names: Sequence[str]) -> Sequence[str]:
    """Return the names of added columns without that of the warnings, the last of three or more."""
    return names[: max(2, len(names) - 1)]


def free_column_name(name: str, taken: Iterable[str]) -> str:
    """Return `name`, or a variant of it that is not in `taken`."""
    candidates = chain([name, f"predicted_{name}"], (f"predicted_{name}_{n}" for n in count(2)))
    return next(candidate for candidate in candidates if candidate not in taken)


class ByteStream(Protocol):
    """A file, or standard output, that takes bytes."""

    def write(self, data: bytes, /) -> int:
        """Write bytes."""

    def flush(self) -> None:
        """Flush buffered bytes."""


class Writer(ABC):
    """Formats rows, with values added in the columns `names`, as bytes.

    head: the bytes before the first row. `chunk` gives the bytes of rows, `tail` those at the end.
    """

    holds_warnings = False

    def __init__(self, reader: Reader, names: Sequence[str], *, defuse: bool = False):
        """Format rows of `reader`. Only formats of spreadsheets have formulas to `defuse`."""
        del defuse
        self.names = names if self.holds_warnings else without_warnings(names)
        self.head = b""

    def chunk(self, rows: Sequence[Row], values: Sequence[Sequence[Any]]) -> bytes:
        """Return rows with the `values` added to each; a value may be None."""
        width = len(self.names)
        return b"".join(
            self.row(row, added[:width]) for row, added in zip(rows, values, strict=True)
        )

    @abstractmethod
    def row(self, row: Row, added: Sequence[Any]) -> bytes:
        """Return one row with its line end."""

    def tail(self) -> bytes:
        """Return the bytes after the last row; call it once, at the end."""
        return b""


class DelimitedRows(Protocol):
    """What a writer of delimited text needs to know of a reader."""

    preamble: bytes  # what stands before the header, such as a byte-order mark
    header_row: bytes  # empty if there is none
    delimiter: str
    lenient: bool  # a quote may be text
    newline: bytes


class CsvWriter(Writer):
    """Adds cells at the end of a CSV or TSV row; the other cells stay as they are.

    Warnings are in one cell, with a space between two.

    defuse: put an apostrophe before each cell that a spreadsheet would run as a formula.
    """

    def __init__(self, reader: DelimitedRows, names: Sequence[str], *, defuse: bool = False):
        self.names = names
        self._newline = reader.newline
        self._delimiter = reader.delimiter.encode()
        self._defuse = defuse
        # Each cell with the delimiter before it. A quoted cell matches as a whole; where a quote
        # may be text, only up to the next delimiter.
        delimiter = re.escape(self._delimiter)
        before, inside = b"(^|%b)" % delimiter, b"[^%b]*" % delimiter
        quoted = inside.replace(b"[^", b'[^"') if reader.lenient else b'[^"]*'
        quoted = b'"%b(?:""%b)*"' % (quoted, quoted)
        self._cells = re.compile(before + b"(" + quoted + b"|" + inside + b")", re.DOTALL)
        row = self._with_cells(reader.header_row, self.names) if reader.header_row else b""
        self.head = reader.preamble + row

    def row(self, row: Row, added: Sequence[Any]) -> bytes:
        """Return the row's own bytes with cells at its end."""
        return self._with_cells(row.raw, [_cell(value) for value in added])

    def _with_cells(self, raw: bytes, cells: Sequence[str]) -> bytes:
        original = raw.rstrip(b"\r\n")
        if self._defuse:
            original = self._cells.sub(_defuse_cell, original)
        added = (cell.encode("utf-8") for cell in cells)
        return self._delimiter.join([original, *added]) + self._newline


def _defuse_cell(match: re.Match[bytes]) -> bytes:
    before, cell = match.groups()
    quote = b'"' if cell.startswith(b'"') else b""
    inside = cell.removeprefix(quote)
    if not inside.startswith(_FORMULA) or _NUMBER.fullmatch(inside.removesuffix(quote)):
        return match[0]
    return before + quote + b"'" + inside


class JsonlWriter(Writer):
    """Adds fields at the end of a JSON object; its own text stays as it is."""

    holds_warnings = True

    def row(self, row: Row, added: Sequence[Any]) -> bytes:
        """Return the object with fields added, except for those that it already has."""
        fields = {
            name: value
            for name, value in zip(self.names, added, strict=True)
            if name not in row.fields
        }
        body = row.raw.rstrip()
        if fields:
            addition = json.dumps(fields, ensure_ascii=False).encode("utf-8")
            start = body[:-1].rstrip()
            body = start + (b"" if start.endswith(b"{") else b", ") + addition[1:]
        return body + b"\n"


class JsonArrayWriter(JsonlWriter):
    """Writes an array of such objects."""

    def __init__(self, reader: Reader, names: Sequence[str], *, defuse: bool = False):
        super().__init__(reader, names, defuse=defuse)
        self._before = b"[\n"

    def row(self, row: Row, added: Sequence[Any]) -> bytes:
        """Return the object, and before it what separates it from the one before."""
        before, self._before = self._before, b",\n"
        return before + super().row(row, added).rstrip(b"\n")

    def tail(self) -> bytes:
        """Return the end of the array."""
        return (b"[" if self._before == b"[\n" else b"") + b"\n]\n"


class LinesWriter(Writer):
    """Writes the values, two spaces after each, and then the text; a dash stands for None."""

    def row(self, row: Row, added: Sequence[Any]) -> bytes:
        """Return one line."""
        cells = "".join(f"{_cell(value, 4) or '-'}  " for value in added)
        return cells.encode("utf-8") + row.raw + b"\n"


class ObjectsWriter(Writer):
    """Writes one JSON object per row: its fields, the values, and `constants`, equal for all."""

    holds_warnings = True

    def __init__(
        self, reader: Reader, names: Sequence[str], constants: dict[str, Any], *, ascii_only: bool
    ):
        super().__init__(reader, names)
        self._constants, self._ascii_only = constants, ascii_only

    def row(self, row: Row, added: Sequence[Any]) -> bytes:
        """Return one object; characters that UTF-8 can't encode are escaped."""
        fields = row.fields or {"text": row.raw.decode("utf-8", "replace")}
        content = {**fields, **dict(zip(self.names, added, strict=True)), **self._constants}
        text = json.dumps(content, ensure_ascii=self._ascii_only)
        return text.encode("utf-8", "backslashreplace") + b"\n"


def _cell(value: Any, digits: int = 6) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(value)
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)
