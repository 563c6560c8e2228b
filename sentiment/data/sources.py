"""Load labelled texts: from TensorFlow Datasets, the sample in the package, a file or a folder.

To add a data source, register a function that returns its splits; see `data_source`. Any other
name of a dataset is `tfds:NAME`, or the path of a labelled file or folder.
"""

import csv
import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.data import formats, imdb, labelled_folders, readers, tfds_source
from sentiment.data.label_mapping import LabelMapping
from sentiment.data.labelled_rows import (
    PART_NAMES,
    LabelledRow,
    RowErrors,
    label_rows,
    make_splits,
)
from sentiment.data.labels import NEGATIVE, POSITIVE, UNLABELLED
from sentiment.data.reviews import Reviews, SourceRequest, Splits
from sentiment.errors import InputError, MissingFileError

LoadSplits = Callable[[SourceRequest], Splits]
Rows = tuple[list[LabelledRow], RowErrors]
_SKIP_HINT = "--on-error skip leaves out such rows"


@dataclass(frozen=True)
class DataSource:
    """A data source.

    load: returns the splits, `train` and `test`, and `unsupervised` if there are unlabelled texts;
    identity: returns the name in the key of the prepared dataset, which differs for other content;
    labelled_rows: the settings of labels and test reviews apply to it; version: changes if the
    same content gives other splits.
    """

    load: LoadSplits
    identity: Callable[[SourceRequest], str]
    labelled_rows: bool = False
    version: int = 1


SOURCES: dict[str, DataSource] = {}


def data_source(
    name: str, identity: Callable[[SourceRequest], str] | None = None
) -> Callable[[LoadSplits], LoadSplits]:
    """Register the decorated function as the data source `name`.

    identity: see `DataSource`; by default the name itself, for content that never changes. Raises
    ValueError if `name` looks like a path or is taken.
    """
    if not name.isidentifier() or name in SOURCES:
        raise ValueError(f"expected a new name of letters, digits and underscores, got {name!r}")

    def register(load: LoadSplits) -> LoadSplits:
        SOURCES[name] = DataSource(load, identity or (lambda request: name))
        return load

    return register


def find_source(name: str) -> DataSource:
    """Return the data source `name`: a registered one, `tfds:NAME`, or a folder or file."""
    if name in SOURCES:
        return SOURCES[name]
    if name.startswith(tfds_source.PREFIX):
        return _TFDS
    return _FOLDER if labelled_folders.is_labelled_folder(Path(name)) else _FILE


data_source("imdb")(imdb.load_imdb)


@data_source("sample")
def load_sample(request: SourceRequest | None = None) -> Splits:
    """Return the splits of the short reviews that were written for this project."""
    del request
    rows: dict[str, list[tuple[str, int]]] = {}
    with resources.files("sentiment.data").joinpath("sample.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            label = {"pos": POSITIVE, "neg": NEGATIVE}.get(row["label"], UNLABELLED)
            rows.setdefault(row["split"], []).append((row["text"], label))
    return {
        name: Reviews([text for text, _ in pairs], np.array([label for _, label in pairs], np.int8))
        for name, pairs in rows.items()
    }


def _labelled_rows_source(
    read: Callable[[SourceRequest], tuple[Rows, bool]],
    identity: Callable[[SourceRequest], str],
) -> DataSource:
    """Return a source of labelled rows; `read` also tells whether labels are names of classes."""

    def load(request: SourceRequest) -> Splits:
        settings = request.settings
        mapping = LabelMapping.parse(settings.positive, settings.negative)
        (rows, errors), classes = read(request)
        if settings.test:
            rows = _with_test_file(rows, request, errors)
        reviews, parts = label_rows(
            rows,
            mapping,
            source=settings.dataset,
            column=settings.label_column,
            errors=errors,
            classes=classes,
        )
        return make_splits(reviews, parts, settings.test_share, settings.dataset)

    return DataSource(load, identity, labelled_rows=True, version=2)


def _with_test_file(
    rows: list[LabelledRow], request: SourceRequest, errors: RowErrors
) -> list[LabelledRow]:
    """Return `rows` as training rows, and the rows of `--test` as test rows."""
    settings = request.settings
    if any(row.part in ("test", "validation") for row in rows):
        raise InputError(f"{settings.dataset} has test reviews of its own", hint="leave out --test")
    columns = settings.text_column, settings.label_column
    test, _ = read_rows(Path(settings.test), *columns, errors)
    train = [LabelledRow(row.text, row.label, row.part or "train") for row in rows]
    return train + [LabelledRow(row.text, row.label, "test") for row in test]


def _read_requested_file(request: SourceRequest) -> tuple[Rows, bool]:
    settings = request.settings
    path, errors = Path(settings.dataset), RowErrors(settings.on_error, _SKIP_HINT)
    return read_rows(path, settings.text_column, settings.label_column, errors), False


def _file_identity(request: SourceRequest) -> str:
    """Return the name and digest of a file: its folder does not matter, its content does."""
    return file_identity(Path(request.settings.dataset))


def _read_requested_folder(request: SourceRequest) -> tuple[Rows, bool]:
    settings = request.settings
    errors = RowErrors(settings.on_error, _SKIP_HINT)
    return (labelled_folders.read_folder(Path(settings.dataset), errors), errors), False


def _folder_identity(request: SourceRequest) -> str:
    path = Path(request.settings.dataset)
    return f"{path.resolve().name}:{labelled_folders.folder_digest(path)}"


def _read_requested_tfds(request: SourceRequest) -> tuple[Rows, bool]:
    return (tfds_source.read_rows(request), RowErrors()), True


_FILE = _labelled_rows_source(_read_requested_file, _file_identity)
_FOLDER = _labelled_rows_source(_read_requested_folder, _folder_identity)
_TFDS = _labelled_rows_source(_read_requested_tfds, tfds_source.identity)


def file_identity(path: Path) -> str:
    """Return the name and SHA-256 of a file; raise MissingFileError if it can't be read."""
    return f"{path.name}:{file_digest(path)}"


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a labelled file; raise MissingFileError if it can't be read."""
    try:
        with readers.open_binary(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, MissingFileError) as error:
        raise MissingFileError(
            f"no dataset {path}: it is not {', '.join(SOURCES)}, tfds:NAME, a readable file or a "
            "folder with pos and neg",
            hint="sentiment prepare --dataset sample",
        ) from error


def read_labelled(
    path: Path,
    text_column: str = "text",
    label_column: str = "label",
    *,
    mapping: LabelMapping | None = None,
    on_error: str = "fail",
) -> Reviews:
    """Return the texts and labels of a labelled file; without a mapping it is inferred.

    Rows without text and rows whose label is neither positive nor negative are left out; the notes
    say so. Raises
    MissingFileError if there is no file, and InputError if no row is left or the meaning of the
    labels is not certain. A row that can't be read raises InputError, which names the line,
    unless `on_error` is `skip`.
    """
    rows, errors = read_rows(path, text_column, label_column, RowErrors(on_error, _SKIP_HINT))
    rows = [LabelledRow(row.text, row.label) for row in rows]
    return label_rows(rows, mapping, source=str(path), column=label_column, errors=errors)[0]


def read_rows(path: Path, text_column: str, label_column: str, errors: RowErrors) -> Rows:
    """Return the rows of a labelled file; a column `split` tells their parts.

    It tells them if each of its values is one of PART_NAMES.
    """
    formats.require_format(path, labelled=True)
    rows: list[LabelledRow] = []
    parts: list[str | None] = []
    for line, fields in _rows(path, text_column, errors):
        try:
            text = _field(path, line, fields, text_column)
            if label_column not in fields:
                raise _no_column(path, line, fields, label_column)
        except InputError as error:
            errors.add(error)
            continue
        rows.append(LabelledRow(text, fields[label_column]))
        parts.append(PART_NAMES.get(str(fields.get("split")).strip().lower()))
    if "split" in (text_column, label_column) or None in parts:
        return rows, errors
    pairs = zip(rows, parts, strict=True)
    return [LabelledRow(row.text, row.label, part) for row, part in pairs], errors


def read_texts(path: Path, text_column: str = "text") -> Iterator[str]:
    """Yield the texts of a file one by one; of a .txt file, the lines.

    Raises MissingFileError if there is no file. Raises InputError, which names the line, if a row
    lacks the column.
    """
    for line, row in _rows(path, text_column, RowErrors()):
        yield _field(path, line, row, text_column)


def _field(path: Path, line: int, row: dict[str, Any], column: str) -> str:
    value = row.get(column)
    is_number = isinstance(value, float) and math.isfinite(value)
    if isinstance(value, bool) or not (isinstance(value, str | int) or is_number):
        raise _no_column(path, line, row, column)
    return str(value)


def _no_column(path: Path, line: int, row: dict[str, Any], column: str) -> InputError:
    if column in row:
        return InputError(f"{path}, line {line}: no text in column {column!r}")
    columns = ", ".join(str(name) for name in row if name is not None)
    return InputError(
        f"{path}, line {line}: no column {column!r}; it has {columns or 'none'}",
        hint="name yours with --text-column and --label-column",
    )


def _rows(path: Path, text_column: str, errors: RowErrors) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each row of a file with its line number; a bad row goes to `errors`."""
    with readers.open_binary(path) as file:
        for row in formats.make_reader(path, file, text_column).rows():
            if row.wrong:
                errors.add(InputError(f"{path}, line {row.line}: {row.wrong}"))
            else:
                yield row.line, row.fields
