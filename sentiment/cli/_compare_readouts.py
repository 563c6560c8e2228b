"""Run `sentiment compare --readout`: train each readout and print how they compare."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.table import Table

from sentiment.cli import _console
from sentiment.cli._terminal import print_json
from sentiment.recipe import Recipe
from sentiment.utils import environment
from sentiment.utils.paths import find_project

if TYPE_CHECKING:
    from sentiment.evaluation.review_groups import Group
    from sentiment.experiments.ablation_result import AblationResult, MeanStd, Summary

_POSITIONS = ("early", "middle", "late")


def run(recipe: Recipe, *, seeds: int, experiment: str, track: bool, as_json: bool) -> None:
    """Train all readouts with each seed; print tables, or JSON."""
    from sentiment.data.prepare import prepare
    from sentiment.data.trainable import check_dataset

    paths = find_project()
    with _console.show_progress(err=as_json) as progress:
        data, is_new = prepare(recipe.prepare, paths, progress=progress)
        check_dataset(data)
        progress.note(f"{'prepared' if is_new else 'using'} {data.folder}")
        progress.note("importing TensorFlow" + (" and MLflow" if track else ""))
        with environment.suppress_stderr():
            from sentiment.experiments.readout_ablation import compare_readouts

        result = compare_readouts(
            data, recipe.model, recipe.train, paths,
            seeds=seeds, recipe=recipe.name, experiment=experiment, track=track, progress=progress,
        )  # fmt: skip
    if as_json:
        print_json(result.as_dict())
        return
    target = _console.console()
    for table in tables(result):
        target.print()
        target.print(table)
    target.print()
    for sentence in result.findings():
        target.print(sentence, markup=False)


def tables(result: "AblationResult") -> list[Table]:
    """Return three tables with a row for each readout: overall, by length, by position."""
    reviews = sum(group.reviews for group in result.lengths)
    seeds = len(result.seeds)
    spread = f"mean ± standard deviation over {seeds} seeds" if seeds > 1 else "one seed"
    return [
        _table(
            result,
            f"{result.data}, {reviews:,} test reviews; {spread}",
            ["accuracy", *(f"|dL/dh| {step} step" for step in ("first", "middle", "last"))],
            lambda summary: [_percent(summary.accuracy), *map(_norm, summary.gradients)],
        ),
        _table(
            result,
            "Accuracy by length of the review in tokens",
            [_length(group) for group in result.lengths],
            lambda summary: [_percent(share) for share in summary.by_length],
        ),
        _table(
            result,
            "Accuracy by position of the opinion words: first word 0, last word 1",
            _position_headings(result),
            lambda summary: [_percent(share) for share in summary.by_position],
        ),
    ]


def _position_headings(result: "AblationResult") -> list[str]:
    groups = result.positions
    # Equal positions share a group, so a few reviews may make fewer than three groups.
    names = _POSITIONS if len(groups) == len(_POSITIONS) else ("",) * len(groups)
    return [
        f"{name} {group.least:.2f}–{group.most:.2f}".strip()
        for name, group in zip(names, groups, strict=True)
    ]


def _table(
    result: "AblationResult",
    title: str,
    headings: list[str],
    cells: Callable[["Summary"], list[str]],
) -> Table:
    columns = {"readout": "left"} | dict.fromkeys(headings, "right")
    rows = [(readout, *cells(result.summary(readout))) for readout in result.readouts]
    return _console.table(title, columns, rows)


def _length(group: "Group") -> str:
    low, high = f"{group.least:,.0f}", f"{group.most:,.0f}"
    return low if low == high else f"{low}–{high}"


def _percent(value: "MeanStd") -> str:
    if value.deviation is None:
        return _console.percent(value.mean, 2)
    return f"{100 * value.mean:.2f} ± {_console.percent(value.deviation, 2)}"


def _norm(value: "MeanStd") -> str:
    deviation = "" if value.deviation is None else f" ± {value.deviation:.1e}"
    return f"{value.mean:.1e}{deviation}"
