"""Load labelled texts: from TensorFlow Datasets, the sample in the package, a file or a folder.

To add a data source, register a function that returns its splits; see `data_source`. Any other
name of a dataset is `tfds:NAME`, or the path of a labelled file or folder.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from sentiment.config import READ_SETTINGS, PrepareSettings
from sentiment.data import imdb, labelled_folders, tfds_source
from sentiment.data.label_mapping import LabelMapping
from sentiment.data.labelled_files import SKIP_HINT, Rows, file_identity, read_rows
from sentiment.data.labelled_rows import (
    LabelledRow,
    RowErrors,
    label_rows,
    make_splits,
)
from sentiment.data.labels import NEGATIVE, POSITIVE, UNLABELLED
from sentiment.data.readers import ReadOptions
from sentiment.data.reviews import Reviews, SourceRequest, Splits
from sentiment.errors import InputError

LoadSplits = Callable[[SourceRequest], Splits]


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
    test, _ = read_rows(Path(settings.test), *columns, errors, _read_options(settings))
    train = [LabelledRow(row.text, row.label, row.part or "train") for row in rows]
    return train + [LabelledRow(row.text, row.label, "test") for row in test]


def _read_requested_file(request: SourceRequest) -> tuple[Rows, bool]:
    settings = request.settings
    path, errors = Path(settings.dataset), RowErrors(settings.on_error, SKIP_HINT)
    columns = settings.text_column, settings.label_column
    return read_rows(path, *columns, errors, _read_options(settings)), False


def _read_options(settings: PrepareSettings) -> ReadOptions:
    return ReadOptions(*(getattr(settings, name) for name in READ_SETTINGS))


def _file_identity(request: SourceRequest) -> str:
    """Return the name and digest of a file: its folder does not matter, its content does."""
    return file_identity(Path(request.settings.dataset))


def _read_requested_folder(request: SourceRequest) -> tuple[Rows, bool]:
    settings = request.settings
    errors = RowErrors(settings.on_error, SKIP_HINT)
    return (labelled_folders.read_folder(Path(settings.dataset), errors), errors), False


def _folder_identity(request: SourceRequest) -> str:
    path = Path(request.settings.dataset)
    return f"{path.resolve().name}:{labelled_folders.folder_digest(path)}"


def _read_requested_tfds(request: SourceRequest) -> tuple[Rows, bool]:
    errors = RowErrors()
    return (tfds_source.read_rows(request, errors), errors), True


_FILE = _labelled_rows_source(_read_requested_file, _file_identity)
_FOLDER = _labelled_rows_source(_read_requested_folder, _folder_identity)
_TFDS = _labelled_rows_source(_read_requested_tfds, tfds_source.identity)
