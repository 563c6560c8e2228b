"""Bound the memory that record batches take: cut them into pieces, and weigh them unread."""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from sentiment.data import readers

_RECORD_BATCH, _DICTIONARY_BATCH = 3, 2  # kinds of messages


def pieces(arrow: Any, batch: Any) -> Iterator[Any]:
    """Yield slices of a batch, each of at most CHUNK_ROWS rows and about CHUNK_BYTES, or one row.

    A dictionary holds a value once, however many rows have it; their size is that of the rows.
    """
    sizes = np.zeros(batch.num_rows, np.int64)
    for column in batch.columns:
        sizes += cell_sizes(arrow, column)
    ends = np.cumsum(sizes)
    start = 0
    while start < batch.num_rows:
        limit = (ends[start - 1] if start else 0) + readers.CHUNK_BYTES
        end = int(np.searchsorted(ends, limit, side="right"))
        end = min(max(end, start + 1), start + readers.CHUNK_ROWS, batch.num_rows)
        yield batch.slice(start, end - start)
        start = end


def cell_sizes(arrow: Any, column: Any) -> np.ndarray:
    """Return the size of each cell in bytes, int64 (N,); for lists and objects their mean."""
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    kinds = arrow.types
    if kinds.is_dictionary(column.type):
        values = cell_sizes(arrow, column.dictionary)
        if not len(values):
            return np.zeros(len(column), np.int64)
        return values[np.asarray(column.indices.fill_null(0)).astype(np.int64)]
    is_text = kinds.is_string(column.type) or kinds.is_binary(column.type)
    if is_text or kinds.is_large_string(column.type) or kinds.is_large_binary(column.type):
        return np.asarray(pc.binary_length(column).fill_null(0)).astype(np.int64)
    return np.full(len(column), column.nbytes // max(1, len(column)), np.int64)


def cells(arrow: Any, column: Any) -> tuple[list[Any], set[int]]:
    """Return the values of a column, and the indices of those that are too long, which are None.

    Lists and objects are None as well: they are neither a text nor a label.
    """
    if arrow.types.is_nested(column.type):
        return [None] * len(column), set()
    too_long = np.flatnonzero(cell_sizes(arrow, column) > readers.LONGEST_ROW)
    if not len(too_long):
        return column.to_pylist(), set()
    found = set(too_long.tolist())
    return [None if i in found else column[i].as_py() for i in range(len(column))], found


def unpacked_size(message: Any) -> int:
    """Return the bytes that the compressed buffers of a message of Arrow's format claim to take.

    Raises ValueError or struct.error if its metadata, a FlatBuffer, can't be read.
    """
    metadata = memoryview(message.metadata)
    root = struct.unpack_from("<I", metadata)[0]
    kind = _field(metadata, root, 1)
    header = _target(metadata, _field(metadata, root, 2))
    if not kind or not header or metadata[kind] not in (_RECORD_BATCH, _DICTIONARY_BATCH):
        return 0
    if metadata[kind] == _DICTIONARY_BATCH:
        header = _target(metadata, _field(metadata, header, 1))
    buffers = _target(metadata, _field(metadata, header, 2))
    if not _field(metadata, header, 3) or not buffers:
        return 0
    body, total = memoryview(message.body), 0
    for index in range(struct.unpack_from("<I", metadata, buffers)[0]):
        offset, length = struct.unpack_from("<qq", metadata, buffers + 4 + 16 * index)
        # The size before a compressed buffer is -1 if it is not compressed after all.
        total += max(0, struct.unpack_from("<q", body, offset)[0]) if length > 8 else 0
    return total


def _field(data: memoryview, table: int, number: int) -> int:
    """Return where a field of a table is, 0 if the table lacks it."""
    start = table - struct.unpack_from("<i", data, table)[0]
    place = 4 + 2 * number
    if place >= struct.unpack_from("<H", data, start)[0]:
        return 0
    offset = struct.unpack_from("<H", data, start + place)[0]
    return table + offset if offset else 0


def _target(data: memoryview, field: int) -> int:
    """Return where the table or list is that a field refers to, 0 for no field."""
    return field + struct.unpack_from("<I", data, field)[0] if field else 0
