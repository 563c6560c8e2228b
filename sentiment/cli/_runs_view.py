"""How compared runs look: as tables, in a terminal or on a page, and as fields of a JSON object.

Knows comparisons and Rich; knows nothing of how they came about. Names and settings may hold
anything: what a terminal would obey is written out.
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
    MISSING,
    OTHER_REVIEWS,
    REFERENCE,
    Comparison,
    PairedTest,
    differing_settings,
    format_value,
    run_values,
)
from sentiment.tracking.history import FINISHED, RUNNING, RunRecord, evaluate_command
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.text import escape_control

if TYPE_CHECKING:
    from rich.console import Console

_WIDEST = 24  # characters of a setting, or of a run's name on one line, in a terminal
_BORDER = 3  # characters of padding and line beside a column
_SHOWN = ("name", ACCURACY)  # what the table of runs has anyway


@dataclass(frozen=True)
class Sheet:
    """A table that is not drawn yet; `columns` maps each heading to left or right."""

    title: str
    columns: dict[str, str]
    rows: list[list[str]]


def show_comparison(
    target: "Console", place: ProjectPaths, made: Comparison, extra: Iterable[str]
) -> None:
    """Print runs, the settings that differ and the paired tests, with what is to know of them."""
    rich = target.encoding.startswith("utf")
    _print(target, runs_sheet(made, extra, rich=rich))
    if made.matching > len(made.runs):
        _line(target, f"{len(made.runs)} of {made.matching} runs; --limit shows more")
    settings = settings_sheet(made, widest=_WIDEST)
    if settings.rows:
        _print(target, settings)
    elif len(made.runs) > 1:
        _line(target, "All settings are the same.")
    tested = sum(isinstance(pairing, PairedTest) for pairing in made.pairings.values())
    if tested:
        _print(target, pairs_sheet(made))
    elif made.pairings:
        reasons = dict.fromkeys(str(reason) for reason in made.pairings.values())
        _line(target, f"No paired test of the runs: {', or '.join(reasons)}.")
    if tested > 1:
        _line(target, "p is of each pair alone: of 20 equal pairs, one is below 0.05 by chance.")
    if unknown := _without_predictions(made):
        command = evaluate_command(place, unknown)
        _line(target, f"{command} keeps the predictions that a test needs.")


def runs_sheet(made: Comparison, extra: Iterable[str] = (), *, rich: bool = True) -> Sheet:
    """Return a row for each run: validation loss by epoch, its lowest, test accuracy, `extra`."""
    extra = [name for name in dict.fromkeys(extra) if name not in _SHOWN]
    columns = {"#": "right", "run": "left", "validation\nloss": "left", "lowest": "right"}
    columns["test\naccuracy"] = "right"
    known = [run_values(run) for run in made.runs]
    rows = []
    for place, (run, own) in enumerate(zip(made.runs, known, strict=True), 1):
        losses = [value for _, value in made.losses[run.id]]
        lowest = min(filter(math.isfinite, losses), default=None)
        status = "" if run.status == FINISHED else f" ({run.status})"
        row = [
            str(place),
            plain(run.bare_name) + status,
            sparkline(losses, rich=rich),
            number(lowest),
        ]
        rows.append([*row, accuracy(run), *(plain(number(own.get(name))) for name in extra)])
    for name in extra:
        is_number = any(isinstance(own.get(name), float) for own in known)
        columns[plain(name)] = "right" if is_number else "left"
    return Sheet("Runs", columns, rows)


def settings_sheet(made: Comparison, widest: int | None = None) -> Sheet:
    """Return a row for each setting that differs, a column for each run by its number.

    Of a value with more than `widest` characters the end is kept: that of a path tells more.
    """
    columns = {"setting": "left"} | {str(place): "right" for place in _places(made).values()}
    rows = [
        [plain(name), *(_short(plain(value), widest) for value in row)]
        for name, row in differing_settings(made.runs).items()
    ]
    return Sheet("Settings that differ, by the number of the run", columns, rows)


def pairs_sheet(made: Comparison) -> Sheet:
    """Return a row for each run but the reference: how it compares on the same reviews."""
    places = _places(made)
    if made.reference is None:
        return Sheet("", {}, [])
    other = places[made.reference.id]
    measured = [pairing for pairing in made.pairings.values() if isinstance(pairing, PairedTest)]
    reviews = f", on the same {measured[0].reviews:,} reviews" if measured else ""
    headings = (
        "#", "difference\nin points", "95 % interval", "McNemar's\np", "only it\nis right",
        f"only {other}\nis right",
    )  # fmt: skip
    rows = [
        [str(places[run.id]), *pair_cells(made.pairings[run.id])]
        for run in made.runs
        if run.id in made.pairings
    ]
    title = f"Against {other}, {accuracy(made.reference)} right{reviews}"
    return Sheet(title, dict.fromkeys(headings, "right"), rows)


def pair_cells(pairing: PairedTest | str) -> list[str]:
    """Return difference, interval, p and the two counts; where there are none, why."""
    if isinstance(pairing, str):
        return ["n/a", pairing, "", "", ""]
    return [
        f"{100 * pairing.difference:+.2f}",
        f"{100 * pairing.low:+.2f} to {100 * pairing.high:+.2f}",
        chance(pairing.p),
        f"{pairing.only_first:,}",
        f"{pairing.only_second:,}",
    ]


def fields(made: Comparison, experiment: str) -> dict[str, Any]:
    """Return a comparison for JSON."""
    reference = made.reference
    return {
        "experiment": experiment,
        "matching": made.matching,
        "runs": [
            run_fields(run) | {"validation_loss": [list(one) for one in made.losses[run.id]]}
            for run in made.runs
        ],
        "differing": differing_settings(made.runs),
        "reference": reference.id if reference else None,
        "pairs": [
            {"run": run} | ({"reason": pair} if isinstance(pair, str) else asdict(pair))
            for run, pair in made.pairings.items()
        ],
    }


def run_fields(run: RunRecord) -> dict[str, Any]:
    """Return a run for JSON, without MLflow's own tags."""
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


def accuracy(run: RunRecord) -> str:
    """Return the accuracy on the test reviews as percent."""
    value = run.metrics.get(ACCURACY)
    return MISSING if value is None or math.isnan(value) else _console.percent(value, 2)


def number(value: str | float | None) -> str:
    """Return a metric with four digits after the point, a setting as it is read."""
    if isinstance(value, float):
        return f"{value:,.4f}" if abs(value) < 10 else f"{value:,.1f}"
    return format_value(value)


def chance(p: float) -> str:
    """Return a p-value."""
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"


def plain(text: str) -> str:
    """Return a name on one line, without anything that a terminal obeys."""
    return escape_control(" ".join(text.split()))


def _places(made: Comparison) -> dict[str, int]:
    """Return the number of each run in the tables, by its id."""
    return {run.id: place for place, run in enumerate(made.runs, 1)}


def _without_predictions(made: Comparison) -> RunRecord | None:
    """Return a run that an evaluation would make comparable: the reference before others."""
    reasons = {run: pair for run, pair in made.pairings.items() if isinstance(pair, str)}
    if any(reason.startswith(REFERENCE) for reason in reasons.values()):
        return made.reference
    for run in made.runs:
        if run.status != RUNNING and reasons.get(run.id, OTHER_REVIEWS) != OTHER_REVIEWS:
            return run
    return None


def _print(target: "Console", sheet: Sheet) -> None:
    """Print a sheet as tables below one another, where its columns are more than fit into one.

    Each begins with the first column.
    """
    rows = sheet.rows
    headings, left = list(sheet.columns), list(range(1, len(sheet.columns)))
    widths = [_width(head, [row[at] for row in rows]) for at, head in enumerate(headings)]
    target.print(Text(sheet.title, "bold"))
    while left:
        chosen = [0, left.pop(0)]
        while left and 1 + sum(widths[at] for at in (*chosen, left[0])) <= target.width:
            chosen.append(left.pop(0))
        columns = {headings[at]: sheet.columns[headings[at]] for at in chosen}
        target.print(_console.table(None, columns, [[row[at] for at in chosen] for row in rows]))


def _width(heading: str, cells: list[str]) -> int:
    """Return the characters that a column takes; names of runs go on in another line."""
    most = max(map(len, (*heading.split("\n"), *cells)))
    return _BORDER + (min(most, _WIDEST) if heading == "run" else most)


def _short(text: str, widest: int | None) -> str:
    return text if widest is None or len(text) <= widest else f"…{text[1 - widest :]}"


def _line(target: "Console", text: str) -> None:
    target.print(plain(text), markup=False, soft_wrap=True)
