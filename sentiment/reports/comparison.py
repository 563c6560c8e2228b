"""Several runs on one self-contained page: tables, curves laid over one another, planes abreast.

Knows numbers and names of runs and the charts; knows nothing of trackers or of models.
"""

from dataclasses import dataclass

import numpy as np

from sentiment.inspection.probes import SENTENCES
from sentiment.reports import charts
from sentiment.reports.charts import Figure, Part
from sentiment.reports.document import Section
from sentiment.reports.svg import safe
from sentiment.utils.text import replace_control

_NOWHERE = (float("nan"), float("nan"))  # where a text is that a run has not seen
_SENTENCES = {sentence.id for sentence in SENTENCES}


@dataclass(frozen=True)
class ComparedRun:
    """What is compared of a run.

    curves: (epoch, value) by the name of the metric, such as "validation/loss"; ids (N), labels,
    int8 (N,), and points, float32 (N, 2): of the last snapshot, points None where there is none.
    """

    name: str
    curves: dict[str, list[tuple[int, float]]]
    ids: list[str]
    labels: np.ndarray
    points: np.ndarray | None


@dataclass(frozen=True)
class Grid:
    """A table to print: each of `rows` has as many cells as there are headings."""

    title: str
    headings: list[str]
    rows: list[list[str]]


def page(title: str, runs: list[ComparedRun], grids: list[Grid]) -> str:
    """Return the page: HTML that needs neither a network nor an origin of its own."""
    parts = [_tables(grids), _curves(runs), _planes(runs)]
    return charts.document(replace_control(title), parts)


def _tables(grids: list[Grid]) -> Part:
    body = "\n".join(
        f'<h3>{safe(grid.title)}</h3>\n<div class="scroll"><table>\n{_rows(grid)}\n</table></div>'
        for grid in grids
    )
    return Part(Section("tables", "Tables", body), [])


def _rows(grid: Grid) -> str:
    kinds = [_kind(grid, column) for column in range(len(grid.headings))]
    return "\n".join(
        "<tr>"
        + "".join(
            f"<{tag}{kind}>{safe(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True)
        )
        + "</tr>"
        for tag, cells in (("th", grid.headings), *(("td", row) for row in grid.rows))
    )


def _kind(grid: Grid, column: int) -> str:
    """Return the class of a column: numbers stand to the right."""
    cells = [row[column].strip() for row in grid.rows]
    numeric = [cell[:1].isdigit() or cell[:1] in "+-−–." for cell in cells if cell]
    return ' class="number"' if numeric and all(numeric) else ""


def _curves(runs: list[ComparedRun]) -> Part:
    metrics = list(dict.fromkeys(name for run in runs for name in run.curves))
    labels = _unlike([replace_control(run.name) for run in runs])
    plots = [
        charts.curves(
            metric,
            {label: run.curves.get(metric, []) for label, run in zip(labels, runs, strict=True)},
        )
        for metric in metrics
    ]
    body = f"""<p class="faint">Each line is a run, in the same colour in every plot. Click a name
to hide or show its line.</p>
{charts.legend(labels)}
<div class="plots">{"".join(map(charts.place, plots))}</div>"""
    return Part(Section("curves", "Curves", body), plots)


def _unlike(names: list[str]) -> list[str]:
    """Return names of which none is like another: the second "a" becomes "a (2)"."""
    seen: dict[str, int] = {}
    unlike = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unlike.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return unlike


def _planes(runs: list[ComparedRun]) -> Part:
    labels = {
        name: int(label)
        for run in runs
        if run.points is not None
        for name, label in zip(run.ids, run.labels, strict=True)
    }
    columns: charts.Columns = {
        "id": [replace_control(name) for name in labels],
        **charts.marked(list(labels.values()), [name in _SENTENCES for name in labels]),
    }
    for number, run in enumerate(runs):
        if run.points is not None:
            found = dict(zip(run.ids, zip(*charts.clipped(run.points), strict=True), strict=True))
            points = [found.get(name, _NOWHERE) for name in labels]
            columns[f"x{number}"], columns[f"y{number}"] = map(list, zip(*points, strict=True))
    source = charts.source("points", columns)
    plots: list[Figure] = []
    names = _unlike([replace_control(run.name) for run in runs])
    for number, run in enumerate(runs):
        if run.points is not None:
            plots.append(
                charts.plane(
                    source,
                    x=f"x{number}",
                    y=f"y{number}",
                    title=names[number],
                    hints=[("<b>@id</b>", ""), ("labelled", "@label")],
                    beside=plots[0] if plots else None,
                )
            )
    without = [safe(name) for name, run in zip(names, runs, strict=True) if run.points is None]
    missing = f'<p class="faint">No snapshot: {", ".join(without)}.</p>' if without else ""
    body = f"""<p class="faint">Final states of the same texts in the last snapshot of each run,
turned to the same two axes. The planes move together; a click on a point, or a box drawn around
several, picks out the same texts in all of them.</p>
{charts.KEY}
<div class="plots">{"".join(map(charts.place, plots))}</div>
{missing}"""
    return Part(Section("projections", "Projections", body), plots)
