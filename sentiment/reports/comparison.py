"""Compare runs on one self-contained HTML page: tables, curves and planes of hidden states."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sentiment.inspection.probes import SENTENCES
from sentiment.reports import charts
from sentiment.reports.charts import Columns, Figure
from sentiment.reports.document import Section, render_sections
from sentiment.utils.text import replace_control

_MISSING_POINT = (float("nan"), float("nan"))  # of a text that a run has not read
_SENTENCE_IDS = {sentence.id for sentence in SENTENCES}


@dataclass(frozen=True)
class ComparedRun:
    """A run as the page shows it.

    curves: (epoch, value) by the name of the metric, such as "validation/loss"; ids (N), labels,
    int8 (N,), and points, float32 (N, 2): of the last snapshot; points is None without a snapshot.
    """

    name: str
    curves: dict[str, list[tuple[int, float]]]
    ids: list[str]
    labels: np.ndarray
    points: np.ndarray | None


@dataclass(frozen=True)
class Grid:
    """A table of text; each row has as many cells as there are headings."""

    title: str
    headings: list[str]
    rows: Sequence[Sequence[str]]

    @property
    def numeric(self) -> list[bool]:
        """Return for each column whether all its cells are numbers."""
        return [
            _is_numeric([row[column] for row in self.rows]) for column in range(len(self.headings))
        ]


@dataclass(frozen=True)
class _Tables:
    lead: str
    grids: list[Grid]


def page(title: str, runs: list[ComparedRun], grids: list[Grid], lead: str = "") -> str:
    """Return the HTML page, which needs neither a network nor an origin of its own.

    lead: sentences above the tables.
    """
    names = _distinct([replace_control(run.name) for run in runs])
    return render_sections(
        title, [_tables(grids, lead), _curves(names, runs), _projections(names, runs)]
    )


def _is_numeric(cells: list[str]) -> bool:
    filled = [cell.strip() for cell in cells if cell.strip()]
    return bool(filled) and all(cell[0].isdigit() or cell[0] in "+-−–." for cell in filled)


def _distinct(names: list[str]) -> list[str]:
    """Return the names with a number added to repeated ones: the second "a" becomes "a (2)"."""
    distinct: list[str] = []
    for name in names:
        candidate, count = name, 1
        while candidate in distinct:
            count += 1
            candidate = f"{name} ({count})"
        distinct.append(candidate)
    return distinct


def _tables(grids: list[Grid], lead: str) -> Section:
    return Section("tables", "Tables", "comparison/tables.html", _Tables(lead, grids))


def _curves(names: list[str], runs: list[ComparedRun]) -> Section:
    metrics = dict.fromkeys(metric for run in runs for metric in run.curves)
    plots = {
        metric: charts.curves(
            metric,
            {name: run.curves.get(metric, []) for name, run in zip(names, runs, strict=True)},
        )
        for metric in metrics
    }
    return Section("curves", "Curves", "comparison/curves.html", charts.legend(names), plots)


def _projections(names: list[str], runs: list[ComparedRun]) -> Section:
    points = charts.source("points", _columns(runs))
    plots: dict[str, Figure] = {}
    for number, (name, run) in enumerate(zip(names, runs, strict=True)):
        if run.points is not None:
            plots[name] = charts.plane(
                points,
                x=f"x{number}",
                y=f"y{number}",
                tooltip=["labelled @label"],
                linked_to=next(iter(plots.values()), None),
            )
    missing = [name for name, run in zip(names, runs, strict=True) if run.points is None]
    return Section("projections", "Projections", "comparison/projections.html", missing, plots)


def _columns(runs: Sequence[ComparedRun]) -> Columns:
    """Return the texts of all runs, with the points of run n in the columns `xn` and `yn`."""
    labels = {
        text_id: int(label)
        for run in runs
        if run.points is not None
        for text_id, label in zip(run.ids, run.labels, strict=True)
    }
    columns: Columns = {
        "id": [replace_control(text_id) for text_id in labels],
        **charts.point_style(list(labels.values()), [one in _SENTENCE_IDS for one in labels]),
    }
    for number, run in enumerate(runs):
        if run.points is not None:
            x, y = charts.plane_columns(run.points)
            point_of = dict(zip(run.ids, zip(x, y, strict=True), strict=True))
            points = [point_of.get(text_id, _MISSING_POINT) for text_id in labels]
            columns[f"x{number}"] = [point[0] for point in points]
            columns[f"y{number}"] = [point[1] for point in points]
    return columns
