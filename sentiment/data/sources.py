"""Load labelled texts: from TensorFlow Datasets, from the sample in the package, or from a file.

To add a data source, register a function that returns its splits; see `data_source`. Any other
name of a dataset is the path of a labelled file.
"""

import csv
import hashlib
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.config import READ_SETTINGS, PrepareSettings
from sentiment.data import formats, readers
from sentiment.data.labels import LABEL_SPELLINGS, UNLABELLED
from sentiment.data.readers import ReadOptions
from sentiment.data.text_stream import decoding_hint
from sentiment.errors import InputError, MissingFileError, UnavailableError
from sentiment.utils.environment import suppress_stderr
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress

IMDB = "imdb_reviews/plain_text:1.0.0"
IMDB_SPLITS = ("train", "test", "unsupervised")
IMDB_URL = "http://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
ARCHIVE = "aclImdb_v1.tar.gz"
_NO_IMDB_HINT = (
    f"download {ARCHIVE} by hand and `sentiment prepare --archive {ARCHIVE}`, "
    "or set TFDS_DATA_DIR to a folder that holds imdb_reviews, "
    "or try everything with `sentiment prepare --dataset sample`"
)
_TEST_SHARE = 0.2  # of a labelled file, which has no splits


@dataclass(frozen=True)
class Reviews:
    """Texts and their labels, int8 (N,): 1 positive, 0 negative, -1 unlabelled."""

    texts: list[str]
    labels: np.ndarray

    def take(self, rows: np.ndarray) -> "Reviews":
        """Return the reviews `rows`, int (M,), in that order."""
        return Reviews([self.texts[row] for row in rows], self.labels[rows])


@dataclass(frozen=True)
class SourceRequest:
    """Everything that a data source may need to load its splits."""

    settings: PrepareSettings
    paths: ProjectPaths
    archive: Path | None = None  # of IMDB, downloaded by hand
    progress: Progress = field(default_factory=Progress)


Splits = dict[str, Reviews]
LoadSplits = Callable[[SourceRequest], Splits]


@dataclass(frozen=True)
class DataSource:
    """A data source.

    load: returns the splits, `train` and `test`, and `unsupervised` if there are unlabelled texts;
    identity: returns the name in the key of the prepared dataset, which differs for other content.
    """

    load: LoadSplits
    identity: Callable[[SourceRequest], str]


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
    """Return the data source `name`; if none is registered, the labelled file at that path."""
    return SOURCES.get(name, _FILE)


@data_source("imdb")
def load_imdb(request: SourceRequest) -> Splits:
    """Return the splits of the IMDB reviews; download them if they are not on this machine.

    With an `archive` they come from that file, whose checksum TFDS verifies. Raises
    MissingFileError if the archive does not exist, InputError if it is a different file, and
    UnavailableError if the reviews can't be downloaded.
    """
    progress = request.progress
    progress.note("importing TensorFlow Datasets")
    with suppress_stderr():
        import tensorflow_datasets as tfds

        builder = tfds.builder(IMDB, data_dir=request.paths.tfds)
    if not builder.data_path.exists():
        _build_imdb(tfds, builder, request.archive, progress)
    splits = {}
    for name in IMDB_SPLITS:
        size = builder.info.splits[name].num_examples
        with suppress_stderr():
            rows = tfds.as_numpy(builder.as_dataset(split=name, shuffle_files=False))
        texts, labels = [], np.full(size, UNLABELLED, np.int8)
        for index, row in enumerate(progress.track(rows, f"reading {name}", size)):
            texts.append(row["text"].decode("utf-8"))
            labels[index] = row["label"]
        splits[name] = Reviews(texts, labels)
    return splits


def _build_imdb(tfds: Any, builder: Any, archive: Path | None, progress: Progress) -> None:
    """Let TFDS build its dataset from `archive`, or else from the network."""
    tfds.disable_progress_bar()
    if archive is None:
        _check_reachable()
        progress.note(f"downloading the IMDB reviews (84 MB) to {builder.data_path}")
        _download_and_prepare(tfds, builder, None)
        return
    if not archive.is_file():
        raise MissingFileError(f"no file {archive}", hint=f"sentiment prepare --archive {ARCHIVE}")
    progress.note(f"preparing the IMDB reviews from {archive}")
    # TFDS finds the archive in a folder, by its original name; the user's file may have another.
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ARCHIVE).symlink_to(archive.resolve())
        _download_and_prepare(tfds, builder, Path(folder))


def _download_and_prepare(tfds: Any, builder: Any, manual_dir: Path | None) -> None:
    checksum_error = tfds.download.download_manager.NonMatchingChecksumError
    try:
        with suppress_stderr():
            config = tfds.download.DownloadConfig(manual_dir=manual_dir)
            builder.download_and_prepare(download_config=config)
    except checksum_error as error:
        raise InputError(
            f"the archive is not {ARCHIVE} as published: its checksum differs, so it is another "
            "file or a broken download",
            hint=_NO_IMDB_HINT,
        ) from error
    except OSError as error:
        raise UnavailableError(
            f"TFDS could not prepare the IMDB reviews: {error}", hint=_NO_IMDB_HINT
        ) from error


def _check_reachable() -> None:
    """Ask the server for the size of the archive first: TFDS would retry for minutes."""
    try:
        request = urllib.request.Request(IMDB_URL, method="HEAD")
        urllib.request.urlopen(request, timeout=10).close()
    except (OSError, urllib.error.URLError) as error:
        raise UnavailableError(
            f"the IMDB reviews are not on this machine, and {IMDB_URL} does not answer",
            hint=_NO_IMDB_HINT,
        ) from error


@data_source("sample")
def load_sample(request: SourceRequest | None = None) -> Splits:
    """Return the splits of the short reviews that were written for this project."""
    del request
    rows: dict[str, list[tuple[str, int]]] = {}
    with resources.files("sentiment.data").joinpath("sample.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            label = LABEL_SPELLINGS.get(row["label"], UNLABELLED)
            rows.setdefault(row["split"], []).append((row["text"], label))
    return {name: _reviews(pairs) for name, pairs in rows.items()}


def _load_requested_file(request: SourceRequest) -> Splits:
    settings = request.settings
    options = ReadOptions(*(getattr(settings, name) for name in READ_SETTINGS))
    return load_file(Path(settings.dataset), settings.text_column, settings.label_column, options)


def _file_identity(request: SourceRequest) -> str:
    """Return the name and digest of a file: its folder does not matter, its content does."""
    path = Path(request.settings.dataset)
    return f"{path.name}:{file_digest(path)}"


_FILE = DataSource(_load_requested_file, _file_identity)


def load_file(
    path: Path, text_column: str, label_column: str, options: ReadOptions | None = None
) -> Splits:
    """Return the splits train (80 %) and test of a labelled file, drawn with a fixed seed."""
    reviews = read_labelled(path, text_column, label_column, options)
    if len(reviews.texts) < 10 or len(set(reviews.labels.tolist())) < 2:
        raise InputError(
            f"{path} holds too little to learn from: at least 10 texts and both labels are needed",
            hint="sentiment train --dataset sample",
        )
    order = np.random.default_rng(0).permutation(len(reviews.texts))
    test_size = max(1, int(len(order) * _TEST_SHARE))
    return {
        "train": reviews.take(np.sort(order[test_size:])),
        "test": reviews.take(np.sort(order[:test_size])),
    }


def _reviews(rows: Iterable[tuple[str, int]]) -> Reviews:
    pairs = list(rows)
    return Reviews([text for text, _ in pairs], np.array([label for _, label in pairs], np.int8))


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a labelled file; raise MissingFileError if it can't be read."""
    try:
        with readers.open_binary(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, MissingFileError) as error:
        raise MissingFileError(
            f"no dataset {path}: it is neither {' nor '.join(SOURCES)} nor a readable file",
            hint="sentiment prepare --dataset sample",
        ) from error


def read_labelled(
    path: Path,
    text_column: str = "text",
    label_column: str = "label",
    options: ReadOptions | None = None,
) -> Reviews:
    """Return the texts and labels of a file.

    Raises MissingFileError if there is no file. Raises InputError, which names the line, if a row
    lacks a column or has a label other than pos/neg, positive/negative, 1/0.
    """
    rows = []
    for line, row in _rows(path, options, text_column, label_column):
        text = _field(path, line, row, text_column)
        spelling = _field(path, line, row, label_column)
        label = LABEL_SPELLINGS.get(spelling.strip().lower())
        if label is None:
            raise InputError(
                f"{path}, line {line}: label {row[label_column]!r} is none of pos/neg, "
                "positive/negative, 1/0"
            )
        rows.append((text, label))
    if not rows:
        raise InputError(f"{path} holds no rows")
    return _reviews(rows)


def read_texts(
    path: Path, text_column: str = "text", options: ReadOptions | None = None
) -> Iterator[str]:
    """Yield the texts of a file one by one; of a .txt file, the lines.

    Raises MissingFileError if there is no file. Raises InputError, which names the line, if a row
    lacks the column.
    """
    for line, row in _rows(path, options, text_column):
        yield _field(path, line, row, text_column)


def _field(path: Path, line: int, row: dict[str, Any], column: str) -> str:
    if not isinstance(row.get(column), str | int) or isinstance(row[column], bool):
        columns = ", ".join(str(name) for name in row if name is not None)
        raise InputError(
            f"{path}, line {line}: no column {column!r}; it has {columns or 'none'}",
            hint="name yours with --text-column and --label-column",
        )
    return str(row[column])


def _rows(
    path: Path, options: ReadOptions | None, *columns: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each row of a file with its line number; raise InputError for a bad row."""
    with ExitStack() as stack:
        reader = formats.open_reader(path, options or ReadOptions(), stack)
        reader.need(columns)
        for row in reader.rows():
            if row.wrong:
                hint = decoding_hint(path, reader.encoding) if reader.undecodable else None
                raise InputError(f"{path}, line {row.line}: {row.wrong}", hint=hint)
            yield row.line, row.fields
