"""Progress and tables in a terminal, plain lines where there is none.

Knows Rich and what stages report; knows nothing of how any of it came about.
"""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from sentiment.utils.progress import BatchMetrics, EpochMetrics, Item, Progress
from sentiment.utils.text import escape_control

_REFRESH = 0.1  # seconds between two drawings of a progress line
_WRAPPED = ("text", "meaning", "state", "run")  # columns that hold more than fits on a line
_PLAIN_WIDTH = 100  # columns of a table that goes to a file or a pipe


def console(*, err: bool = False) -> Console:
    """Return the console of standard output, or of standard error."""
    stream = sys.stderr if err else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else _PLAIN_WIDTH, highlight=False)


@contextmanager
def show_progress(*, err: bool = False) -> Iterator[Progress]:
    """Give a live display for a terminal, else one that prints a line now and then."""
    target = console(err=err)
    progress = LiveProgress(target) if target.is_terminal else LineProgress(target)
    try:
        yield progress
    finally:
        progress.close()


class LineProgress(Progress):
    """Prints a line for each sentence, each piece of long work and each epoch."""

    def __init__(self, target: Console):
        self._console = target

    def note(self, text: str) -> None:
        """Print a sentence."""
        self._console.print(escape_control(text), markup=False, soft_wrap=True)

    def track(self, items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
        """Print what begins."""
        self.note(f"{what}: {total:,}")
        yield from items

    def epoch(self, report: EpochMetrics) -> None:
        """Print how an epoch went."""
        kept = "  best so far" if report.best else ""
        self.note(
            f"epoch {report.epoch}/{report.epochs}  "
            f"train loss {report.train_loss:.4f} accuracy {percent(report.train_accuracy)}  "
            f"validation loss {report.validation_loss:.4f} "
            f"accuracy {percent(report.validation_accuracy)}  "
            f"{report.seconds:.1f} s  {report.reviews_per_second:,.0f} reviews/s{kept}"
        )

    def close(self) -> None:
        """Leave the terminal as it was."""


class LiveProgress(LineProgress):
    """Draws a progress bar that goes when it is done, leaving the lines."""

    def __init__(self, target: Console):
        super().__init__(target)
        self._live: Live | None = None
        self._drawn = 0.0

    def track(self, items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
        """Show how many of `total` items have gone by."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Bar(*columns, TimeRemainingColumn(), console=self._console, transient=True) as bar:
            yield from bar.track(items, total=total, description=what)

    def batch(self, report: BatchMetrics) -> None:
        """Draw where training stands."""
        if self._live is None:
            self._live = Live(console=self._console, transient=True, auto_refresh=False)
            self._live.start()
        if time.monotonic() - self._drawn < _REFRESH:
            return
        self._drawn = time.monotonic()
        done = 20 * report.batch // report.batches
        self._live.update(
            f"epoch {report.epoch}/{report.epochs}  {'━' * done}{'╌' * (20 - done)}  "
            f"batch {report.batch}/{report.batches}  loss {report.loss:.4f}  "
            f"accuracy {percent(report.accuracy)}  {report.reviews_per_second:,.0f} reviews/s  "
            f"{report.seconds_left:.0f} s left",
            refresh=True,
        )

    def epoch(self, report: EpochMetrics) -> None:
        """Take the bar away and print how the epoch went."""
        self.close()
        super().epoch(report)

    def close(self) -> None:
        """Take the bar away, where an epoch was broken off too."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def percent(share: float, digits: int = 1) -> str:
    """Return a share as percent."""
    return f"{100 * share:.{digits}f} %"


def table(
    title: str | None,
    columns: Mapping[str, str],
    rows: Iterable[Sequence[Any]],
    *,
    lines: bool = True,
) -> Table:
    """Return a table; `columns` maps each heading to left or right.

    Without lines it leaves more room to what it holds. Nothing in it is obeyed by a terminal.
    """
    drawn = Table(title=title and _text(title), title_justify="left", title_style="bold")
    if not lines:
        drawn.box, drawn.pad_edge, drawn.padding = None, False, (0, 1)
    for heading, side in columns.items():
        drawn.add_column(
            _text(heading),
            justify="left" if side == "left" else "right",
            no_wrap=heading not in _WRAPPED,
            overflow="fold" if heading in _WRAPPED else "ellipsis",
        )
    for row in rows:
        drawn.add_row(*(_text(cell if isinstance(cell, str) else f"{cell:,}") for cell in row))
    return drawn


def facts(pairs: Mapping[str, str]) -> Table:
    """Return names and values in two columns without lines."""
    drawn = Table.grid(padding=(0, 2))
    for name, value in pairs.items():
        drawn.add_row(
            Text(escape_control(name), "bold"), Text(escape_control(value), overflow="fold")
        )
    return drawn


def _text(text: str) -> Text:
    # Text, not str: a review may hold what Rich takes for markup.
    return Text(escape_control(text))
