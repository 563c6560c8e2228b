"""Show compared runs: as tables in a terminal or on a page, and as JSON fields.

Names and settings of runs may hold anything, so control characters in them are escaped.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.text import Text

from sentiment.cli import _console
from sentiment.evaluation.comparison_tables import (
    one_line,
    pairs_sheet,
    runs_sheet,
    settings_sheet,
)
from sentiment.evaluation.run_comparison import (
    Comparison,
    NoPairedTest,
    PairedTest,
    differing_settings,
)
from sentiment.tracking.history import RUNNING, RunRecord, evaluate_command
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.sheet import Sheet

if TYPE_CHECKING:
    from rich.console import Console

_MAX_WIDTH = 24  # characters of a setting, or of a run's name on one line, in a terminal
_BORDER = 3  # characters of padding and line beside a column


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


def _print_line(target: "Console", text: str) -> None:
    target.print(one_line(text), markup=False, soft_wrap=True)
