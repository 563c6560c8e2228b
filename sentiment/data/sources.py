"""Labelled texts from TensorFlow Datasets, from the sample in the package, or from a file.

Knows TFDS and the formats CSV, TSV and JSONL; knows nothing of tokens or models. TensorFlow is
imported only where TFDS itself is asked.
"""

import csv
import hashlib
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.data import readers
from sentiment.errors import InputError, MissingFileError, UnavailableError
from sentiment.utils.environment import suppress_stderr
from sentiment.utils.progress import Progress

IMDB = "imdb_reviews/plain_text:1.0.0"
IMDB_SPLITS = ("train", "test", "unsupervised")
IMDB_URL = "http://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
ARCHIVE = "aclImdb_v1.tar.gz"
WAYS_OUT = (
    f"download {ARCHIVE} by hand and `sentiment prepare --archive {ARCHIVE}`, "
    "or set TFDS_DATA_DIR to a folder that holds imdb_reviews, "
    "or try everything with `sentiment prepare --dataset sample`"
)
UNLABELLED = -1
_LABELS = {"pos": 1, "positive": 1, "1": 1, "neg": 0, "negative": 0, "0": 0}
_TEST_SHARE = 0.2  # of a labelled file that names no splits


@dataclass(frozen=True)
class Reviews:
    """Texts and their labels, int8 (N,): 1 positive, 0 negative, -1 unlabelled."""

    texts: list[str]
    labels: np.ndarray

    def take(self, rows: np.ndarray) -> "Reviews":
        """Return the reviews `rows` in that order."""
        return Reviews([self.texts[row] for row in rows], self.labels[rows])


def load_imdb(data_dir: Path, archive: Path | None, progress: Progress) -> dict[str, Reviews]:
    """Return the splits of the IMDB reviews, downloading them where `data_dir` lacks them.

    With `archive` they come from that file, whose checksum TFDS verifies. Raises MissingFileError
    where there is no such file, InputError where it is another, UnavailableError where the
    reviews can't be downloaded.
    """
    progress.note("importing TensorFlow Datasets")
    with suppress_stderr():
        import tensorflow_datasets as tfds

        builder = tfds.builder(IMDB, data_dir=data_dir)
    if not builder.data_path.exists():
        _obtain(tfds, builder, archive, progress)
    splits = {}
    for name in IMDB_SPLITS:
        size = builder.info.splits[name].num_examples
        with suppress_stderr():
            rows = tfds.as_numpy(builder.as_dataset(split=name, shuffle_files=False))
        texts, labels = [], np.full(size, UNLABELLED, np.int8)
        for place, row in enumerate(progress.track(rows, f"reading {name}", size)):
            texts.append(row["text"].decode("utf-8"))
            labels[place] = row["label"]
        splits[name] = Reviews(texts, labels)
    return splits


def _obtain(tfds: Any, builder: Any, archive: Path | None, progress: Progress) -> None:
    """Have TFDS prepare the reviews, from `archive` or from the network."""
    tfds.disable_progress_bar()
    if archive is None:
        _check_reachable()
        progress.note(f"downloading the IMDB reviews (84 MB) to {builder.data_path}")
        _build(tfds, builder, None)
        return
    if not archive.is_file():
        raise MissingFileError(f"no file {archive}", hint=f"sentiment prepare --archive {ARCHIVE}")
    progress.note(f"preparing the IMDB reviews from {archive}")
    # TFDS looks for the archive under its own name in a folder, whatever the user has called it.
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ARCHIVE).symlink_to(archive.resolve())
        _build(tfds, builder, Path(folder))


def _build(tfds: Any, builder: Any, manual_dir: Path | None) -> None:
    wrong = tfds.download.download_manager.NonMatchingChecksumError
    try:
        with suppress_stderr():
            config = tfds.download.DownloadConfig(manual_dir=manual_dir)
            builder.download_and_prepare(download_config=config)
    except wrong as error:
        raise InputError(
            f"the archive is not {ARCHIVE} as published: its checksum differs, so it is another "
            "file or a broken download",
            hint=WAYS_OUT,
        ) from error
    except OSError as error:
        raise UnavailableError(
            f"TFDS could not prepare the IMDB reviews: {error}", hint=WAYS_OUT
        ) from error


def _check_reachable() -> None:
    """Ask the server for the archive's size: TFDS itself would retry for minutes."""
    try:
        request = urllib.request.Request(IMDB_URL, method="HEAD")
        urllib.request.urlopen(request, timeout=10).close()
    except (OSError, urllib.error.URLError) as error:
        raise UnavailableError(
            f"the IMDB reviews are neither on this machine nor to be had from {IMDB_URL}",
            hint=WAYS_OUT,
        ) from error


def load_sample() -> dict[str, Reviews]:
    """Return the splits of the short reviews that were written for this project."""
    found: dict[str, list[tuple[str, int]]] = {}
    with resources.files("sentiment.data").joinpath("sample.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            label = _LABELS.get(row["label"], UNLABELLED)
            found.setdefault(row["split"], []).append((row["text"], label))
    return {name: _reviews(rows) for name, rows in found.items()}


def load_file(path: Path, text_column: str, label_column: str) -> dict[str, Reviews]:
    """Return train (four fifths) and test of a labelled file, drawn by a fixed seed."""
    reviews = read_labelled(path, text_column, label_column)
    if len(reviews.texts) < 10 or len(set(reviews.labels.tolist())) < 2:
        raise InputError(
            f"{path} holds too little to learn from: 10 texts of both labels are needed",
            hint="sentiment train --dataset sample, on reviews that come with it",
        )
    order = np.random.default_rng(0).permutation(len(reviews.texts))
    held = max(1, int(len(order) * _TEST_SHARE))
    return {
        "train": reviews.take(np.sort(order[held:])),
        "test": reviews.take(np.sort(order[:held])),
    }


def _reviews(rows: Iterable[tuple[str, int]]) -> Reviews:
    pairs = list(rows)
    return Reviews([text for text, _ in pairs], np.array([label for _, label in pairs], np.int8))


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file of reviews."""
    try:
        with readers.open_binary(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, MissingFileError) as error:
        raise MissingFileError(
            f"no dataset {path}: it is neither imdb nor sample nor a file that can be read",
            hint="sentiment prepare --dataset sample",
        ) from error


def read_labelled(path: Path, text_column: str = "text", label_column: str = "label") -> Reviews:
    """Return the texts and labels of a CSV, TSV or JSONL file.

    Raises MissingFileError where there is no file, and InputError, naming the line, where a row
    lacks a column or its label is none of pos/neg, positive/negative, 1/0.
    """
    if path.suffix.lower() not in (".csv", ".tsv", ".jsonl"):
        raise InputError(f"{path}: expected a name that ends in .csv, .tsv or .jsonl")
    rows = []
    for line, row in _rows(path):
        text = _field(path, line, row, text_column)
        named = _field(path, line, row, label_column)
        label = _LABELS.get(named.strip().lower())
        if label is None:
            raise InputError(
                f"{path}, line {line}: label {row[label_column]!r} is none of pos/neg, "
                "positive/negative, 1/0"
            )
        rows.append((text, label))
    if not rows:
        raise InputError(f"{path} holds no rows")
    return _reviews(rows)


def read_texts(path: Path, text_column: str = "text") -> Iterator[str]:
    """Yield the texts of a CSV, TSV or JSONL file one by one, or the lines of a .txt file.

    Raises MissingFileError where there is no file, and InputError, naming the line, where a row
    lacks the column.
    """
    for line, row in _rows(path):
        yield _field(path, line, row, text_column)


def _field(path: Path, line: int, row: dict[str, Any], column: str) -> str:
    if not isinstance(row.get(column), str | int) or isinstance(row[column], bool):
        have = ", ".join(str(name) for name in row if name is not None)
        raise InputError(
            f"{path}, line {line}: no column {column!r}; it has {have or 'none'}",
            hint="name yours with --text-column and --label-column",
        )
    return str(row[column])


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each row of a file with its line number."""
    with readers.open_binary(path) as file:
        for row in readers.make_reader(path, file).rows():
            if row.wrong:
                raise InputError(f"{path}, line {row.line}: {row.wrong}")
            yield row.line, row.fields
