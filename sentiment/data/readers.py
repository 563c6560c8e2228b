"""Rows of files, one at a time: CSV, TSV, JSONL and plain lines.

Knows the formats as bytes; knows nothing of labels or models. Each row keeps the bytes that it
came as, so that it can go out again with its quoting and number formats as they were.
"""

import csv
import io
import json
import shlex
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from sentiment.errors import InputError, MissingFileError

CHUNK_ROWS = 2000  # rows handed on at once
CHUNK_BYTES = 1 << 22  # or fewer, where rows are long: memory is bounded by bytes too
LONGEST_ROW = 1 << 27  # bytes; what goes on for longer is no text, and would fill the memory
BOM = b"\xef\xbb\xbf"


class Row(NamedTuple):
    """A row as it came.

    line: where it begins, from 1; raw: its bytes, the end of the line included; fields: values by
    column; wrong: why the row can't be used, where it can't, `raw` being mended so that columns
    can be added to it all the same.
    """

    line: int
    raw: Any
    fields: dict[str, Any]
    wrong: str | None = None


class Reader(ABC):
    """Rows of a binary file. `offset` (bytes) and `line` tell how far it has been read."""

    columns: list[str] | None = None  # known ahead where the format has a header
    head = b""  # what stands before the first row
    unit = "line"

    def __init__(self, file: BinaryIO):
        self._file = file
        self._mark = b""
        self.offset = 0
        self.line = 0

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """Yield each row, the bad ones with what is wrong."""

    def chunks(self) -> Iterator[list[Row]]:
        """Yield rows in lists of at most CHUNK_ROWS; where a list ends depends on the file alone.

        `offset` and `line` are those after the list that was yielded last.
        """
        chunk: list[Row] = []
        size = 0
        for row in self.rows():
            chunk.append(row)
            size += len(row.raw)
            if len(chunk) == CHUNK_ROWS or size >= CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def go_to(self, offset: int, line: int) -> None:
        """Go on from `offset`, the end of line `line`."""
        self._file.seek(offset)
        self.offset, self.line = offset, line

    def _lines(self) -> Iterator[bytes]:
        """Yield lines, counting them. Only a newline ends one: a text may hold other separators."""
        # Not `for line in file`: that reads ahead, and `go_to` would be ignored.
        while raw := self._file.readline(LONGEST_ROW + 1):
            self._check_length(len(raw), self.line + 1)
            first = not self.offset
            self.offset += len(raw)
            self.line += 1
            if first and raw.startswith(BOM):
                self._mark = BOM
                raw = raw.removeprefix(BOM)
            yield raw

    def _check_length(self, length: int, line: int) -> None:
        if length > LONGEST_ROW:
            raise InputError(f"what begins in line {line} is longer than {LONGEST_ROW >> 20} MiB")


class CsvReader(Reader):
    """Rows of a CSV or TSV file with a header."""

    def __init__(self, file: BinaryIO, delimiter: str):
        super().__init__(file)
        csv.field_size_limit(LONGEST_ROW)
        self.delimiter = delimiter
        self._taken: list[bytes] = []
        self._length = 0  # bytes of those
        self._broken: str | None = None
        self._reader = csv.reader(self._decoded(), delimiter=delimiter, strict=True)
        try:
            self.columns = next(self._reader, [])
        except csv.Error as error:
            raise InputError(f"line 1: {error}") from error
        if self._broken:
            raise InputError(f"line 1: {self._broken}")
        # Excel takes a file for UTF-8 by its mark alone, so that it stays.
        self.head = self._mark + b"".join(self._taken)
        self.newline = b"\r\n" if self.head.endswith(b"\r\n") else b"\n"

    def _decoded(self) -> Iterator[str]:
        for raw in self._lines():
            self._taken.append(raw)
            self._length += len(raw)
            self._check_length(self._length, self.line - len(self._taken) + 1)
            try:
                yield raw.decode("utf-8")
            except UnicodeDecodeError as error:
                self._broken = _not_utf8(error)
                yield raw.decode("utf-8", "surrogateescape")

    def rows(self) -> Iterator[Row]:
        """Yield each row; blank lines are none."""
        columns = self.columns or []
        while True:
            first = self.line + 1
            self._taken, self._length, self._broken = [], 0, None
            try:
                cells = next(self._reader, None)
            except csv.Error as error:
                # Only that line is lost: the reader begins afresh with the next one.
                whole = b"".join(self._taken).rstrip(b"\r\n").decode("utf-8", "surrogateescape")
                yield Row(first, self._mended([whole]), {}, str(error))
                continue
            if cells is None:
                return
            if not cells:
                continue
            fields = dict(zip(columns, cells, strict=False))
            if len(cells) == len(columns):
                yield Row(first, b"".join(self._taken), fields, self._broken)
            else:
                yield Row(first, self._mended(cells), fields, _misfit(cells, columns))

    def _mended(self, cells: list[str]) -> bytes:
        """Return a row of the header's width: filled up, or with what is too much in its last."""
        width = len(self.columns or [])
        if len(cells) > width:
            cells = [*cells[: width - 1], self.delimiter.join(cells[width - 1 :])]
        cells = cells + [""] * (width - len(cells))
        out = io.StringIO()
        csv.writer(out, delimiter=self.delimiter, lineterminator="\n").writerow(cells)
        return out.getvalue().encode("utf-8", "surrogateescape")


class JsonlReader(Reader):
    """Rows of a file with one JSON object a line; blank lines are none."""

    def rows(self) -> Iterator[Row]:
        """Yield each object."""
        for raw in self._lines():
            if not raw.strip():
                continue
            row, wrong = None, None
            try:
                row = json.loads(raw.decode("utf-8"))
            except UnicodeDecodeError as error:
                wrong = _not_utf8(error)
            except (ValueError, RecursionError) as error:
                wrong = f"not JSON ({error})"
            if isinstance(row, dict):
                yield Row(self.line, raw, row)
            else:
                unread = {"unread": raw.decode("utf-8", "replace").rstrip("\r\n")}
                mended = json.dumps(unread, ensure_ascii=False).encode("utf-8")
                yield Row(self.line, mended, {}, wrong or "expected a JSON object")


class LinesReader(Reader):
    """Rows of a file with one text a line, in the one column `text`."""

    columns: list[str] | None = ["text"]  # noqa: RUF012 - never changed

    def rows(self) -> Iterator[Row]:
        """Yield each line."""
        for raw in self._lines():
            line = raw.removesuffix(b"\n").removesuffix(b"\r")
            try:
                yield Row(self.line, line, {"text": line.decode("utf-8")})
            except UnicodeDecodeError as error:
                yield Row(self.line, line, {}, _not_utf8(error))


class ArgumentsReader(Reader):
    """Texts given one by one, and the lines of `file` in the place of each `-`."""

    columns: list[str] | None = ["text"]  # noqa: RUF012 - never changed
    unit = "text"

    def __init__(self, texts: Sequence[str], file: BinaryIO):
        super().__init__(file)
        self._texts = texts

    def rows(self) -> Iterator[Row]:
        """Yield each text, numbered from 1."""
        number = 0
        for text in self._texts:
            # What the shell passed that is not UTF-8 has become lone surrogates.
            raw = text.encode("utf-8", "surrogateescape")
            given = LinesReader(self._file).rows() if text == "-" else [Row(0, raw, {"text": text})]
            for row in given:
                number += 1
                yield row._replace(line=number)


def make_reader(path: Path, file: BinaryIO) -> Reader:
    """Return the reader for the kind of file that the name of `path` tells.

    Raises InputError where it tells none, or where the header can't be read.
    """
    kind = path.suffix.lower()
    try:
        if kind in (".csv", ".tsv"):
            return CsvReader(file, "\t" if kind == ".tsv" else ",")
    except InputError as error:
        raise InputError(f"{path}, {error.fact}") from error
    if kind == ".jsonl":
        return JsonlReader(file)
    if kind == ".txt":
        return LinesReader(file)
    raise InputError(f"{path}: expected a name that ends in .csv, .tsv, .jsonl, .txt or .parquet")


def open_binary(path: Path) -> io.BufferedReader:
    """Open a file for reading; raise MissingFileError where there is none."""
    if path.is_file():
        return path.open("rb")
    if path.exists() and not path.is_dir():
        # A pipe might be waited for without end, and an interrupted job could not go on with it.
        raise InputError(
            f"{path} is a pipe or a device, not a file",
            hint=f"cat {shlex.quote(str(path))} > texts{path.suffix}, and give that file",
        )
    raise MissingFileError(f"no file {path}")


def _not_utf8(error: UnicodeDecodeError) -> str:
    return f"not UTF-8 text (byte {error.start} of the line)"


def _misfit(cells: list[str], columns: list[str]) -> str:
    if len(cells) < len(columns):
        return f"no column {columns[len(cells)]!r}: {len(cells)} of {len(columns)} fields"
    return f"{len(cells)} fields where the header has {len(columns)}"
