"""The table of file formats: how files of texts are read and written, by their suffix.

To add a format, write a `Reader`, a `Writer` and a row of the table.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sentiment.data.readers import CsvReader, JsonlReader, LinesReader, Reader
from sentiment.data.writers import CsvWriter, JsonlWriter, LinesWriter, Writer
from sentiment.errors import InputError


@dataclass(frozen=True)
class FileFormat:
    """A format of files of texts.

    open_reader: makes a reader from a path, the open file and the column of the text;
    writer: makes a writer from that reader and the names of added columns, see `Writer`.
    """

    open_reader: Callable[[Path, BinaryIO, str], Reader]
    writer: Callable[..., Writer]
    labelled: bool = True  # labelled files may have this format
    resumable: bool = True  # an interrupted job can continue to write a file
    binary: bool = False  # a terminal can't show it
    formulas: bool = False  # a spreadsheet opens it and runs cells that are formulas


def _open_csv(path: Path, file: BinaryIO, delimiter: str) -> Reader:
    try:
        return CsvReader(file, delimiter)
    except InputError as error:
        raise InputError(f"{path}, {error.fact}") from error


def _open_parquet(path: Path, file: BinaryIO, column: str) -> Reader:
    from sentiment.data.parquet import ParquetReader

    return ParquetReader(path, file, column)


def _parquet_writer(reader: Any, names: Sequence[str], *, defuse: bool = False) -> Writer:
    from sentiment.data.parquet import ParquetWriter

    return ParquetWriter(reader, names, defuse=defuse)


FORMATS: dict[str, FileFormat] = {
    ".csv": FileFormat(
        lambda path, file, column: _open_csv(path, file, ","), CsvWriter, formulas=True
    ),
    ".tsv": FileFormat(
        lambda path, file, column: _open_csv(path, file, "\t"), CsvWriter, formulas=True
    ),
    ".jsonl": FileFormat(lambda path, file, column: JsonlReader(file), JsonlWriter),
    ".txt": FileFormat(lambda path, file, column: LinesReader(file), LinesWriter, labelled=False),
    # The footer is written last, so an interrupted file has no use.
    ".parquet": FileFormat(
        _open_parquet, _parquet_writer, labelled=False, resumable=False, binary=True
    ),
}


def find_format(path: Path) -> FileFormat | None:
    """Return the format of a file by its suffix; None if the suffix is not in the table."""
    return FORMATS.get(path.suffix.lower())


def require_format(path: Path, *, labelled: bool = False) -> FileFormat:
    """Return the format of a file by its suffix.

    Raises InputError if no format has that suffix, or none that may be `labelled`.
    """
    allowed = {suffix: row for suffix, row in FORMATS.items() if row.labelled or not labelled}
    suffix = path.suffix.lower()
    if suffix not in allowed:
        *others, last = allowed
        raise InputError(f"{path}: expected a name that ends in {', '.join(others)} or {last}")
    return allowed[suffix]


def make_reader(path: Path, file: BinaryIO, text_column: str = "text") -> Reader:
    """Return a reader for `file`, opened from `path`.

    Raises InputError if no format has the suffix of `path`, or if the header can't be read.
    """
    return require_format(path).open_reader(path, file, text_column)


def make_writer(
    path: Path, reader: Reader, names: Sequence[str], *, defuse: bool = False
) -> Writer:
    """Return a writer in the format of `path`, for the rows of `reader` and added columns `names`.

    names: those of label, probability and warnings; a format without lists leaves the warnings out.
    defuse: in formats that have formulas, make cells harmless for spreadsheets.
    """
    return require_format(path).writer(reader, names, defuse=defuse)
