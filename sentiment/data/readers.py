"""Read rows of CSV, TSV, JSONL and plain text files, one at a time.

Each row keeps its original bytes, so that it can be written again with its quoting and number
formats unchanged.
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

CHUNK_ROWS = 2000  # maximum rows per chunk
CHUNK_BYTES = 1 << 22  # a chunk also ends at this size, so that long rows don't fill the memory
LONGEST_ROW = 1 << 27  # bytes; a longer row is not text, and would fill the memory
BOM = b"\xef\xbb\xbf"


class Row(NamedTuple):
    """A row of a file.

    line: number of its first line, from 1; raw: its bytes with the line end (for Parquet, a
    `RecordBatch` and an index); fields: values by column; wrong: why the row can't be used, None
    if it can. `raw` of a bad row is repaired, so that columns can still be added to it.
    """

    line: int
    raw: Any
    fields: dict[str, Any]
    wrong: str | None = None


class Reader(ABC):
    """Reads rows of a binary file. `offset` (bytes) and `line` say how far it has read."""

    columns: list[str] | None = None  # None if the format has no header
    head = b""  # the bytes before the first row
    unit = "line"  # what `Row.line` counts, for messages

    def __init__(self, file: BinaryIO):
        self._file = file
        self._bom = b""
        self.offset = 0
        self.line = 0

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """Yield each row; a bad row says what is wrong with it."""

    def chunks(self) -> Iterator[list[Row]]:
        """Yield lists of at most CHUNK_ROWS rows; the file alone decides where each list ends.

        `offset` and `line` are those of the end of the last list.
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
        """Continue reading at `offset`, the end of line `line`."""
        self._file.seek(offset)
        self.offset, self.line = offset, line

    def _lines(self) -> Iterator[bytes]:
        """Yield lines, counting them. Only a newline ends one: texts may hold other separators."""
        # Not `for line in file`, which reads ahead and would ignore `go_to`.
        while raw := self._file.readline(LONGEST_ROW + 1):
            self._check_length(len(raw), self.line + 1)
            is_first = not self.offset
            self.offset += len(raw)
            self.line += 1
            if is_first and raw.startswith(BOM):
                self._bom = BOM
                raw = raw.removeprefix(BOM)
            yield raw

    def _check_length(self, length: int, line: int) -> None:
        if length > LONGEST_ROW:
            raise InputError(
                f"the row that begins in line {line} is longer than {LONGEST_ROW >> 20} MiB"
            )


class CsvReader(Reader):
    """Reads rows of a CSV or TSV file with a header."""

    def __init__(self, file: BinaryIO, delimiter: str):
        super().__init__(file)
        csv.field_size_limit(LONGEST_ROW)
        self.delimiter = delimiter
        self._raw_lines: list[bytes] = []  # of the current row
        self._length = 0  # bytes of those lines
        self._decoding_error: str | None = None
        self._reader = csv.reader(self._decoded_lines(), delimiter=delimiter, strict=True)
        try:
            self.columns = next(self._reader, [])
        except csv.Error as error:
            raise InputError(f"line 1: {error}") from error
        if self._decoding_error:
            raise InputError(f"line 1: {self._decoding_error}")
        # The byte-order mark stays: without it, Excel does not read a file as UTF-8.
        self.head = self._bom + b"".join(self._raw_lines)
        self.newline = b"\r\n" if self.head.endswith(b"\r\n") else b"\n"

    def _decoded_lines(self) -> Iterator[str]:
        for raw in self._lines():
            self._raw_lines.append(raw)
            self._length += len(raw)
            self._check_length(self._length, self.line - len(self._raw_lines) + 1)
            try:
                yield raw.decode("utf-8")
            except UnicodeDecodeError as error:
                self._decoding_error = _not_utf8(error)
                yield raw.decode("utf-8", "surrogateescape")

    def rows(self) -> Iterator[Row]:
        """Yield each row; blank lines are skipped."""
        columns = self.columns or []
        while True:
            first = self.line + 1
            self._raw_lines, self._length, self._decoding_error = [], 0, None
            try:
                cells = next(self._reader, None)
            except csv.Error as error:
                # Only this row is lost: the reader starts again at the next line.
                text = b"".join(self._raw_lines).rstrip(b"\r\n").decode("utf-8", "surrogateescape")
                yield Row(first, self._repaired([text]), {}, str(error))
                continue
            if cells is None:
                return
            if not cells:
                continue
            fields = dict(zip(columns, cells, strict=False))
            if len(cells) == len(columns):
                yield Row(first, b"".join(self._raw_lines), fields, self._decoding_error)
            else:
                yield Row(first, self._repaired(cells), fields, _wrong_width(cells, columns))

    def _repaired(self, cells: list[str]) -> bytes:
        """Return a row as wide as the header: add empty cells, or join the surplus ones."""
        width = len(self.columns or [])
        if len(cells) > width:
            cells = [*cells[: width - 1], self.delimiter.join(cells[width - 1 :])]
        cells = cells + [""] * (width - len(cells))
        out = io.StringIO()
        csv.writer(out, delimiter=self.delimiter, lineterminator="\n").writerow(cells)
        return out.getvalue().encode("utf-8", "surrogateescape")


class JsonlReader(Reader):
    """Reads rows of a file with one JSON object per line; blank lines are skipped."""

    def rows(self) -> Iterator[Row]:
        """Yield each object."""
        for raw in self._lines():
            if not raw.strip():
                continue
            fields, wrong = None, None
            try:
                fields = json.loads(raw.decode("utf-8"))
            except UnicodeDecodeError as error:
                wrong = _not_utf8(error)
            except (ValueError, RecursionError) as error:
                wrong = f"not JSON ({error})"
            if isinstance(fields, dict):
                yield Row(self.line, raw, fields)
            else:
                unread = {"unread": raw.decode("utf-8", "replace").rstrip("\r\n")}
                repaired = json.dumps(unread, ensure_ascii=False).encode("utf-8")
                yield Row(self.line, repaired, {}, wrong or "expected a JSON object")


class LinesReader(Reader):
    """Reads rows of a file with one text per line; the only column is `text`."""

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
    """Reads texts from a list; for each `-` in it, the lines of `file`."""

    columns: list[str] | None = ["text"]  # noqa: RUF012 - never changed
    unit = "text"

    def __init__(self, texts: Sequence[str], file: BinaryIO):
        super().__init__(file)
        self._texts = texts

    def rows(self) -> Iterator[Row]:
        """Yield each text, numbered from 1."""
        number = 0
        for text in self._texts:
            # Bytes of an argument that are not UTF-8 have become lone surrogates.
            raw = text.encode("utf-8", "surrogateescape")
            rows = LinesReader(self._file).rows() if text == "-" else [Row(0, raw, {"text": text})]
            for row in rows:
                number += 1
                yield row._replace(line=number)


def open_binary(path: Path) -> io.BufferedReader:
    """Open a file for reading; raise MissingFileError if there is none."""
    if path.is_file():
        return path.open("rb")
    if path.exists() and not path.is_dir():
        # Reading a pipe might wait forever, and an interrupted job could not resume.
        raise InputError(
            f"{path} is a pipe or a device, not a file",
            hint=f"cat {shlex.quote(str(path))} > texts{path.suffix}, and give that file",
        )
    raise MissingFileError(f"no file {path}")


def _not_utf8(error: UnicodeDecodeError) -> str:
    return f"not UTF-8 text (byte {error.start} of the line)"


def _wrong_width(cells: list[str], columns: list[str]) -> str:
    if len(cells) < len(columns):
        return f"no column {columns[len(cells)]!r}: {len(cells)} of {len(columns)} fields"
    return f"{len(cells)} fields, but the header has {len(columns)}"
