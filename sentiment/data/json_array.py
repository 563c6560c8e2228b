"""Read the objects of a JSON array, one at a time."""

import codecs
import json
from collections.abc import Iterator
from typing import Any

from sentiment.data.readers import BOM, LONGEST_ROW, Reader, Row, light
from sentiment.data.text_stream import TextStream
from sentiment.errors import InputError

_BLOCK = 1 << 20  # bytes read at once, at least
_SPACE = " \t\r\n"


class JsonArrayReader(Reader):
    """Reads rows of a file that holds one JSON array of objects."""

    resumable = False  # a comma stands between two objects, so what is written depends on the first

    def rows(self) -> Iterator[Row]:
        """Yield each object; raise InputError, naming the line, if the array can't be read on."""
        text = _Text(self._stream)
        if text.mark() != "[":
            raise InputError(f"{text.name}, line {text.line}: expected a JSON array")
        mark = text.mark() if text.mark(take=False) == "]" else ","
        while mark == ",":
            text.mark(take=False)
            line = self.line = text.line
            yield self._row(line, *text.value())
            if (mark := text.mark()) not in (",", "]"):
                raise InputError(
                    f"{text.name}, line {text.line}: expected , or ] after a value, got {mark!r}"
                )
        if mark := text.mark_after_end():
            raise InputError(
                f"{text.name}, line {text.line}: expected the end of the file, got {mark!r}"
            )

    def _row(self, line: int, value: Any, raw: str) -> Row:
        lines = raw.count("\n") + 1
        try:
            data = raw.encode("utf-8")
        except UnicodeEncodeError:
            self.undecodable = True
            data, value, wrong = _unread(raw), {}, f"not {self.encoding.upper()} text"
            return Row(line, data, value, wrong, lines)
        if len(data) > LONGEST_ROW:
            return Row(line, _unread(""), {}, f"longer than {LONGEST_ROW >> 20} MiB", lines)
        if isinstance(value, dict):
            return Row(line, data, light(value, len(data)), lines=lines)
        return Row(line, _unread(raw), {}, "expected a JSON object", lines)


def _unread(raw: str) -> bytes:
    """Return an object that holds what could not be used."""
    text = raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return json.dumps({"unread": text}, ensure_ascii=False).encode("utf-8")


class _Text:
    """The text of a stream, read from left to right. `line` is the number of the current line."""

    def __init__(self, stream: TextStream):
        self.line = 1
        self._stream, self.name = stream, stream.name
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text, self._index = "", 0
        self._json = json.JSONDecoder()
        self._fill()
        self._text = self._text.removeprefix(BOM.decode())

    def mark(self, *, take: bool = True) -> str:
        """Return the next character that is not white space, and pass it if `take`."""
        character = self.mark_after_end()
        if not character:
            raise InputError(f"{self.name}, line {self.line}: the JSON array is not closed")
        if take:
            self._pass(self._index + 1)
        return character

    def mark_after_end(self) -> str:
        """Return the next character that is not white space, or nothing at the end."""
        while True:
            end = self._index
            while end < len(self._text) and self._text[end] in _SPACE:
                end += 1
            self._pass(end)
            if end < len(self._text):
                return self._text[end]
            if not self._fill():
                return ""

    def value(self) -> tuple[Any, str]:
        """Return the next value and its text; raise InputError if it is no JSON."""
        while True:
            start = self._index
            try:
                value, end = self._json.raw_decode(self._text, start)
            except (ValueError, RecursionError) as error:
                if len(self._text) - start > LONGEST_ROW or not self._fill():
                    place = f"{self.name}: the value that begins in line {self.line}"
                    raise InputError(f"{place} is not JSON ({error})") from error
                continue
            # A number may go on in the next block.
            if end == len(self._text) and self._fill():
                continue
            raw = self._text[start:end]
            self._pass(end)
            return value, raw

    def _pass(self, end: int) -> None:
        self.line += self._text.count("\n", self._index, end)
        self._index = end

    def _fill(self) -> bool:
        """Read more; return False at the end."""
        rest = self._text[self._index :]
        # As much as is there, so that a long value is parsed seldom, but not far above its limit.
        block = self._stream.read(max(_BLOCK, min(len(rest), LONGEST_ROW - len(rest))))
        more = self._decoder.decode(block, final=not block)
        self._text, self._index = rest + more, 0
        return bool(block)
