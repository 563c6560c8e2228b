"""Load the IMDB reviews with TensorFlow Datasets."""

import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.data.held_texts import HeldTexts
from sentiment.data.labels import UNLABELLED
from sentiment.data.reviews import Reviews, SourceRequest, Splits
from sentiment.errors import InputError, MissingFileError, UnavailableError
from sentiment.utils.environment import suppress_stderr
from sentiment.utils.progress import Progress

IMDB = "imdb_reviews/plain_text:1.0.0"
IMDB_SPLITS = ("train", "test", "unsupervised")
IMDB_URL = "http://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
ARCHIVE = "aclImdb_v1.tar.gz"
_BATCH = 1000  # rows that are read at once: one by one they would take ten times as long
_NO_IMDB_HINT = (
    f"download {ARCHIVE} by hand and `sentiment prepare --archive {ARCHIVE}`, "
    "or set TFDS_DATA_DIR to a folder that holds imdb_reviews, "
    "or try everything with `sentiment prepare --dataset sample`"
)


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
    elif request.archive is not None:
        progress.note(f"the reviews are in {builder.data_path}: {request.archive} is not read")
    splits, held = {}, HeldTexts()
    for name in IMDB_SPLITS:
        size = builder.info.splits[name].num_examples
        with suppress_stderr():
            dataset = builder.as_dataset(split=name, shuffle_files=False, batch_size=_BATCH)
            rows = _rows(tfds.as_numpy(dataset))
        texts, labels = [], np.full(size, UNLABELLED, np.int8)
        for index, (text, label) in enumerate(progress.track(rows, f"reading {name}", size)):
            texts.append(text.decode("utf-8"))
            held.add(texts[-1], None, "imdb")
            labels[index] = label
        splits[name] = Reviews(texts, labels)
    return splits


def _rows(batches: Iterable[dict[str, np.ndarray]]) -> Iterator[tuple[bytes, int]]:
    """Yield the text and the label of each row."""
    for batch in batches:
        yield from zip(batch["text"].tolist(), batch["label"].tolist(), strict=True)


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
