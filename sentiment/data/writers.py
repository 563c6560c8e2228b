"""Columns added to rows of files, in the format that each row came in.

Knows `tables` and the formats as bytes; knows nothing of what is added.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import chain, count
from typing import Any, Protocol

from sentiment.data.readers import BOM, CsvReader, JsonlReader, Reader, Row

# What a spreadsheet takes for a formula, and what it passes over before one.
_FORMULA = (b"=", b"+", b"-", b"@", b"\t", b"\r", b"\n")
_NUMBER = re.compile(rb"[+-]?[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)?%?")  # -1.5 is none

ADDED_COLUMNS = ("label", "probability", "warnings")


def free_column_name(name: str, taken: Iterable[str]) -> str:
    """Return `name`, or one made of it that isn't taken."""
    tries = chain([name, f"predicted_{name}"], (f"predicted_{name}_{n}" for n in count(2)))
    return next(found for found in tries if found not in taken)


class ByteStream(Protocol):
    """Somewhere to write bytes: a file, or standard output."""

    def write(self, data: bytes, /) -> int:
        """Write bytes."""

    def flush(self) -> None:
        """Send on what was written."""


class Writer(ABC):
    """Rows with values added under `names`, as bytes."""

    def __init__(self, reader: Reader, names: Sequence[str]):
        self.names = names
        self.head = reader.head

    def chunk(self, rows: Iterable[Row], values: Iterable[Sequence[Any]]) -> bytes:
        """Return rows with the values added to each, None where there is none."""
        count = len(self.names)
        return b"".join(
            self.row(row, added[:count]) for row, added in zip(rows, values, strict=True)
        )

    @abstractmethod
    def row(self, row: Row, added: Sequence[Any]) -> bytes:
        """Return one row with its line end."""


class CsvWriter(Writer):
    """The cells as they were, and ours after them.

    defuse: put an apostrophe before each cell that a spreadsheet would take for a formula.
    """

    def __init__(self, reader: CsvReader, names: Sequence[str], *, defuse: bool = False):
        super().__init__(reader, names)
        self._newline = reader.newline
        self._delimiter = reader.delimiter.encode()
        self._defuse = defuse
        # Each cell with what stands before it: a cell in quotes is passed over as a whole, whatever
        # it holds.
        before, inside = b"(^|%b)" % self._delimiter, b"[^%b]*" % self._delimiter
        self._cells = re.compile(before + b'("[^"]*(?:""[^"]*)*"|' + inside + b")", re.DOTALL)
        self.head = self._joined(reader.head, names)

    def row(self, row: Row, added: Sequence[Any]) -> bytes:
        """Return the row's own bytes with cells at its end."""
        return self._joined(row.raw, [_cell(value) for value in added])

    def _joined(self, raw: bytes, cells: Sequence[str]) -> bytes:
        ours = (cell.encode("utf-8") for cell in cells)
        theirs = raw.rstrip(b"\r\n")
        if self._defuse:
            mark = BOM if theirs.startswith(BOM) else b""
            theirs = mark + self._cells.sub(_defused, theirs.removeprefix(mark))
        return self._delimiter.join([theirs, *ours]) + self._newline


def _defused(found: re.Match[bytes]) -> bytes:
    before, cell = found.groups()
    quote = b'"' if cell.startswith(b'"') else b""
    inside = cell.removeprefix(quote)
    if not inside.startswith(_FORMULA) or _NUMBER.fullmatch(inside.removesuffix(quote)):
        return found[0]
    return before + quote + b"'" + inside


class JsonlWriter(Writer):
    """The object's own text, and our fields at its end."""

    def row(self, row: Row, added: Sequence[Any]) -> bytes:
        """Return the object with fields added. One that it has already is kept, not overruled."""
        ours = {
            name: value
            for name, value in zip(self.names, added, strict=True)
            if name not in row.fields
        }
        body = row.raw.rstrip()
        if ours:
            more = json.dumps(ours, ensure_ascii=False).encode("utf-8")
            start = body[:-1].rstrip()
            body = start + (b"" if start.endswith(b"{") else b", ") + more[1:]
        return body + b"\n"


class LinesWriter(Writer):
    """Our values, two spaces between them, and the text after them; a dash for none."""

    def row(self, row: Row, added: Sequence[Any]) -> bytes:
        """Return one line."""
        ours = "".join(f"{_cell(value, 4) or '-'}  " for value in added)
        return ours.encode("utf-8") + row.raw + b"\n"


class ObjectsWriter(Writer):
    """A JSON object a line: the row's fields, ours, and `more`, the same for all rows."""

    def __init__(
        self, reader: Reader, names: Sequence[str], more: dict[str, Any], *, ascii_only: bool
    ):
        super().__init__(reader, names)
        self._more, self._ascii_only = more, ascii_only

    def row(self, row: Row, added: Sequence[Any]) -> bytes:
        """Return one object; a text that UTF-8 can't hold has escapes in it."""
        fields = row.fields or {"text": row.raw.decode("utf-8", "replace")}
        whole = {**fields, **dict(zip(self.names, added, strict=True)), **self._more}
        said = json.dumps(whole, ensure_ascii=self._ascii_only)
        return said.encode("utf-8", "backslashreplace") + b"\n"


def make_writer(reader: Reader, names: Sequence[str], *, defuse: bool = False) -> Writer:
    """Return the writer of the format that `reader` reads.

    Of `names` only JSON has a place for the third, a list; the others hold the first two. Only
    CSV and TSV have cells to `defuse`.
    """
    if isinstance(reader, JsonlReader):
        return JsonlWriter(reader, names)
    if isinstance(reader, CsvReader):
        return CsvWriter(reader, names[:2], defuse=defuse)
    return LinesWriter(reader, names[:2])


def _cell(value: Any, digits: int = 6) -> str:
    if value is None:
        return ""
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)
