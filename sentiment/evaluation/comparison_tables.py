"""The tables of a comparison of runs.

Names and settings of runs may hold anything, so control characters in them are escaped.
"""

import math
from collections.abc import Iterable

from sentiment.evaluation.run_comparison import (
    ACCURACY,
    Comparison,
    NoPairedTest,
    PairedTest,
    differing_settings,
)
from sentiment.evaluation.run_query import MISSING, format_value, run_values
from sentiment.tracking.history import FINISHED, RunRecord
from sentiment.utils.sheet import Sheet
from sentiment.utils.sparkline import sparkline
from sentiment.utils.text import escape_control

_ALWAYS_SHOWN = ("name", ACCURACY)  # columns that the table of runs has anyway


def runs_sheet(comparison: Comparison, extra: Iterable[str] = (), *, rich: bool = True) -> Sheet:
    """Return a row for each run: validation loss by epoch, its lowest, test accuracy, `extra`.

    `rich` allows block characters.
    """
    extra = [name for name in dict.fromkeys(extra) if name not in _ALWAYS_SHOWN]
    columns = {"#": "right", "run": "left", "validation\nloss": "left", "lowest": "right"}
    columns["test\naccuracy"] = "right"
    values = [run_values(run) for run in comparison.runs]
    rows = []
    for index, (run, own) in enumerate(zip(comparison.runs, values, strict=True), 1):
        losses = [value for _, value in comparison.losses[run.id]]
        lowest = min(filter(math.isfinite, losses), default=None)
        status = "" if run.status == FINISHED else f" ({run.status})"
        curve = sparkline(losses, rich=rich)
        row = [str(index), one_line(run.bare_name) + status, curve, number(lowest), accuracy(run)]
        rows.append(row + [one_line(number(own.get(name))) for name in extra])
    for name in extra:
        is_number = any(isinstance(own.get(name), float) for own in values)
        columns[one_line(name)] = "right" if is_number else "left"
    return Sheet("Runs", columns, rows)


def settings_sheet(comparison: Comparison, max_width: int | None = None) -> Sheet:
    """Return a row for each setting that differs and a column for each run, by its number.

    A value of more than `max_width` characters keeps its end: the end of a path says more.
    """
    indexes = _indexes(comparison).values()
    columns = {"setting": "left"} | {str(index): "right" for index in indexes}
    rows = [
        [one_line(name), *(_shorten(one_line(value), max_width) for value in row)]
        for name, row in differing_settings(comparison.runs).items()
    ]
    return Sheet("Settings that differ, by the number of the run", columns, rows)


def pairs_sheet(comparison: Comparison) -> Sheet:
    """Return a row for each run but the reference: the paired test on the same reviews."""
    indexes = _indexes(comparison)
    if comparison.reference is None:
        return Sheet("", {}, [])
    reference = indexes[comparison.reference.id]
    tests = [test for test in comparison.pairings.values() if isinstance(test, PairedTest)]
    reviews = f" on the same {tests[0].reviews:,} reviews" if tests else ""
    headings = (
        "#", "difference\nin points", "95 % interval", "McNemar\np-value", "only it\ncorrect",
        f"only {reference}\ncorrect",
    )  # fmt: skip
    rows = [
        [str(indexes[run.id]), *pair_cells(comparison.pairings[run.id])]
        for run in comparison.runs
        if run.id in comparison.pairings
    ]
    title = f"Compared with run {reference} (accuracy {accuracy(comparison.reference)}){reviews}"
    return Sheet(title, dict.fromkeys(headings, "right"), rows)


def pair_cells(pairing: PairedTest | NoPairedTest) -> list[str]:
    """Return difference, interval, p-value and the two counts, or why there is no test."""
    if isinstance(pairing, NoPairedTest):
        return ["n/a", str(pairing), "", "", ""]
    return [
        f"{100 * pairing.difference:+.2f}",
        f"{100 * pairing.low:+.2f} to {100 * pairing.high:+.2f}",
        "<0.0001" if pairing.p < 0.0001 else f"{pairing.p:.4f}",
        f"{pairing.only_first:,}",
        f"{pairing.only_second:,}",
    ]


def accuracy(run: RunRecord, metric: str = ACCURACY) -> str:
    """Return an accuracy as percent, by default that on the test reviews."""
    value = run.metrics.get(metric)
    return MISSING if value is None or math.isnan(value) else f"{100 * value:.2f} %"


def number(value: str | float | None) -> str:
    """Return a metric with four decimals, and a setting as it is written."""
    if isinstance(value, float):
        return f"{value:,.4f}" if abs(value) < 10 else f"{value:,.1f}"
    return format_value(value)


def one_line(text: str) -> str:
    """Return text on one line with control characters escaped."""
    return escape_control(" ".join(text.split()))


def _indexes(comparison: Comparison) -> dict[str, int]:
    """Return the number of each run in the tables, by its id."""
    return {run.id: index for index, run in enumerate(comparison.runs, 1)}


def _shorten(text: str, max_width: int | None) -> str:
    return text if max_width is None or len(text) <= max_width else f"…{text[1 - max_width :]}"
