"""What long work tells whoever is watching.

Knows nothing of how it is shown. `Watcher` itself shows nothing, for use as a library.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class BatchMetrics:
    """How training stands after a batch. Loss and accuracy are means over the epoch so far."""

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float
    accuracy: float
    reviews_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class EpochMetrics:
    """How training stands after an epoch."""

    epoch: int
    epochs: int
    seconds: float
    reviews_per_second: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    best: bool

    def metrics(self) -> dict[str, float]:
        """Return what a run keeps of it, by name."""
        return {
            "train/loss": self.train_loss,
            "train/accuracy": self.train_accuracy,
            "train/reviews_per_second": self.reviews_per_second,
            "validation/loss": self.validation_loss,
            "validation/accuracy": self.validation_accuracy,
        }


class Stopwatch:
    """Where the seconds of a long piece of work have gone."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner: list[float] = []  # seconds of parts within each part that is under way

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the seconds that the body takes to those of `name`, without those of parts in it."""
        started = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield
        finally:
            spent = time.perf_counter() - started
            self.seconds[name] = self.seconds.get(name, 0.0) + spent - self._inner.pop()
            if self._inner:
                self._inner[-1] += spent


class Progress:
    """Somebody who watches; this one says nothing."""

    def note(self, text: str) -> None:
        """Say a sentence."""

    def track(self, items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
        """Pass `items` on, showing how many of `total` have gone by."""
        del what, total
        return iter(items)

    def batch(self, report: BatchMetrics) -> None:
        """Show where training stands."""

    def epoch(self, report: EpochMetrics) -> None:
        """Show how an epoch went."""
