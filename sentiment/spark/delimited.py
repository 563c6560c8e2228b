"""Read CSV and TSV files on Spark with the reader of one machine, so that no line is lost.

Spark's own parser takes in all that follows an unclosed quote. Each file is read by one task, as
only the reader can tell where a row ends.
"""

import io
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from sentiment.data import formats
from sentiment.data.readers import Reader, ReadOptions, Row
from sentiment.errors import InputError

_START = 1 << 20  # bytes of a file that hold its header

Frame = Any  # a Spark or pandas DataFrame


def column_names(spark: Any, source: str, kind: str) -> list[str]:
    """Return the columns of the first file at `source`, of the format `kind`.

    Raises InputError if the header can't be read.
    """
    files = _files(spark, source).selectExpr("path", f"substring(content, 1, {_START}) AS content")
    for row in files.orderBy("path").take(1):
        return _open(row.path, row.content, kind).columns or []
    return []


def read_rows(
    spark: Any, source: str, kind: str, columns: list[str], *, wrong: str, raw: str
) -> Frame:
    """Return the rows at `source`, all values as strings.

    Two columns are added: `wrong`, why a row can't be used, and `raw`, such a row as it was read.
    A file with other columns than `columns` fails with InputError.
    """
    names = [*columns, wrong, raw]
    schema = ", ".join(f"`{name.replace('`', '``')}` STRING" for name in names)
    return _files(spark, source).mapInPandas(_parser(columns, names, kind), schema)


def _files(spark: Any, source: str) -> Frame:
    return spark.read.format("binaryFile").load(source).select("path", "content")


def _open(path: str, content: bytes, kind: str) -> Reader:
    options = ReadOptions(format=kind.removeprefix("."))
    return formats.make_reader(Path(PurePosixPath(path).name), io.BytesIO(content), options)


def _parser(
    columns: list[str], names: list[str], kind: str
) -> Callable[[Iterator[Frame]], Iterator[Frame]]:
    """Return a function from files to rows, for `mapInPandas`."""

    def parse(frames: Iterator[Frame]) -> Iterator[Frame]:
        import pandas as pd  # type: ignore[import-untyped]

        for frame in frames:
            for path, content in zip(frame["path"], frame["content"], strict=True):
                reader = _open(path, content, kind)
                if reader.columns != columns:
                    raise InputError(f"{path} has other columns: {', '.join(reader.columns or [])}")
                for chunk in reader.chunks():
                    rows = [_values(row, columns, str(path)) for row in chunk]
                    yield pd.DataFrame(rows, columns=names, dtype=object)

    return parse


def _values(row: Row, columns: list[str], path: str) -> list[str | None]:
    """Return the values of a row, why it can't be used, and the row itself if so."""
    if row.wrong is None:
        return [*(row.fields[name] for name in columns), None, None]
    reason = f"{path}, line {row.line}: {row.wrong}"
    raw = row.raw.decode("utf-8", "replace").rstrip("\r\n")
    return [*([None] * len(columns)), reason, raw]
