"""Measure the time and the peak memory of an epoch over any number of reviews.

`make bench-growth` uses this. Each training is a process of its own, so its memory is its own: that
of the default recipe's network, from prepared reviews on disk to the end of its first epoch.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.prepared import PreparedDataset, Split, open_dataset
from sentiment.data.split import split_training_reviews
from sentiment.recipe import default_recipe
from sentiment.utils import environment

COUNTS = (75_000, 150_000, 300_000, 600_000)
PARTS = ("tokens", "offsets", "labels")
_INTERVAL = 0.02  # seconds between two looks at the memory


@dataclass(frozen=True)
class Volume:
    """One training on `reviews` reviews.

    tokens: that the network reads; seconds: from the reviews on disk to the end of the epoch,
    without compiling; memory: the peak of the process's own memory, without pages of files, which
    the system may take back at any time; resident: the peak with them; both in bytes.
    """

    reviews: int
    tokens: int
    seconds: float
    memory: int
    resident: int


@dataclass(frozen=True)
class Line:
    """The time as a line over tokens. deviation: the largest from it, as a share of the time."""

    fixed: float
    per_token: float
    deviation: float

    @classmethod
    def fit(cls, volumes: list[Volume]) -> "Line":
        """Return the line with the smallest squared deviations, relative to the times."""
        tokens = np.array([volume.tokens for volume in volumes], float)
        seconds = np.array([volume.seconds for volume in volumes])
        per_token, fixed = np.polyfit(tokens, seconds, 1, w=1 / seconds)
        deviation = np.abs((fixed + per_token * tokens) / seconds - 1).max()
        return cls(float(fixed), float(per_token), float(deviation))


def lines(volumes: list[Volume]) -> list[str]:
    """Return the table of the trainings, and what it shows."""
    fit = Line.fit(volumes)
    first, last = volumes[0], volumes[-1]
    times, higher = last.reviews / first.reviews, last.memory / first.memory
    return [
        "| reviews | tokens | time of an epoch | a million tokens | peak memory | with files |",
        "|---|---|---|---|---|---|",
        *(
            f"| {volume.reviews:,} | {volume.tokens / 1e6:,.1f} million | {volume.seconds:.0f} s | "
            f"{1e6 * volume.seconds / volume.tokens:.2f} s | {volume.memory / 2**20:,.0f} MiB | "
            f"{volume.resident / 2**20:,.0f} MiB |"
            for volume in volumes
        ),
        "",
        f"The time is {fit.fixed:.1f} s + {1e6 * fit.per_token:.2f} s for each million tokens; no "
        f"time is more than {fit.deviation:.1%} off this line. With {times:g} times the "
        f"reviews the peak memory is {higher:.2f} times as high.",
    ]


def status(field: str) -> int:
    """Return a number of bytes in /proc/self/status, such as `VmHWM`."""
    return 1024 * int(Path("/proc/self/status").read_text().split(f"{field}:")[1].split()[0])


class PeakMemory:
    """The largest `RssAnon` that was seen while `watch` was open: Linux does not record it."""

    def __init__(self):
        self.bytes, self._is_over = 0, threading.Event()

    @contextmanager
    def watch(self):
        """Look at the memory at short intervals while the body runs."""
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield self
        finally:
            self._is_over.set()
            thread.join()

    def _look(self):
        while not self._is_over.wait(_INTERVAL):
            self.bytes = max(self.bytes, status("RssAnon"))


def write_reviews(data: PreparedDataset, unlabelled: np.ndarray, reviews: int, folder: Path):
    """Write training and unlabelled reviews, again and again until there are `reviews`.

    unlabelled: int8 (U,), the labels that the unlabelled reviews get.
    """
    train, rest = data.split("train"), data.split("unsupervised")
    labels = np.concatenate([train.labels, unlabelled])
    lengths = np.concatenate([train.encoded.lengths, rest.encoded.lengths])
    rows = np.arange(reviews) % len(labels)
    offsets = np.concatenate([[0], np.cumsum(lengths[rows])])
    np.save(folder / "labels.npy", labels[rows])
    np.save(folder / "offsets.npy", offsets)
    path, shape = folder / "tokens.npy", (int(offsets[-1]),)
    tokens = np.lib.format.open_memmap(path, "w+", np.int32, shape)
    once = np.concatenate([train.encoded.tokens, rest.encoded.tokens])
    for start in range(0, len(tokens), len(once)):
        part = tokens[start : start + len(once)]
        part[:] = once[: len(part)]
    tokens.flush()


def measure(data: PreparedDataset, unlabelled: np.ndarray, reviews: int) -> Volume:
    """Train on `reviews` reviews in a process of its own; see `write_reviews`."""
    with tempfile.TemporaryDirectory(dir=data.folder.parent) as folder:
        write_reviews(data, unlabelled, reviews, Path(folder))
        command = [sys.executable, __file__, folder, str(data.folder)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    volume = Volume(**json.loads(done.stdout.splitlines()[-1]))
    print(
        f"{volume.reviews:,} reviews, {volume.tokens:,} tokens: {volume.seconds:.1f} s, "
        f"{volume.memory / 2**20:,.0f} MiB, {volume.resident / 2**20:,.0f} MiB with files"
    )
    return volume


def train(folder: Path, dataset: Path) -> Volume:
    """Train on the reviews in `folder`, with the vocabulary of `dataset`."""
    environment.configure_libraries()
    with environment.suppress_stderr():
        from sentiment.training.context import TrainingContext
        from sentiment.training.loop import TrainingLoop
        from sentiment.training.reviews import TrainingReviews

    tokens, offsets, labels = (np.load(folder / f"{part}.npy", mmap_mode="r") for part in PARTS)
    texts = Split(labels[:0], offsets[:0], labels, EncodedTexts(tokens, offsets))
    recipe, data = default_recipe(), open_dataset(dataset)
    model, settings = recipe.model, replace(recipe.train, epochs=1)
    tokenizer = data.tokenizer.up_to(model.ngrams, negation=model.negation)
    with PeakMemory().watch() as peak:
        started = time.perf_counter()
        split = split_training_reviews(texts, tokenizer, model, settings)
        reviews = TrainingReviews(data, model, settings)
        context = TrainingContext(reviews, split, model, settings)
        TrainingLoop(context, ratios=reviews.count(split.train).ratios).run_epochs()
        seconds = time.perf_counter() - started - context.stopwatch.seconds["compiling"]
    read = len(split.train.features) + len(split.validation.features)
    return Volume(len(labels), read, seconds, peak.bytes, status("VmHWM"))


if __name__ == "__main__":
    print(json.dumps(asdict(train(*map(Path, sys.argv[1:])))))
