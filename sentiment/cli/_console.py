"""Show progress and tables in a terminal, or as plain lines elsewhere."""

import sys
import textwrap
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

from sentiment.utils.progress import (
    BatchMetrics,
    EpochMetrics,
    Item,
    LineProgress,
    Progress,
    describe_epoch,
)
from sentiment.utils.text import escape_control

_REFRESH = 0.1  # seconds between two updates of a progress line
_BAR_WIDTH, _SHORT_BAR = 20, 8  # characters; the second in narrow terminals
_WRAPPED = (
    "text",
    "meaning",
    "state",
    "run",
    "model",
    "version",
)  # headings of columns that may need several lines
_PLAIN_WIDTH = 100  # characters of a line in a file or a pipe


def console(*, err: bool = False) -> Console:
    """Return the console of standard output, or of standard error."""
    stream = sys.stderr if err else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else _PLAIN_WIDTH, highlight=False)


@contextmanager
def show_progress(*, err: bool = False) -> Iterator[Progress]:
    """Yield a live display for a terminal, or one that prints lines for anything else."""
    target = console(err=err)
    if not target.is_terminal:
        yield LineProgress(lambda line: target.print(line, markup=False, soft_wrap=True))
        return
    progress = LiveProgress(target)
    try:
        yield progress
    finally:
        progress.close()


class LiveProgress(LineProgress):
    """Draws a progress bar and removes it at the end; lines stay."""

    def __init__(self, target: Console):
        super().__init__(self._print)
        self._console = target
        self._live: Live | None = None
        self._drawn = 0.0

    def track(self, items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
        """Draw how many of `total` items are done."""
        bar_column = BarColumn(_BAR_WIDTH)
        columns = (TextColumn("{task.description}"), bar_column, MofNCompleteColumn())
        with Bar(*columns, TimeRemainingColumn(), console=self._console, transient=True) as bar:
            yield from bar.track(items, total=total, description=what)

    def batch(self, report: BatchMetrics) -> None:
        """Draw the progress within an epoch."""
        if self._live is None:
            self._live = Live(console=self._console, transient=True, auto_refresh=False)
            self._live.start()
        if time.monotonic() - self._drawn < _REFRESH:
            return
        self._drawn = time.monotonic()
        start, loss = f"epoch {report.epoch}/{report.epochs}", f"loss {report.loss:.4f}"
        batches, left = (
            f"batch {report.batch}/{report.batches}",
            f"{report.seconds_left:.0f} s left",
        )
        accuracy = f"accuracy {percent(report.accuracy)}"
        speed = f"{report.reviews_per_second:,.0f} reviews/s"
        share = report.batch / report.batches
        line = self._first_that_fits(
            "  ".join((start, _bar(share, _BAR_WIDTH), batches, loss, accuracy, speed, left)),
            "  ".join((start, _bar(share, _SHORT_BAR), batches, loss, accuracy, left)),
        )
        # Cut, not wrapped: what is drawn next would leave the first of two lines on the screen.
        self._live.update(Text(line, no_wrap=True, overflow="crop"), refresh=True)

    def epoch(self, report: EpochMetrics) -> None:
        """Remove the bar and print the results of an epoch."""
        self.close()
        short = (
            f"epoch {report.epoch}/{report.epochs}  loss {report.train_loss:.4f}  "
            f"validation loss {report.validation_loss:.4f} "
            f"accuracy {percent(report.validation_accuracy)}  "
            f"{report.seconds:.1f} s{'  best' if report.best else ''}"
        )
        self.note(self._first_that_fits(describe_epoch(report), short))

    def close(self) -> None:
        """Remove the bar, also after an interrupted epoch."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _first_that_fits(self, long: str, short: str) -> str:
        return long if len(long) <= self._console.width else short

    def _print(self, text: str) -> None:
        """Print lines; one that is too long goes on below, between words and with an indent."""
        for line in text.split("\n"):
            indent = " " * (len(line) - len(line.lstrip()) + 2)
            wrapped = textwrap.fill(
                line,
                self._console.width,
                subsequent_indent=indent,
                break_long_words=False,  # so that a path can be copied
                break_on_hyphens=False,
            )
            self._console.print(wrapped, markup=False, soft_wrap=True)


def _bar(share: float, width: int) -> str:
    done = int(width * share)
    return "━" * done + "╌" * (width - done)


def percent(share: float, digits: int = 1) -> str:
    """Return a share, 0–1, as percent."""
    return f"{100 * share:.{digits}f} %"


def percent_range(low: float, high: float) -> str:
    """Return an interval of shares, 0–1, as percent: 90.66–91.36 %."""
    return f"{100 * low:.2f}–{percent(high, 2)}"


def signed(values: Iterable[float], digits: int) -> str:
    """Return numbers on one line, each with its sign."""
    return " ".join(f"{value:+.{digits}f}" for value in values)


def table(
    title: str | None,
    columns: Mapping[str, str],
    rows: Iterable[Sequence[Any]],
    *,
    lines: bool = True,
) -> Table:
    """Return a table with control characters escaped; `columns` maps each heading to left or right.

    Without lines there is more room for the cells.
    """
    result = Table(title=title and _text(title), title_justify="left", title_style="bold")
    if not lines:
        result.box, result.pad_edge, result.padding = None, False, (0, 1)
    for heading, side in columns.items():
        result.add_column(
            _text(heading),
            justify="left" if side == "left" else "right",
            no_wrap=heading not in _WRAPPED,
            overflow="fold" if heading in _WRAPPED else "ellipsis",
        )
    for row in rows:
        result.add_row(*(_text(cell if isinstance(cell, str) else f"{cell:,}") for cell in row))
    return result


def facts(pairs: Mapping[str, str]) -> Table:
    """Return names and values in two columns without lines."""
    result = Table.grid(padding=(0, 2))
    for name, value in pairs.items():
        result.add_row(
            Text(escape_control(name), "bold"), Text(escape_control(value), overflow="fold")
        )
    return result


def _text(text: str) -> Text:
    # Text, not str: a review may hold what Rich takes for markup.
    return Text(escape_control(text))
