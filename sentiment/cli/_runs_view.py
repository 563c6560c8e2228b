"""Show compared runs: as tables in a terminal or on a page, and as JSON fields.

Names and settings of runs may hold anything, so control characters in them are escaped.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text

from sentiment.cli import _console
from sentiment.cli._sparkline import sparkline
from sentiment.evaluation.run_comparison import (
    ACCURACY,
    Comparison,
    NoPairedTest,
    PairedTest,
    differing_settings,
)
from sentiment.evaluation.run_query import MISSING, format_value, run_values
from sentiment.tracking.history import FINISHED, RUNNING, RunRecord, evaluate_command
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.text import escape_control

if TYPE_CHECKING:
    from rich.console import Console

_MAX_WIDTH = 24  # characters of a setting, or of a run's name on one line, in a terminal
_BORDER = 3  # characters of padding and line beside a column
_ALWAYS_SHOWN = ("name", ACCURACY)  # columns that the table of runs has anyway


@dataclass(frozen=True)
class Sheet:
    """A table that is not drawn yet; `columns` maps each heading to left or right."""

    title: str
    columns: dict[str, str]
    rows: list[list[str]]


def show_comparison(
    target: "Console", paths: ProjectPaths, comparison: Comparison, extra: Iterable[str]
) -> None:
    """Print runs with `extra` columns, settings that differ, and paired tests."""
    _print_sheet(target, runs_sheet(comparison, extra, rich=target.encoding.startswith("utf")))
    shown, matching = len(comparison.runs), comparison.matching
    if matching > shown:
        _print_line(target, f"{shown} of {matching} runs. Try: --limit {matching}")
    settings = settings_sheet(comparison, max_width=_MAX_WIDTH)
    if settings.rows:
        _print_sheet(target, settings)
    elif shown > 1:
        _print_line(target, "All settings are the same.")
    _show_pairs(target, paths, comparison)


def _show_pairs(target: "Console", paths: ProjectPaths, comparison: Comparison) -> None:
    pairings = comparison.pairings.values()
    tests = sum(isinstance(pairing, PairedTest) for pairing in pairings)
    if tests:
        _print_sheet(target, pairs_sheet(comparison))
    elif pairings:
        reasons = dict.fromkeys(str(reason) for reason in pairings)
        _print_line(target, f"No paired test of the runs: {', or '.join(reasons)}.")
    if tests > 1:
        _print_line(
            target,
            "The p-values are not adjusted for the number of tests: of 20 equal pairs, one is "
            "below 0.05 by chance.",
        )
    if run := _without_predictions(comparison):
        command = evaluate_command(paths, run)
        _print_line(target, f"A paired test needs stored predictions. Try: {command}")


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


def comparison_fields(comparison: Comparison, experiment: str) -> dict[str, Any]:
    """Return the JSON object of a comparison."""
    reference = comparison.reference
    return {
        "experiment": experiment,
        "matching": comparison.matching,
        "runs": [
            run_fields(run)
            | {"validation_loss": [list(point) for point in comparison.losses[run.id]]}
            for run in comparison.runs
        ],
        "differing": differing_settings(comparison.runs),
        "reference": reference.id if reference else None,
        "pairs": [
            {"run": run}
            | ({"reason": str(pair)} if isinstance(pair, NoPairedTest) else asdict(pair))
            for run, pair in comparison.pairings.items()
        ],
    }


def run_fields(run: RunRecord) -> dict[str, Any]:
    """Return the JSON object of a run, without MLflow's own tags."""
    return {
        "id": run.id,
        "name": run.bare_name,
        "status": run.status,
        "started": run.started.isoformat(),
        "seconds": run.seconds,
        "parameters": dict(run.parameters),
        "metrics": dict(run.metrics),
        "tags": {name: text for name, text in run.tags.items() if not name.startswith("mlflow.")},
    }


def accuracy(run: RunRecord, metric: str = ACCURACY) -> str:
    """Return an accuracy as percent, by default that on the test reviews."""
    value = run.metrics.get(metric)
    return MISSING if value is None or math.isnan(value) else _console.percent(value, 2)


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


def _without_predictions(comparison: Comparison) -> RunRecord | None:
    """Return a run that an evaluation would make comparable: first of all the reference."""
    pairings = comparison.pairings
    reasons = {run: pair for run, pair in pairings.items() if isinstance(pair, NoPairedTest)}
    if any(reason.of_reference for reason in reasons.values()):
        return comparison.reference
    for run in comparison.runs:
        reason = reasons.get(run.id)
        if run.status != RUNNING and reason and reason.cause:
            return run
    return None


def _print_sheet(target: "Console", sheet: Sheet) -> None:
    """Print a sheet, as several tables one below the other if it is too wide for one.

    Each table begins with the first column.
    """
    headings, rows = list(sheet.columns), sheet.rows
    widths = [
        _width(heading, [row[column] for row in rows]) for column, heading in enumerate(headings)
    ]
    rest = list(range(1, len(headings)))
    target.print(Text(sheet.title, "bold"))
    while rest:
        chosen = [0, rest.pop(0)]
        while rest and 1 + sum(widths[column] for column in (*chosen, rest[0])) <= target.width:
            chosen.append(rest.pop(0))
        columns = {headings[column]: sheet.columns[headings[column]] for column in chosen}
        cells = [[row[column] for column in chosen] for row in rows]
        target.print(_console.table(None, columns, cells))


def _width(heading: str, cells: list[str]) -> int:
    """Return the characters that a column takes; names of runs may wrap."""
    longest = max(map(len, (*heading.split("\n"), *cells)))
    return _BORDER + (min(longest, _MAX_WIDTH) if heading == "run" else longest)


def _shorten(text: str, max_width: int | None) -> str:
    return text if max_width is None or len(text) <= max_width else f"…{text[1 - max_width :]}"


def _print_line(target: "Console", text: str) -> None:
    target.print(one_line(text), markup=False, soft_wrap=True)
