"""Show progress and tables in a terminal, or as plain lines elsewhere."""

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

from sentiment.utils.progress import BatchMetrics, EpochMetrics, Item, LineProgress, Progress
from sentiment.utils.text import escape_control

_REFRESH = 0.1  # seconds between two updates of a progress line
_BAR_WIDTH = 20  # characters
_WRAPPED = ("text", "meaning", "state", "run")  # headings of columns that may need several lines
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
        yield LineProgress(lambda line: _print_line(target, line))
        return
    progress = LiveProgress(target)
    try:
        yield progress
    finally:
        progress.close()


def _print_line(target: Console, line: str) -> None:
    target.print(line, markup=False, soft_wrap=True)


class LiveProgress(LineProgress):
    """Draws a progress bar and removes it at the end; lines stay."""

    def __init__(self, target: Console):
        super().__init__(lambda line: _print_line(target, line))
        self._console = target
        self._live: Live | None = None
        self._drawn = 0.0

    def track(self, items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
        """Draw how many of `total` items are done."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
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
        done = _BAR_WIDTH * report.batch // report.batches
        self._live.update(
            f"epoch {report.epoch}/{report.epochs}  {'━' * done}{'╌' * (_BAR_WIDTH - done)}  "
            f"batch {report.batch}/{report.batches}  loss {report.loss:.4f}  "
            f"accuracy {percent(report.accuracy)}  {report.reviews_per_second:,.0f} reviews/s  "
            f"{report.seconds_left:.0f} s left",
            refresh=True,
        )

    def epoch(self, report: EpochMetrics) -> None:
        """Remove the bar and print the results of an epoch."""
        self.close()
        super().epoch(report)

    def close(self) -> None:
        """Remove the bar, also after an interrupted epoch."""
        if self._live is not None:
            self._live.stop()
            self._live = None


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
