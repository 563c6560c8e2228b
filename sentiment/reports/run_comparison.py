"""Make the page that compares runs from what the store has of them."""

from collections.abc import Sequence

import numpy as np

from sentiment.evaluation import comparison_tables
from sentiment.evaluation.run_comparison import ACCURACY, Comparison, PairedTest
from sentiment.reports.comparison import ComparedRun, Grid, page
from sentiment.tracking import history
from sentiment.tracking.history import RunRecord
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.text import count_of

_SIGNIFICANT = 0.05  # p-values from which a difference may be chance
_CURVES = ("train/loss", "validation/loss", "train/accuracy", "validation/accuracy")


def comparison_page(
    paths: ProjectPaths, comparison: Comparison, experiment: str, columns: Sequence[str] = ()
) -> str:
    """Return the page; columns: names of further settings and metrics to show."""
    runs = [_compared_run(paths, number, run) for number, run in enumerate(comparison.runs, 1)]
    sheets = [
        comparison_tables.runs_sheet(comparison, columns),
        comparison_tables.settings_sheet(comparison),
        comparison_tables.pairs_sheet(comparison),
    ]
    grids = [
        Grid(sheet.title, [" ".join(heading.split()) for heading in sheet.columns], sheet.rows)
        for sheet in sheets
        if sheet.rows
    ]
    return page(f"Runs of {experiment}", runs, grids, _lead(comparison))


def _lead(comparison: Comparison) -> str:
    """Return which run is the most accurate, and from which others it may differ by chance."""
    reference = comparison.reference
    if reference is None:
        return "No run was measured on the test reviews."
    # Accuracies on other reviews say nothing about which run is better.
    alike = [
        run
        for run in comparison.runs
        if ACCURACY in run.metrics and run.reviews.get("test") == reference.reviews.get("test")
    ]
    best = max(alike, key=lambda run: run.metrics[ACCURACY])
    numbers = {run.id: number for number, run in enumerate(comparison.runs, 1)}
    accuracy = comparison_tables.accuracy(best)
    lead = f"The most accurate on the test reviews is run {numbers[best.id]} with {accuracy}."
    if len(alike) < len(comparison.runs):
        lead += f" {count_of(len(alike), 'run')} of {len(comparison.runs)} read the same ones."
    if reference.id != best.id:
        return lead
    close = [
        str(numbers[run])
        for run, test in comparison.pairings.items()
        if isinstance(test, PairedTest) and test.p >= _SIGNIFICANT
    ]
    if close:
        named = f"runs {', '.join(close)}" if len(close) > 1 else f"run {close[0]}"
        lead += f" By the paired test its difference from {named} may be chance."
    return lead


def _compared_run(paths: ProjectPaths, number: int, run: RunRecord) -> ComparedRun:
    """Return a run for the page: its curves and the projection of its last hidden states."""
    curves = {name: history.metric_curve(paths, run, name) for name in _CURVES}
    arrays = history.load_last_snapshot(paths, run) or {}
    count = arrays["ids"].size if "ids" in arrays else 0
    expected = {"ids": ("U", (count,)), "labels": ("i", (count,)), "points": ("f", (count, 2))}
    if any(
        name not in arrays or (arrays[name].dtype.kind, arrays[name].shape) != form
        for name, form in expected.items()
    ):
        arrays = {}  # no snapshots, or those of an earlier version or of another program
    return ComparedRun(
        name=f"{number} {run.bare_name}",
        curves={name: curve for name, curve in curves.items() if curve},
        ids=[str(name) for name in arrays.get("ids", ())],
        labels=arrays.get("labels", np.empty(0, np.int8)),
        points=arrays.get("points"),
    )
