"""Read the sizes of a Parquet file's pages, which pyarrow unpacks whole, before it does.

The header of a page is a Thrift structure in the compact protocol. Its first three fields are the
kind of page, its size when unpacked and its size in the file.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

DICTIONARY = 2  # the kind of page that holds the values which other pages refer to
_MAX_HEADER = 1 << 24  # bytes; it may hold the lowest and the highest value of the page
_PIECE = 1 << 10
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12


def page_sizes(file: BinaryIO, chunk: Any) -> Iterator[tuple[int, int]]:
    """Yield the kind and the unpacked size of each page of a column chunk, by its metadata.

    Raises ValueError if a header can't be read.
    """
    starts = (chunk.dictionary_page_offset, chunk.data_page_offset)
    position = min(start for start in starts if start)
    end = position + chunk.total_compressed_size
    while position < end:
        header = _Header(file, position)
        kind, unpacked, packed = header.sizes()
        if min(unpacked, packed) < 0:
            raise ValueError("a page has a negative size")
        yield kind, unpacked
        position = header.position + packed


class _Header:
    """A header of a page. `position` is that of the next byte in the file."""

    def __init__(self, file: BinaryIO, position: int):
        self._file, self._start, self.position = file, position, position
        self._data, self._index = b"", 0

    def sizes(self) -> tuple[int, int, int]:
        """Return the kind of page and its sizes, unpacked and in the file; pass the header."""
        values = {}
        for number, kind in self._fields():
            if number in (1, 2, 3):
                values[number] = self._integer()
            else:
                self._skip(kind)
        return values.get(1, -1), values.get(2, -1), values.get(3, -1)

    def _fields(self) -> Iterator[tuple[int, int]]:
        """Yield the number and the type of each field of a structure."""
        number = 0
        while head := self._byte():
            step = head >> 4
            number = number + step if step else self._integer()
            yield number, head & 15

    def _skip(self, kind: int, depth: int = 0) -> None:
        if depth > 8:
            raise ValueError("a header of a page is nested too deep")
        if kind == _STRUCT:
            for _, inner in self._fields():
                self._skip(inner, depth + 1)
        elif kind in (_LIST, _SET):
            head = self._byte()
            for _ in range(head >> 4 if head >> 4 < 15 else self._number()):
                self._skip(head & 15, depth + 1)
        elif kind == _BINARY:
            self._pass(self._number())
        elif kind in (_BYTE, _DOUBLE):
            self._pass(1 if kind == _BYTE else 8)
        elif kind not in (_TRUE, _FALSE):
            self._number()

    def _integer(self) -> int:
        number = self._number()
        return (number >> 1) ^ -(number & 1)  # zigzag

    def _number(self) -> int:
        number = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
        raise ValueError("a header of a page has a number of more than 64 bits")

    def _byte(self) -> int:
        if self._index == len(self._data):
            self._file.seek(self.position)
            self._data, self._index = self._file.read(_PIECE), 0
            if not self._data:
                raise ValueError("a header of a page is cut off")
        self._pass(1)
        return self._data[self._index - 1]

    def _pass(self, count: int) -> None:
        self.position += count
        if self.position - self._start > _MAX_HEADER:
            raise ValueError(f"a header of a page is larger than {_MAX_HEADER >> 20} MiB")
        self._index += count
        if self._index > len(self._data):
            self._data, self._index = b"", 0
