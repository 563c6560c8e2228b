"""Read and write rows of Parquet and Arrow files, a batch at a time.

Only this module imports pyarrow.
"""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from sentiment.data.readers import CHUNK_ROWS, Reader, Row
from sentiment.data.writers import Writer
from sentiment.errors import InputError, UnavailableError


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
        except (self._arrow.ArrowException, OSError) as error:
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
        """Yield record batches of at most CHUNK_ROWS rows."""
        raise NotImplementedError

    def chunks(self) -> Iterator[list[Row]]:
        """Yield the rows of each batch; `raw` is the batch and the index of the row in it."""
        try:
            for batch in self._batches():
                values = [batch.column(name).to_pylist() for name in self._needed]
                rows = [
                    Row(
                        self.line + index + 1,
                        (batch, index),
                        dict(zip(self._needed, (column[index] for column in values), strict=True)),
                    )
                    for index in range(batch.num_rows)
                ]
                self.line += len(rows)
                if rows:
                    yield rows
        except (self._arrow.ArrowException, OSError) as error:
            raise InputError(f"{self._path}, after row {self.line}: {error}") from error

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
        self._file = self._parquet.ParquetFile(file)
        return self._file.schema_arrow

    def _batches(self) -> Iterator[Any]:
        return self._file.iter_batches(batch_size=CHUNK_ROWS)


class ArrowReader(BatchReader):
    """Reads rows of an Arrow file (Feather 2) or of an Arrow stream."""

    kind = "an Arrow"

    def _open(self, file: BinaryIO) -> Any:
        from pyarrow import ipc

        self._file = None
        try:
            self._file = ipc.open_file(file)
            return self._file.schema
        except self._arrow.ArrowInvalid:
            file.seek(0)
            self._records = ipc.open_stream(file)
            return self._records.schema

    def _batches(self) -> Iterator[Any]:
        file = self._file
        if file is not None:
            records = (file.get_batch(number) for number in range(file.num_record_batches))
        else:
            records = iter(self._records)
        for batch in records:
            for start in range(0, batch.num_rows, CHUNK_ROWS):
                yield batch.slice(start, CHUNK_ROWS)


class BatchWriter(Writer):
    """Adds columns after the original ones, which keep their types."""

    max_columns = 3

    def __init__(self, reader: BatchReader, names: Sequence[str], *, defuse: bool = False):
        super().__init__(reader, names, defuse=defuse)
        self._arrow, self._parquet = libraries()
        string = self._arrow.string()
        types = (string, self._arrow.float64(), self._arrow.list_(string))
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
