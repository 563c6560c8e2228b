"""Read rows of JSON and plain text files, one at a time; the base of all readers.

Each row keeps its original bytes, so that it can be written again with its quoting and number
formats unchanged.
"""

import io
import json
import shlex
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from sentiment.errors import InputError, MissingFileError

BOM = b"\xef\xbb\xbf"
# A process takes at most this much memory to read and classify rows, whatever the file: a longer
# row is a bad one, a chunk of rows ends at CHUNK_BYTES, and nothing is unpacked that is larger than
# its format's limit. The words of a row take up to 40 times its bytes.
MEMORY_BOUND = 1 << 30
LONGEST_ROW = 1 << 23  # bytes; the longest reviews have a thousandth of that
_LONG = 1 << 16  # bytes of a row that holds more than a review
CHUNK_ROWS = 2000  # maximum rows per chunk
CHUNK_BYTES = 1 << 22

Quoting = Literal["auto", "csv", "none"]


@dataclass(frozen=True)
class ReadOptions:
    """How to read a file of texts. The defaults let the file decide.

    format: a name in `formats.FORMATS`, empty for the one
    that the file's name ends in; delimiter: empty to recognise it; quoting: `csv`, quotes around a
    cell belong to the format, `none`, they are text, or `auto`, which is `csv` but for tabs; see
    `delimited`; header: whether the first row names the columns, which are numbers otherwise;
    encoding: empty for UTF-8, or UTF-16 or UTF-32 with a byte-order mark.
    """

    format: str = ""
    delimiter: str = ""
    quoting: Quoting = "auto"
    header: bool = True
    encoding: str = ""


class Row(NamedTuple):
    """A row of a file.

    line: number of its first line, from 1; raw: its bytes with the line end (for Parquet, a
    `RecordBatch` and an index); fields: values by column; wrong: why the row can't be used, None
    if it can; lines: how many lines it takes; doubt: why the row may hold several rows, if so;
    file: the name of its file, if the source is a folder. `raw` of a bad row is repaired, so that
    columns can still be added to it.
    """

    line: int
    raw: Any
    fields: dict[str, Any]
    wrong: str | None = None
    lines: int = 1
    doubt: str | None = None
    file: str = ""


class LineStream(Protocol):
    """A stream that gives lines as UTF-8."""

    def readline(self, limit: int, /) -> bytes:
        """Return the next line, or its first `limit` bytes; empty at the end."""


class Reader(ABC):
    """Reads rows of a stream. `offset` (bytes) and `line` say how far it has read."""

    columns: list[str] | None = None  # None if the format has no header
    unit = "line"  # what `Row.line` counts, for messages
    resumable = True  # reading can continue at an offset
    encoding = "utf-8"  # of the file

    def __init__(self, stream: Any):
        self._stream = stream
        self.encoding = getattr(stream, "encoding", "utf-8")
        self._bom = b""
        self.offset = 0
        self.line = 0
        self.blank_lines = 0  # lines that hold no row, which are left out
        self.undecodable = False  # whether a line could not be decoded

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """Yield each row; a bad row says what is wrong with it."""

    def need(self, columns: Sequence[str]) -> None:  # noqa: B027 - most readers have all anyway
        """Say which columns are needed; the fields of rows may lack the others."""

    def chunks(self) -> Iterator[list[Row]]:
        """Yield lists of at most CHUNK_ROWS rows; the file alone decides where each list ends.

        `offset`, `line` and `blank_lines` are those of the end of the last list.
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
        """Continue reading at `offset`, the end of line `line`, before any row has been read."""
        self._stream.skip_to(offset)
        self.offset, self.line = offset, line

    def position(self) -> int:
        """Return how many bytes of the file have been read, for progress."""
        return self._stream.position()

    def _lines(self) -> Iterator[bytes]:
        """Yield each line, counting them; raise InputError if one is too long to be read."""
        for raw, wrong in self._checked_lines():
            if wrong:
                raise InputError(f"line {self.line}: {wrong}")
            yield raw

    def _checked_lines(self) -> Iterator[tuple[bytes, str | None]]:
        """Yield each line and why it is wrong, which is that it is too long; count the lines.

        Only a newline ends a line: texts may hold other separators.
        """
        # Not `for line in file`, which reads ahead and would ignore `go_to`.
        while raw := self._stream.readline(LONGEST_ROW + 1):
            is_first = not self.offset
            self.offset += len(raw)
            self.line += 1
            wrong = None
            if len(raw) > LONGEST_ROW:
                raw, wrong = b"\n", f"longer than {LONGEST_ROW >> 20} MiB"
                self._skip_line()
            if is_first and raw.startswith(BOM):
                self._bom = BOM
                raw = raw.removeprefix(BOM)
            yield raw, wrong

    def _skip_line(self) -> None:
        """Read to the end of the current line."""
        while block := self._stream.readline(1 << 20):
            self.offset += len(block)
            if block.endswith(b"\n"):
                return

    def _not_text(self, error: UnicodeDecodeError) -> str:
        """Return what is wrong with a line that could not be decoded."""
        self.undecodable = True
        byte = f" (byte {error.start} of the line)" if self.encoding == "utf-8" else ""
        return f"not {self.encoding.upper()} text{byte}"


class JsonlReader(Reader):
    """Reads rows of a file with one JSON object per line; blank lines are left out."""

    def rows(self) -> Iterator[Row]:
        """Yield each object."""
        for raw, wrong in self._checked_lines():
            if not wrong and not raw.strip():
                self.blank_lines += 1
                continue
            fields = None
            try:
                fields = None if wrong else json.loads(raw.decode("utf-8"))
            except UnicodeDecodeError as error:
                wrong = self._not_text(error)
            except (ValueError, RecursionError) as error:
                wrong = f"not JSON ({error})"
            if isinstance(fields, dict):
                yield Row(self.line, raw, light(fields, len(raw)))
            else:
                unread = {"unread": raw.decode("utf-8", "replace").rstrip("\r\n")}
                repaired = json.dumps(unread, ensure_ascii=False).encode("utf-8")
                yield Row(self.line, repaired, {}, wrong or "expected a JSON object")


def light(fields: dict[str, Any], size: int) -> dict[str, Any]:
    """Return the fields of an object of `size` bytes, in a long one None for lists and objects.

    They are neither a text nor a label, and take up to 30 times their bytes.
    """
    if size < _LONG:
        return fields
    return {name: None if isinstance(v, list | dict) else v for name, v in fields.items()}


class LinesReader(Reader):
    """Reads rows of a file with one text per line; the only column is `text`."""

    columns: list[str] | None = ["text"]  # noqa: RUF012 - never changed

    def rows(self) -> Iterator[Row]:
        """Yield each line."""
        for raw, wrong in self._checked_lines():
            line = raw.removesuffix(b"\n").removesuffix(b"\r")
            try:
                yield Row(self.line, line, {} if wrong else {"text": line.decode("utf-8")}, wrong)
            except UnicodeDecodeError as error:
                yield Row(self.line, line, {}, self._not_text(error))


class FastTextReader(LinesReader):
    """Reads lines `__label__NAME … text`; the columns are `text` and `label`.

    Of several labels the first counts; the text is what follows the last.
    """

    columns: list[str] | None = ["text", "label"]  # noqa: RUF012 - never changed
    PREFIX = "__label__"

    def rows(self) -> Iterator[Row]:
        """Yield each line."""
        for row in super().rows():
            words, text = [], row.fields.get("text", "")
            while text.startswith(self.PREFIX):
                word, _, text = text.partition(" ")
                words.append(word)
                text = text.lstrip(" ")
            fields = {"text": text, "label": words[0] if words else ""} if row.fields else {}
            yield row._replace(fields=fields)


class ArgumentsReader(Reader):
    """Reads texts from a list; for each `-` in it, the lines of `file`."""

    columns: list[str] | None = ["text"]  # noqa: RUF012 - never changed
    unit = "text"

    def __init__(self, texts: Sequence[str], file: LineStream):
        super().__init__(file)
        self._texts = texts

    def position(self) -> int:
        """Return how many bytes of the stream have been read."""
        return self.offset

    def rows(self) -> Iterator[Row]:
        """Yield each text, numbered from 1."""
        number = 0
        for text in self._texts:
            # Bytes of an argument that are not UTF-8 have become lone surrogates.
            raw = text.encode("utf-8", "surrogateescape")
            rows = (
                LinesReader(self._stream).rows() if text == "-" else [Row(0, raw, {"text": text})]
            )
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
