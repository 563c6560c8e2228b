r"""Read rows of CSV, TSV and other delimited text, and lose no line.

In the dialect of CSV a cell that begins with a quote goes on to the closing quote, over line ends
too. A quote inside is doubled, or has a backslash before it. If nothing closes the cell, or the row
has another width than the header, only its first line is bad: reading goes on at the next line.

In lenient dialects, which is how tabs are read, a quote is text unless it opens and closes a cell.
A quoted cell goes over line ends only if no line within it has a delimiter.
"""

import csv
import io
import re
import shlex
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sentiment.data.dialect import Dialect
from sentiment.data.readers import LONGEST_ROW, Reader, Row
from sentiment.data.text_stream import decoding_hint
from sentiment.errors import InputError

MAX_SPAN = LONGEST_ROW  # bytes of a row over several lines
_ESCAPED_QUOTE = re.compile(r'(?<!\\)\\"')
# With doubled quotes, or with quotes that have a backslash before them.
_QUOTED_CELL = re.compile(r'"([^"]*(?:""[^"]*)*)"|"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_NOT_CLOSED = "a quote opens a cell and nothing closes it"
_TEXT_AFTER = "text follows the closing quote of a cell"


class Line(NamedTuple):
    """A line of the file with its line end, and why it can't be read, if so."""

    raw: bytes
    wrong: str | None


class _Parsed(NamedTuple):
    """Lines that were read as one row, and its cells, or what is wrong with it."""

    lines: list[Line]
    cells: list[str]
    wrong: str | None = None


class CsvReader(Reader):
    """Reads rows of delimited text.

    columns: the cells of the first row, or without a `header` the numbers 1, 2, ….
    """

    columns: list[str]

    def __init__(self, stream: Any, dialect: Dialect, *, header: bool = True):
        """Read the header. Raises InputError, naming the line, if it can't be read."""
        super().__init__(stream)
        csv.field_size_limit(LONGEST_ROW)
        self.delimiter, self.quoted = dialect.delimiter, dialect.quoted
        self.lenient, self._backslash = dialect.lenient, dialect.backslash
        self._parse = self._parse_lenient if dialect.lenient else self._parse_strict
        self._source = (Line(*pair) for pair in self._checked_lines())
        self._returned: deque[Line] = deque()  # lines to be read again
        self._width = 0  # of the header; 0 while it is read
        declaration = self._next_line() if dialect.declared else None
        before = [] if declaration is None else [declaration]
        while (first := self._next_line()) and not first.raw.strip(b"\r\n") and not first.wrong:
            before.append(first)
        parsed = self._parse_row(first) if first else _Parsed([], [])
        wrong = parsed.wrong or self._encoding_error(parsed)
        if wrong:
            hint = decoding_hint(Path(stream.name), self.encoding) if self.undecodable else None
            if first and first.wrong and Path(stream.name).is_file():
                hint = f"see how it begins: head -c 300 {shlex.quote(stream.name)}"
            raise InputError(f"line {self.line}: {wrong}", hint=hint)
        raw = b"".join(line.raw for line in parsed.lines)
        self.newline = b"\r\n" if raw.endswith(b"\r\n") else b"\n"
        self.columns, self._width = parsed.cells, len(parsed.cells)
        if not header:
            self.columns = [str(number) for number in range(1, self._width + 1)]
            self._give_back(parsed.lines)
            raw = b""
        # The byte-order mark stays: without it, Excel does not read a file as UTF-8.
        self.preamble = self._bom + b"".join(line.raw for line in before)
        self.header_row = raw

    def go_to(self, offset: int, line: int) -> None:
        """Continue reading at `offset`, the end of line `line`."""
        self._returned.clear()
        super().go_to(offset, line)

    def rows(self) -> Iterator[Row]:
        """Yield each row; empty lines are left out."""
        while (line := self._next_line()) is not None:
            if not line.raw.rstrip(b"\r\n") and not line.wrong:
                self.blank_lines += 1
                continue
            number = self.line
            parsed = self._parse_row(line)
            wrong = parsed.wrong or self._width_error(parsed.cells)
            if wrong and len(parsed.lines) > 1:
                # A cell that took other rows in: they are read for themselves.
                self._give_back(parsed.lines[1:])
                parsed = _Parsed(parsed.lines[:1], [], _NOT_CLOSED)
                wrong = _NOT_CLOSED
            yield self._row(number, parsed, wrong)

    def _row(self, number: int, parsed: _Parsed, wrong: str | None) -> Row:
        count = len(parsed.lines)
        raw = b"".join(line.raw for line in parsed.lines)
        if wrong is None:
            fields = dict(zip(self.columns, parsed.cells, strict=True))
            wrong = self._encoding_error(parsed) if _is_undecodable(parsed.cells) else None
            doubt = self._doubt(parsed.lines) if count > 2 else None
            return Row(number, raw, fields, wrong, count, doubt)
        cells = parsed.cells or [raw.rstrip(b"\r\n").decode("utf-8", "surrogateescape")]
        fields = dict(zip(self.columns, cells, strict=False))
        return Row(number, self._repaired(cells), fields, wrong, count)

    def _parse_row(self, line: Line) -> _Parsed:
        """Return the row that begins with `line`, or what is wrong with that line."""
        return _Parsed([line], [], line.wrong) if line.wrong else self._parse(line)

    def _next_line(self) -> Line | None:
        """Return the next line, one that was given back first; None at the end."""
        if not self._returned:
            return next(self._source, None)
        line = self._returned.popleft()
        self.offset += len(line.raw)
        self.line += 1
        return line

    def _give_back(self, lines: list[Line]) -> None:
        """Let `lines`, which were read last, be read again."""
        self._returned.extendleft(reversed(lines))
        self.offset -= sum(len(line.raw) for line in lines)
        self.line -= len(lines)

    def _parse_strict(self, first: Line) -> _Parsed:
        """Return the row that begins with `first`, in the dialect of CSV."""
        if not self.quoted or b'"' not in first.raw:
            return _Parsed([first], _text(first).rstrip("\r\n").split(self.delimiter))
        if b'\\"' not in first.raw:
            return self._parse_quoted(first, escaped=False)
        for escaped in (self._backslash, not self._backslash):
            parsed = self._parse_quoted(first, escaped=escaped)
            if not parsed.wrong and not self._width_error(parsed.cells):
                return parsed
            self._give_back(parsed.lines[1:])
        return self._parse_quoted(first, escaped=self._backslash)

    def _parse_quoted(self, first: Line, *, escaped: bool) -> _Parsed:
        """Return the row that begins with `first`, in which a backslash may escape a quote."""
        lines = [first]

        def texts() -> Iterator[str]:
            size, line = len(first.raw), first
            while True:
                text = _text(line)
                yield _ESCAPED_QUOTE.sub('""', text) if escaped else text
                following = self._next_line()
                if following is None:
                    return
                size += len(following.raw)
                if following.wrong or size > MAX_SPAN:
                    self._give_back([following])
                    return
                line = following
                lines.append(line)

        try:
            cells = next(csv.reader(texts(), delimiter=self.delimiter, strict=True))
        except csv.Error as error:
            self._give_back(lines[1:])
            return _Parsed([first], [], _in_words(error))
        return _Parsed(lines, cells)

    def _parse_lenient(self, first: Line) -> _Parsed:
        """Return the row that begins with `first`, in which quotes are text unless they fit."""
        text = _text(first).rstrip("\r\n")
        cells = text.split(self.delimiter)
        if b'"' not in first.raw:
            return _Parsed([first], cells)
        if self._width and len(cells) > self._width:
            quoted = self._cells_on_one_line(text)
            if len(quoted) == self._width:
                return _Parsed([first], quoted)
        opened = cells[-1].startswith('"') and not _QUOTED_CELL.fullmatch(cells[-1])
        if opened and 1 < self._width >= len(cells):
            joined = self._join_lines(first, cells)
            if joined:
                return joined
        return _Parsed([first], [_unquoted(cell) for cell in cells])

    def _cells_on_one_line(self, text: str) -> list[str]:
        """Return the cells of a line, of which quoted ones may hold the delimiter; or none."""
        try:
            return next(csv.reader([text], delimiter=self.delimiter, strict=True), [])
        except csv.Error:
            return []

    def _join_lines(self, first: Line, cells: list[str]) -> _Parsed | None:
        """Return the row whose last cell in `first` goes on in the next lines; None if it fails."""
        lines, cell, size = [first], cells[-1], len(first.raw)
        while (line := self._next_line()) is not None:
            lines.append(line)
            size += len(line.raw)
            if line.wrong or size > MAX_SPAN:
                break
            head, *rest = _text(line).rstrip("\r\n").split(self.delimiter)
            cell += f"\n{head}"
            closed = _QUOTED_CELL.fullmatch(cell) if head.endswith('"') else None
            if closed and len(cells) + len(rest) == self._width:
                return _Parsed(lines, [_unquoted(each) for each in [*cells[:-1], cell, *rest]])
            if rest:
                break
        self._give_back(lines[1:])
        return None

    def _encoding_error(self, parsed: _Parsed) -> str | None:
        """Return what is wrong with the first line that can't be decoded, if there is one."""
        for line in parsed.lines:
            try:
                line.raw.decode("utf-8")
            except UnicodeDecodeError as error:
                return self._not_text(error)
        return None

    def _width_error(self, cells: list[str]) -> str | None:
        if not self._width or len(cells) == self._width:
            return None
        if len(cells) < self._width:
            missing = self.columns[len(cells)]
            return f"no column {missing!r}: {len(cells)} of {self._width} fields"
        return f"{len(cells)} fields, but the header has {self._width}"

    def _doubt(self, lines: list[Line]) -> str | None:
        """Return why a row may have taken others in: the lines within look like rows."""
        delimiter = self.delimiter.encode()
        inner = [line.raw.count(delimiter) for line in lines[1:-1]]
        if self._width < 2 or len(inner) < 2 or any(count != self._width - 1 for count in inner):
            return None
        return f"a quoted cell goes over {len(lines)} lines that look like rows"

    def _repaired(self, cells: list[str]) -> bytes:
        """Return a row as wide as the header: add empty cells, or join the surplus ones."""
        if len(cells) > self._width:
            last = self.delimiter.join(cells[self._width - 1 :])
            cells = [*cells[: self._width - 1], last]
        cells = cells + [""] * (self._width - len(cells))
        out = io.StringIO()
        csv.writer(out, delimiter=self.delimiter, lineterminator="\n").writerow(cells)
        return out.getvalue().encode("utf-8", "surrogateescape")


def _text(line: Line) -> str:
    """Return a line as text; bytes that are not UTF-8 become lone surrogates."""
    return line.raw.decode("utf-8", "surrogateescape")


def _in_words(error: csv.Error) -> str:
    reason = str(error)
    if "unexpected end" in reason:
        return _NOT_CLOSED
    return _TEXT_AFTER if "expected after" in reason else reason


def _is_undecodable(cells: list[str]) -> bool:
    return any(not cell.isascii() and _has_surrogates(cell) for cell in cells)


def _has_surrogates(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _unquoted(cell: str) -> str:
    """Return the text of a cell, without quotes if they open and close it."""
    match = _QUOTED_CELL.fullmatch(cell) if cell.startswith('"') else None
    if not match:
        return cell
    doubled, escaped = match.groups()
    return doubled.replace('""', '"') if escaped is None else escaped.replace('\\"', '"')
