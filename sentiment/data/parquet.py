"""Read and write rows of Parquet files, a batch at a time. Only this module imports pyarrow."""

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
            "Parquet files need pyarrow, which is not installed",
            hint="pip install pyarrow",
        ) from error
    return pyarrow, pyarrow.parquet


class ParquetReader(Reader):
    """Reads rows of a Parquet file; their `fields` hold `column` alone."""

    unit = "row"
    columns: list[str]

    def __init__(self, path: Path, file: BinaryIO, column: str):
        super().__init__(file)
        self._arrow, parquet = libraries()
        try:
            self._parquet = parquet.ParquetFile(file)
        except (self._arrow.ArrowException, OSError) as error:
            raise InputError(f"{path} is not a Parquet file ({error})") from error
        self._path, self._column = path, column
        self.schema = self._parquet.schema_arrow
        self.columns = self.schema.names
        self._size = path.stat().st_size

    def chunks(self) -> Iterator[list[Row]]:
        """Yield the rows of each batch; `raw` is the batch and the index of the row in it."""
        if self._column not in self.columns:
            columns = ", ".join(self.columns) or "none"
            raise InputError(
                f"{self._path}: no column {self._column!r}; it has {columns}",
                hint="name yours with --text-column",
            )
        total = max(1, self._parquet.metadata.num_rows)
        try:
            for batch in self._parquet.iter_batches(batch_size=CHUNK_ROWS):
                values = batch.column(self._column).to_pylist()
                rows = [
                    Row(self.line + index + 1, (batch, index), {self._column: value})
                    for index, value in enumerate(values)
                ]
                self.line += len(rows)
                self.offset = self._size * self.line // total  # an estimate, for progress
                yield rows
        except (self._arrow.ArrowException, OSError) as error:
            raise InputError(f"{self._path}, after row {self.line}: {error}") from error

    def rows(self) -> Iterator[Row]:
        """Yield each row."""
        for chunk in self.chunks():
            yield from chunk


class ParquetWriter(Writer):
    """Adds columns after the original ones, which keep their types."""

    max_columns = 3

    def __init__(self, reader: ParquetReader, names: Sequence[str], *, defuse: bool = False):
        super().__init__(reader, names, defuse=defuse)
        self._arrow, parquet = libraries()
        string = self._arrow.string()
        types = (string, self._arrow.float64(), self._arrow.list_(string))
        self._added = [
            self._arrow.field(name, kind) for name, kind in zip(self.names, types, strict=True)
        ]
        self._schema = reader.schema
        for field in self._added:
            self._schema = self._schema.append(field)
        self._buffer = io.BytesIO()
        self._writer = parquet.ParquetWriter(self._buffer, self._schema)
        self.head = self._take_bytes()

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
