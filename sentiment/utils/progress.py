"""Report the progress of long work, without saying how it is displayed."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from sentiment.utils.credentials import mask
from sentiment.utils.text import escape_control, shorten

Item = TypeVar("Item")


@dataclass(frozen=True)
class BatchMetrics:
    """Metrics after a batch. Loss and accuracy are means over the epoch so far."""

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
    """Metrics after an epoch.

    best: the validation loss is lower than after all earlier epochs of the training, those of
    earlier networks included. network: the number of the network that learnt, from 1; 0 for the
    metrics of the network that all were merged into, which count as one epoch more.
    """

    epoch: int
    epochs: int
    seconds: float
    reviews_per_second: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    best: bool
    network: int = 1

    @property
    def is_merged(self) -> bool:
        """Whether these are the metrics of the merged network."""
        return self.network == 0


class Stopwatch:
    """Measure how many seconds each part of a long piece of work takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._nested: list[float] = []  # for each running part, the seconds of parts inside it

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the seconds of the body to those of `name`, without those of nested parts."""
        started = time.perf_counter()
        self._nested.append(0.0)
        try:
            yield
        finally:
            elapsed = time.perf_counter() - started
            own = elapsed - self._nested.pop()
            self.seconds[name] = self.seconds.get(name, 0.0) + own
            if self._nested:
                self._nested[-1] += elapsed


class Progress:
    """Receive progress. This base class displays nothing, for use as a library."""

    def note(self, text: str) -> None:
        """Show a sentence."""

    def track(self, items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
        """Yield `items` while showing how many of `total` are done."""
        del what, total
        return iter(items)

    def batch(self, report: BatchMetrics) -> None:
        """Show the metrics after a batch."""

    def epoch(self, report: EpochMetrics) -> None:
        """Show the metrics after an epoch."""


class LineProgress(Progress):
    """Hand a line to `show` for each note, each long task and each epoch."""

    def __init__(self, show: Callable[[str], None]):
        self._show = show

    def note(self, text: str) -> None:
        """Show a note, without passwords."""
        self._show(escape_control(shorten(mask(text))))

    def track(self, items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
        """Show the name and the size of a task."""
        self.note(f"{what}: {total:,}")
        yield from items

    def epoch(self, report: EpochMetrics) -> None:
        """Show the results of an epoch."""
        self.note(describe_epoch(report))


def describe_epoch(report: EpochMetrics) -> str:
    """Return the results of an epoch on one line of about 120 characters."""
    best = "  best so far" if report.best else ""
    return (
        f"epoch {report.epoch}/{report.epochs}  "
        f"train loss {report.train_loss:.4f} accuracy {100 * report.train_accuracy:.1f} %  "
        f"validation loss {report.validation_loss:.4f} "
        f"accuracy {100 * report.validation_accuracy:.1f} %  "
        f"{report.seconds:.1f} s  {report.reviews_per_second:,.0f} reviews/s{best}"
    )
