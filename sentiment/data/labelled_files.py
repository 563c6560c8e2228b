"""Read the texts and labels of files, in any format of `formats`."""

import hashlib
import math
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sentiment.data import formats, labelled_folders, readers
from sentiment.data.columns import column_list, find_column
from sentiment.data.label_mapping import LabelMapping
from sentiment.data.labelled_rows import PART_NAMES, LabelledRow, RowErrors, label_rows
from sentiment.data.parts import part_files
from sentiment.data.readers import Reader, ReadOptions, Row
from sentiment.data.reviews import Reviews
from sentiment.data.text_stream import decoding_hint
from sentiment.errors import InputError, MissingFileError

Rows = tuple[list[LabelledRow], RowErrors]
SKIP_HINT = "--on-error skip leaves out such rows"


def file_identity(path: Path) -> str:
    """Return the name and SHA-256 of a file; raise MissingFileError if it can't be read."""
    return f"{path.name}:{file_digest(path)}"


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a labelled file, or of the files of a folder and their names.

    Raises MissingFileError if it can't be read.
    """
    try:
        if labelled_folders.is_labelled_folder(path):
            return labelled_folders.folder_digest(path)
        if path.is_dir():
            parts = [f"{part.name}:{file_digest(part)}" for part in part_files(path)]
            return hashlib.sha256(os.fsencode("\n".join(parts))).hexdigest()
        with readers.open_binary(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, MissingFileError) as error:
        raise MissingFileError(
            f"no dataset {path}: it is not imdb, sample, tfds:NAME, a readable file or a folder "
            "with pos and neg",
            hint="sentiment prepare --dataset sample",
        ) from error


def read_labelled(
    path: Path,
    text_column: str = "text",
    label_column: str = "label",
    *,
    mapping: LabelMapping | None = None,
    on_error: str = "fail",
    options: ReadOptions | None = None,
) -> Reviews:
    """Return the texts and labels of a labelled file; without a mapping it is inferred.

    Rows without text and rows whose label is neither positive nor negative are left out; the notes
    say so. options: how the file is read. Raises MissingFileError if there is no file, and
    InputError if no row is left or the meaning of the labels is not certain. A row that can't be
    read raises InputError, which names the line, unless `on_error` is `skip`.
    """
    row_errors = RowErrors(on_error, SKIP_HINT)
    rows, errors = read_rows(path, text_column, label_column, row_errors, options)
    rows = [LabelledRow(row.text, row.label) for row in rows]
    return label_rows(rows, mapping, source=str(path), column=label_column, errors=errors)[0]


def read_rows(
    path: Path,
    text_column: str,
    label_column: str,
    errors: RowErrors,
    options: ReadOptions | None = None,
) -> Rows:
    """Return the rows of a labelled file; a column `split` tells their parts.

    It tells them if each of its values is one of PART_NAMES.
    """
    if labelled_folders.is_labelled_folder(path):
        return labelled_folders.read_folder(path, errors), errors
    rows: list[LabelledRow] = []
    parts: list[str | None] = []
    wanted = {"text": text_column, "label": label_column}
    with ExitStack() as stack:
        reader = formats.open_reader(path, options or ReadOptions(), stack)
        names = _find_columns(path, reader.columns, wanted)
        reader.need([*names.values(), "split"])
        for row in reader.rows():
            if not rows and reader.columns is None and not row.wrong:
                names = _first_columns(row.fields, wanted)
            try:
                _check_row(path, reader, row)
                text = _field(path, row.line, row.fields, names["text"])
                if names["label"] not in row.fields:
                    raise _no_column(path, row.line, row.fields, names["label"])
            except InputError as error:
                errors.add(error)
                continue
            label = _held_label(row.fields[names["label"]])
            errors.held.add(text, label, path)
            rows.append(LabelledRow(text, label))
            parts.append(PART_NAMES.get(str(row.fields.get("split")).strip().lower()))
    for what, name in names.items():
        if name != wanted[what]:
            errors.remark(f"{what} column: {name}")
    if "split" in names.values() or None in parts:
        return rows, errors
    pairs = zip(rows, parts, strict=True)
    return [LabelledRow(row.text, row.label, part) for row, part in pairs], errors


def _held_label(value: Any) -> Any:
    """Return a label without what it may refer to, such as the rest of an object of JSON."""
    return value if isinstance(value, str | int | float | None) else str(value)


def _find_columns(path: Path, columns: list[str] | None, wanted: dict[str, str]) -> dict[str, str]:
    """Return the columns of what is wanted; those of a file without a header as they are."""
    if columns is None:
        return wanted
    try:
        return {what: find_column(columns, name, what) for what, name in wanted.items()}
    except InputError as error:
        raise InputError(f"{path}: {error.fact}", hint=error.hint) from error


def _first_columns(fields: dict[str, Any], wanted: dict[str, str]) -> dict[str, str]:
    """Return the fields of what is wanted in the first object of a file; as named, if unclear."""
    names = {}
    for what, name in wanted.items():
        try:
            names[what] = find_column(list(fields), name, what)
        except InputError:
            names[what] = name
    return names


def _check_row(path: Path, reader: Reader, row: Row) -> None:
    """Raise InputError if a row is bad."""
    if row.wrong:
        hint = decoding_hint(path, reader.encoding) if reader.undecodable else None
        place = path / row.file if row.file else path
        raise InputError(f"{place}, {reader.unit} {row.line}: {row.wrong}", hint=hint)


def read_texts(
    path: Path, text_column: str = "text", options: ReadOptions | None = None
) -> Iterator[str]:
    """Yield the texts of a file one by one; of a .txt file, the lines.

    Raises MissingFileError if there is no file. Raises InputError, which names the line, if a row
    lacks the column.
    """
    wanted = {"text": text_column}
    with ExitStack() as stack:
        reader = formats.open_reader(path, options or ReadOptions(), stack)
        names = _find_columns(path, reader.columns, wanted)
        reader.need(list(names.values()))
        for number, row in enumerate(reader.rows()):
            _check_row(path, reader, row)
            if not number and reader.columns is None:
                names = _first_columns(row.fields, wanted)
            yield _field(path, row.line, row.fields, names["text"])


def _field(path: Path, line: int, row: dict[str, Any], column: str) -> str:
    value = row.get(column)
    is_number = isinstance(value, float) and math.isfinite(value)
    if isinstance(value, bool) or not (isinstance(value, str | int) or is_number):
        raise _no_column(path, line, row, column)
    return str(value)


def _no_column(path: Path, line: int, row: dict[str, Any], column: str) -> InputError:
    if column in row:
        return InputError(f"{path}, line {line}: no text in column {column!r}")
    columns = column_list([str(name) for name in row if name is not None])
    return InputError(
        f"{path}, line {line}: no column {column!r}; it has {columns or 'none'}",
        hint=f"name yours with --text-column and --label-column; {SKIP_HINT}",
    )
