"""The table of file formats: how files of texts are read and written.

To add a format, write a `Reader`, a `Writer` and a row of the table.
"""

import shlex
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sentiment.data import parts, readers
from sentiment.data.compression import without_compression
from sentiment.data.readers import FastTextReader, JsonlReader, LinesReader, Reader, ReadOptions
from sentiment.data.text_stream import TextStream
from sentiment.data.writers import (
    CsvWriter,
    JsonArrayWriter,
    JsonlWriter,
    LinesWriter,
    Writer,
    without_warnings,
)
from sentiment.errors import InputError


@dataclass(frozen=True)
class FileFormat:
    """A format of files of texts.

    meaning: what such a file holds; open_reader: makes a reader from a path, the open file and
    options; writer: makes a writer from that reader and the names of added columns, see `Writer`;
    written_as: the name of the format of the output, empty for the same.
    """

    meaning: str
    open_reader: Callable[[Path, BinaryIO, ReadOptions], Reader]
    writer: Callable[..., Writer]
    binary: bool = False  # a terminal can't show it, and it is not compressed as a whole
    formulas: bool = False  # a spreadsheet opens it and runs cells that are formulas
    written_as: str = ""
    needs: str = ""  # a package that is not installed with this one


def _stream(path: Path, file: BinaryIO, options: ReadOptions) -> TextStream:
    return TextStream(file, options.encoding or None, name=str(path))


def _open_delimited(default: str) -> Callable[[Path, BinaryIO, ReadOptions], Reader]:
    def open_reader(path: Path, file: BinaryIO, options: ReadOptions) -> Reader:
        from sentiment.data import delimited, dialect

        stream = _stream(path, file, options)
        found = dialect.recognise(stream.start, options, default)
        return delimited.CsvReader(stream, found, header=options.header)

    return open_reader


def _open_json(path: Path, file: BinaryIO, options: ReadOptions) -> Reader:
    stream = _stream(path, file, options)
    if stream.start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        from sentiment.data.json_array import JsonArrayReader

        return JsonArrayReader(stream)
    return JsonlReader(stream)


def _open_json_lines(path: Path, file: BinaryIO, options: ReadOptions) -> Reader:
    return JsonlReader(_stream(path, file, options))


def _open_lines(path: Path, file: BinaryIO, options: ReadOptions) -> Reader:
    stream = _stream(path, file, options)
    labelled = stream.start.lstrip(b"\xef\xbb\xbf").startswith(FastTextReader.PREFIX.encode())
    return FastTextReader(stream) if labelled else LinesReader(stream)


def _open_parquet(path: Path, file: BinaryIO, options: ReadOptions) -> Reader:
    from sentiment.data.arrow import ParquetReader

    return ParquetReader(path, file)


def _open_arrow(path: Path, file: BinaryIO, options: ReadOptions) -> Reader:
    from sentiment.data.arrow import ArrowReader

    return ArrowReader(path, file)


def _open_excel(path: Path, file: BinaryIO, options: ReadOptions) -> Reader:
    from sentiment.data.excel import ExcelReader

    return ExcelReader(path, file, header=options.header)


def _json_writer(reader: Any, names: Sequence[str], *, defuse: bool = False) -> Writer:
    writer = JsonlWriter if isinstance(reader, JsonlReader) else JsonArrayWriter
    return writer(reader, names, defuse=defuse)


def _parquet_writer(reader: Any, names: Sequence[str], *, defuse: bool = False) -> Writer:
    from sentiment.data.arrow import ParquetWriter

    return ParquetWriter(reader, names, defuse=defuse)


def _arrow_writer(reader: Any, names: Sequence[str], *, defuse: bool = False) -> Writer:
    from sentiment.data.arrow import ArrowWriter

    return ArrowWriter(reader, names, defuse=defuse)


_JSON_LINES = FileFormat("one JSON object a line", _open_json_lines, JsonlWriter)
_ARROW = FileFormat("Arrow or Feather 2", _open_arrow, _arrow_writer, binary=True, needs="pyarrow")
FORMATS: dict[str, FileFormat] = {
    "csv": FileFormat(
        "cells between commas, semicolons, tabs or bars",
        _open_delimited(","), CsvWriter, formulas=True,
    ),
    "tsv": FileFormat(
        "cells between tabs; a quote is text unless it opens and closes a cell",
        _open_delimited("\t"), CsvWriter, formulas=True,
    ),
    "jsonl": _JSON_LINES,
    "ndjson": _JSON_LINES,
    "json": FileFormat("one JSON object a line, or an array of them", _open_json, _json_writer),
    "txt": FileFormat(
        "one text a line, after `__label__NAME ` if it has a label, as for fastText",
        _open_lines, LinesWriter,
    ),
    "parquet": FileFormat(
        "Parquet", _open_parquet, _parquet_writer, binary=True, needs="pyarrow"
    ),
    "arrow": _ARROW,
    "feather": _ARROW,
    "xlsx": FileFormat(
        "the first sheet of an Excel workbook",
        _open_excel, CsvWriter, binary=True, formulas=True, written_as="csv", needs="openpyxl",
    ),
}  # fmt: skip


def format_name(path: Path, options: ReadOptions | None = None) -> str:
    """Return the name of a file's format, a key of FORMATS: as it is told, else by its suffix.

    A folder has that of its first file. Raises InputError if no format has that name.
    """
    if options and options.format:
        name = options.format.lower().removeprefix(".")
        if name not in FORMATS:
            raise InputError(
                f"unknown format {options.format!r}", hint=f"--format with {', '.join(FORMATS)}"
            )
    else:
        part = parts.part_files(path)[0] if path.is_dir() else path
        name = without_compression(part).suffix.lower().removeprefix(".")
    if name not in FORMATS:
        *others, last = (f".{name}" for name in FORMATS)
        raise InputError(
            f"{path}: expected a name that ends in {', '.join(others)} or {last}",
            hint="--format NAME, if the name says nothing; `sentiment formats` lists them",
        )
    return name


def output_name(path: Path, options: ReadOptions | None = None) -> str:
    """Return the name of the format that the scored rows of a file are written in."""
    name = format_name(path, options)
    return FORMATS[name].written_as or name


def make_reader(path: Path, file: BinaryIO, options: ReadOptions | None = None) -> Reader:
    """Return a reader for `file`, opened from `path`.

    Raises InputError if no format has the suffix of `path`, or if the header can't be read.
    """
    options = options or ReadOptions()
    row = FORMATS[format_name(path, options)]
    try:
        return row.open_reader(path, file, options)
    except InputError as error:
        if not error.fact.startswith("line "):
            raise
        raise InputError(f"{path}, {error.fact}", hint=error.hint) from error


def open_reader(path: Path, options: ReadOptions, stack: ExitStack) -> Reader:
    """Open a file, or the files of a folder, for reading; `stack` closes them.

    Raises MissingFileError if there is none, and InputError as `make_reader` does.
    """

    def open_file(name: Path) -> Reader:
        return make_reader(name, stack.enter_context(readers.open_binary(name)), options)

    if not path.is_dir():
        return open_file(path)
    paths = parts.part_files(path)
    wanted = format_name(path, options)
    for part in paths:
        if format_name(part, options) != wanted:
            raise InputError(
                f"{path} holds files of different formats, such as {paths[0].name} and {part.name}",
                hint=f"ls {shlex.quote(str(path))}",
            )
    return parts.PartsReader(paths, open_file)


def make_writer(
    path: Path,
    reader: Reader,
    names: Sequence[str],
    *,
    options: ReadOptions | None = None,
    defuse: bool = False,
    warnings: bool = False,
) -> Writer:
    """Return a writer in the format of `path`, for the rows of `reader` and added columns `names`.

    names: see `writers.added_columns`; the last, that of the warnings, is left out of tables such
    as CSV unless `warnings`, and of lines of text. defuse: in formats that have formulas, make
    cells harmless for spreadsheets.
    """
    if isinstance(reader, parts.PartsReader):
        reader = reader.first
    row = FORMATS[format_name(path, options)]
    if row.formulas and not warnings:
        names = without_warnings(names)
    return row.writer(reader, names, defuse=defuse)
