"""Report a run on one self-contained HTML page: what it learnt, and how its states show it.

Each section of the page is a function that returns a `Section`, and a template. To add a chart,
write both and add the function to `SECTIONS`.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sentiment.data.labels import LABEL_NAMES, NEGATIVE, POSITIVE
from sentiment.evaluation.metrics import Scores
from sentiment.recipe import without_digest
from sentiment.reports import charts, mistakes, probes, units
from sentiment.reports.charts import LegendEntry
from sentiment.reports.document import Section, render_sections
from sentiment.reports.templating import render
from sentiment.reports.training_report import TrainingReport
from sentiment.tracking.metric_names import epoch_metrics, metric_name
from sentiment.utils.progress import EpochMetrics

# In the summary; no text of a page holds markup.
_EVALUATION = re.compile("<!-- evaluation begins -->.*?<!-- evaluation ends -->", re.DOTALL)
SectionFunction = Callable[[TrainingReport], Section | None]


@dataclass(frozen=True)
class _Summary:
    name: str
    best: EpochMetrics | None
    last_epoch: int
    networks: int
    units: int
    seconds: float
    recipe: str
    changed: list[tuple[str, str]]
    settings: list[tuple[str, str]]


@dataclass(frozen=True)
class _Curves:
    legend: list[LegendEntry]
    is_merged: bool
    has_borders: bool
    reads_sentences: bool


def summary_section(report: TrainingReport) -> Section:
    """Show the best epoch and the settings."""
    view = _Summary(
        name=report.name,
        best=report.best,
        last_epoch=report.learnt[-1].epoch if report.learnt else 0,
        networks=len({epoch.network for epoch in report.learnt}),
        units=report.bundle.settings.units,
        seconds=sum(epoch.seconds for epoch in report.learnt),
        recipe=report.recipe,
        changed=_listed(report.changed),
        settings=_listed(report.settings),
    )
    return Section("summary", "Summary", "run_report/summary.html", view)


def _listed(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(name), without_digest(str(value))) for name, value in settings.items()]


def curves_section(report: TrainingReport) -> Section:
    """Show loss and accuracy over the epochs."""
    splits = ("train", "validation")
    plots = {
        metric: charts.curves(
            metric.capitalize(),
            {split: _line(report.reports, metric_name(split, metric)) for split in splits},
            best_epoch=report.best.epoch if report.best else None,
            borders=report.borders,
        )
        for metric in ("loss", "accuracy")
    }
    best = report.best
    view = _Curves(
        charts.legend(splits),
        is_merged=best is not None and best.is_merged,
        has_borders=bool(report.borders),
        reads_sentences=bool(report.settings.get("sentence_members")),
    )
    return Section("curves", "Curves", "run_report/curves.html", view, plots)


def _line(epochs: list[EpochMetrics], name: str) -> charts.Line:
    """Return the points of a metric, (epoch, value), with a gap where another network begins."""
    points: list[tuple[float, float]] = []
    for index, epoch in enumerate(epochs):
        if index and epoch.network != epochs[index - 1].network:
            points.append((math.nan, math.nan))
        points.append((epoch.epoch, epoch_metrics(epoch)[name]))
    return points


# In the order of the page. A function that returns None has nothing to show of the run.
SECTIONS: Sequence[SectionFunction] = (
    summary_section,
    curves_section,
    probes.projection_section,
    units.units_section,
    probes.sentences_section,
    mistakes.mistakes_section,
)


def page(report: TrainingReport, sections: Sequence[SectionFunction] = SECTIONS) -> str:
    """Return the HTML page, which needs neither a network nor an origin of its own.

    Most of its bytes are Bokeh's (1.27 MB). It takes a second, shared about equally by Bokeh's
    serialiser, the units and the mistakes; a mistake of 1,024 words adds 0.6 to 1 s, as it is read
    once for each of its words.
    """
    shown = [section(report) for section in sections]
    return render_sections(
        report.name, [section for section in shown if section], scripts=["run_report.js"]
    )


def add_evaluation(text: str, scores: Scores) -> str:
    """Return the page `text` with the scores on the test reviews in its summary.

    Those of an earlier evaluation are replaced. A page of an earlier version stays as it is.
    """
    labels = [LABEL_NAMES[label] for label in (NEGATIVE, POSITIVE)]
    rows = list(zip(labels, scores.confusion, strict=True))
    shown = render("run_report/evaluation.html", scores=scores, labels=labels, rows=rows)
    return _EVALUATION.sub(lambda _: shown.strip(), text, count=1)
