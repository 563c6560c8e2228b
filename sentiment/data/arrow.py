"""Read and write rows of Parquet and Arrow files, a batch at a time.

Only this module imports pyarrow.
"""

import io
import mmap
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from sentiment.data import readers
from sentiment.data.parquet_pages import DICTIONARY, page_sizes
from sentiment.data.readers import Reader, Row
from sentiment.data.record_batches import cells, pieces, unpacked_size
from sentiment.data.writers import Writer
from sentiment.errors import InputError, UnavailableError

_MAX_PAGE = 1 << 27  # bytes of a page of Parquet, which is unpacked whole; most have one MiB
_MAX_BATCH = 1 << 29  # bytes of a compressed batch of Arrow, which is unpacked whole
_BUDGET = 1 << 26  # bytes that rows read at once may take if each has the largest value
_MAGIC = b"ARROW1"


def libraries() -> tuple[Any, Any]:
    """Return pyarrow and pyarrow.parquet; raise UnavailableError if they are not installed."""
    try:
        import pyarrow  # type: ignore[import-untyped]
        import pyarrow.parquet  # type: ignore[import-untyped]
    except ImportError as error:
        raise UnavailableError(
            "Parquet and Arrow files need pyarrow, which is not installed",
            hint="pip install pyarrow",
        ) from error
    return pyarrow, pyarrow.parquet


class BatchReader(Reader):
    """Reads rows of record batches. Their `fields` hold the columns that are needed, or all."""

    unit = "row"
    columns: list[str]
    resumable = False  # the footer is written last, so an interrupted file has no use
    kind = ""

    def __init__(self, path: Path, file: BinaryIO):
        """Open `file`; raise InputError if it has another format."""
        super().__init__(file)
        self._arrow, self._parquet = libraries()
        self._path = path
        try:
            self.schema = self._open(file)
        except (self._arrow.ArrowException, OSError, ValueError, struct.error) as error:
            raise InputError(f"{path} is not {self.kind} file ({error})") from error
        self.columns = self.schema.names
        self._needed = [name for name in self.columns if self.columns.count(name) == 1]

    def need(self, columns: Sequence[str]) -> None:
        """Say which columns are needed: the fields of rows hold no others."""
        self._needed = [name for name in self._needed if name in columns]

    def _open(self, file: BinaryIO) -> Any:
        """Open `file` and return its schema."""
        raise NotImplementedError

    def _batches(self) -> Iterator[Any]:
        """Yield record batches, which fit into the memory."""
        raise NotImplementedError

    def chunks(self) -> Iterator[list[Row]]:
        """Yield the rows of each batch; `raw` is the batch and the index of the row in it."""
        try:
            for batch in self._batches():
                for piece in pieces(self._arrow, batch):
                    rows = self._rows(piece)
                    self.line += len(rows)
                    yield rows
        except (self._arrow.ArrowException, OSError, ValueError, struct.error) as error:
            raise InputError(f"{self._path}, after row {self.line}: {error}") from error

    def _rows(self, batch: Any) -> list[Row]:
        found = [cells(self._arrow, batch.column(name)) for name in self._needed]
        too_long = set().union(*(indices for _, indices in found))
        wrong = f"longer than {readers.LONGEST_ROW >> 20} MiB"
        return [
            Row(
                self.line + index + 1,
                (batch, index),
                {
                    name: values[index]
                    for name, (values, _) in zip(self._needed, found, strict=True)
                },
                wrong if index in too_long else None,
            )
            for index in range(batch.num_rows)
        ]

    def rows(self) -> Iterator[Row]:
        """Yield each row."""
        for chunk in self.chunks():
            yield from chunk

    def position(self) -> int:
        """Return how many bytes of the file have been read, for progress."""
        return self._stream.tell()


class ParquetReader(BatchReader):
    """Reads rows of a Parquet file."""

    kind = "a Parquet"

    def _open(self, file: BinaryIO) -> Any:
        # Not `pre_buffer`, which reads a whole row group at once.
        self._file = self._parquet.ParquetFile(file, pre_buffer=False, buffer_size=1 << 16)
        return self._file.schema_arrow

    def _batches(self) -> Iterator[Any]:
        for group in range(self._file.num_row_groups):
            rows = max(1, min(readers.CHUNK_ROWS, _BUDGET // self._largest_row(group)))
            yield from self._file.iter_batches(batch_size=rows, row_groups=[group])

    def _largest_row(self, group: int) -> int:
        """Return the bytes that a row may take: a dictionary may be one value, which each row has.

        Raises ValueError if a page or a row is too large to be unpacked.
        """
        metadata = self._file.metadata.row_group(group)
        largest = 1
        for index in range(metadata.num_columns):
            chunk = metadata.column(index)
            if 8 * chunk.num_values > _MAX_PAGE * max(1, metadata.num_rows):
                raise ValueError(f"a row of {chunk.path_in_schema} would take too much memory")
            for kind, size in page_sizes(self._stream, chunk):
                if size > _MAX_PAGE:
                    raise ValueError(f"a page of {chunk.path_in_schema} would take {size:,} bytes")
                if kind == DICTIONARY and chunk.physical_type.endswith("BYTE_ARRAY"):
                    largest += size
        return largest


class ArrowReader(BatchReader):
    """Reads rows of an Arrow file (Feather 2) or of an Arrow stream."""

    kind = "an Arrow"

    def _open(self, file: BinaryIO) -> Any:
        from pyarrow import ipc

        # Mapped into memory: a batch that is not compressed is not read at once.
        self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        # A file is a stream between a mark and an index.
        self._start = 8 if self._data[: len(_MAGIC)] == _MAGIC else 0
        self._ipc = ipc
        self._records = ipc.open_stream(self._source())
        return self._records.schema

    def _source(self) -> Any:
        self._reader = self._arrow.BufferReader(self._arrow.py_buffer(self._data))
        self._reader.seek(self._start)
        return self._reader

    def _batches(self) -> Iterator[Any]:
        for message in self._ipc.MessageReader.open_stream(self._source()):
            if (size := unpacked_size(message)) > _MAX_BATCH:
                raise ValueError(f"a batch of rows would take {size:,} bytes")
        self._records = self._ipc.open_stream(self._source())
        yield from self._records

    def position(self) -> int:
        """Return how many bytes of the file have been read, for progress."""
        return self._reader.tell()


class BatchWriter(Writer):
    """Adds columns after the original ones, which keep their types."""

    holds_warnings = True

    def __init__(self, reader: BatchReader, names: Sequence[str], *, defuse: bool = False):
        super().__init__(reader, names, defuse=defuse)
        self._arrow, self._parquet = libraries()
        string = self._arrow.string()
        types = [string, self._arrow.float64(), self._arrow.list_(string)]
        if len(names) > len(types):
            types.insert(2, self._arrow.int64())  # the evidence
        self._added = [
            self._arrow.field(name, kind) for name, kind in zip(self.names, types, strict=True)
        ]
        self._schema = reader.schema
        for field in self._added:
            self._schema = self._schema.append(field)
        self._buffer = io.BytesIO()
        self._writer = self._open()
        self.head = self._take_bytes()

    def _open(self) -> Any:
        """Return a writer of record batches into the buffer."""
        raise NotImplementedError

    def chunk(self, rows: Sequence[Row], values: Sequence[Sequence[Any]]) -> bytes:
        """Return rows of one batch, with the `values` added to each, as a row group."""
        if not rows:
            return b""
        original = rows[0].raw[0].take([row.raw[1] for row in rows])
        added = [
            self._arrow.array(column, field.type)
            for column, field in zip(zip(*values, strict=True), self._added, strict=True)
        ]
        columns = [*original.columns, *added]
        batch = self._arrow.RecordBatch.from_arrays(columns, schema=self._schema)
        self._writer.write_batch(batch)
        return self._take_bytes()

    def row(self, row: Row, added: Sequence[Any]) -> bytes:
        """Return a row group of one row."""
        return self.chunk([row], [added])

    def tail(self) -> bytes:
        """Return the footer of the file, which indexes all row groups."""
        self._writer.close()
        return self._take_bytes()

    def _take_bytes(self) -> bytes:
        """Return what pyarrow has written since the last call, and empty the buffer."""
        written = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        return written


class ParquetWriter(BatchWriter):
    """Writes a Parquet file."""

    def _open(self) -> Any:
        return self._parquet.ParquetWriter(self._buffer, self._schema)


class ArrowWriter(BatchWriter):
    """Writes an Arrow file, which is Feather 2."""

    def _open(self) -> Any:
        # A sink that can't seek, as what is written is taken out of the buffer.
        return self._arrow.ipc.new_file(self._buffer, self._schema)
