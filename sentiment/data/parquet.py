"""Rows of Parquet files in and out, a batch of rows at a time.

Knows pyarrow, which is imported here alone; knows nothing of texts,
labels or models.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from sentiment.data.readers import CHUNK_ROWS, Reader, Row
from sentiment.data.writers import ByteStream
from sentiment.errors import InputError, UnavailableError


def libraries() -> tuple[Any, Any]:
    """Return pyarrow and pyarrow.parquet; raise UnavailableError where they are not installed."""
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
    """Rows of a Parquet file. Of a row's values only the one in `wanted` is read out."""

    unit = "row"

    def __init__(self, path: Path, file: BinaryIO, wanted: str):
        super().__init__(file)
        self._arrow, parquet = libraries()
        try:
            self._parquet = parquet.ParquetFile(file)
        except (self._arrow.ArrowException, OSError) as error:
            raise InputError(f"{path} is no Parquet file ({error})") from error
        self._path, self._wanted = path, wanted
        self.schema = self._parquet.schema_arrow
        self.columns = self.schema.names
        self._size = path.stat().st_size

    def chunks(self) -> Iterator[list[Row]]:
        """Yield the rows of each batch; `raw` is the batch and the row's place in it."""
        total = max(1, self._parquet.metadata.num_rows)
        try:
            for batch in self._parquet.iter_batches(batch_size=CHUNK_ROWS):
                values = batch.column(self._wanted).to_pylist()
                rows = [
                    Row(self.line + place + 1, (batch, place), {self._wanted: value})
                    for place, value in enumerate(values)
                ]
                self.line += len(rows)
                self.offset = self._size * self.line // total
                yield rows
        except (self._arrow.ArrowException, OSError) as error:
            raise InputError(f"{self._path}, after row {self.line}: {error}") from error

    def rows(self) -> Iterator[Row]:
        """Yield each row."""
        for chunk in self.chunks():
            yield from chunk


class ParquetWriter:
    """The columns as they were, typed as they were, and ours after them."""

    def __init__(self, reader: ParquetReader, names: Sequence[str], file: ByteStream):
        self._arrow, parquet = libraries()
        kinds = (
            self._arrow.string(),
            self._arrow.float64(),
            self._arrow.list_(self._arrow.string()),
        )
        self._ours = [
            self._arrow.field(name, kind) for name, kind in zip(names, kinds, strict=True)
        ]
        schema = reader.schema
        for field in self._ours:
            schema = schema.append(field)
        self._schema = schema
        self._writer = parquet.ParquetWriter(file, schema)

    def write(self, rows: Sequence[Row], values: Sequence[Sequence[Any]]) -> None:
        """Write rows of one batch with the values added to each."""
        if not rows:
            return
        kept = rows[0].raw[0].take([row.raw[1] for row in rows])
        added = [
            self._arrow.array(column, field.type)
            for column, field in zip(zip(*values, strict=True), self._ours, strict=True)
        ]
        batch = self._arrow.RecordBatch.from_arrays([*kept.columns, *added], schema=self._schema)
        self._writer.write_batch(batch)

    def close(self) -> None:
        """Write what a Parquet file ends with."""
        self._writer.close()
