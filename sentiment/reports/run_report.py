"""Report a run on one self-contained HTML page: what it learnt, and how its states show it.

Each section of the page is a function that returns a `Section`, and a template. To add a chart,
write both and add the function to `SECTIONS`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sentiment.reports import charts, mistakes, probes, units
from sentiment.reports.charts import LegendEntry
from sentiment.reports.document import Section, render_sections
from sentiment.reports.training_report import TrainingReport
from sentiment.tracking.metric_names import epoch_metrics, metric_name
from sentiment.utils.progress import EpochMetrics

SectionFunction = Callable[[TrainingReport], Section | None]


@dataclass(frozen=True)
class _Summary:
    best: EpochMetrics | None
    last_epoch: int
    networks: int
    units: int
    seconds: float
    settings: list[tuple[str, str]]


@dataclass(frozen=True)
class _Curves:
    legend: list[LegendEntry]
    is_merged: bool
    reads_sentences: bool


def summary_section(report: TrainingReport) -> Section:
    """Show the best epoch and the settings."""
    view = _Summary(
        best=report.best,
        last_epoch=report.learnt[-1].epoch if report.learnt else 0,
        networks=len({epoch.network for epoch in report.learnt}),
        units=report.bundle.settings.units,
        seconds=sum(epoch.seconds for epoch in report.learnt),
        settings=[(str(name), str(value)) for name, value in report.settings.items()],
    )
    return Section("summary", "Summary", "run_report/summary.html", view)


def curves_section(report: TrainingReport) -> Section:
    """Show loss and accuracy over the epochs."""
    splits = ("train", "validation")
    plots = {
        metric: charts.curves(
            metric.capitalize(),
            {split: _line(report.reports, metric_name(split, metric)) for split in splits},
            best_epoch=report.best.epoch if report.best else None,
        )
        for metric in ("loss", "accuracy")
    }
    best = report.best
    view = _Curves(
        charts.legend(splits),
        is_merged=best is not None and best.is_merged,
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
