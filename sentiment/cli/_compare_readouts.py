"""The readouts contrasted, from a recipe to tables: the part behind the flag of a command.

Knows what is printed; knows nothing of how it is trained or measured.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.table import Table

from sentiment.cli import _console
from sentiment.cli._terminal import print_json
from sentiment.recipe import Recipe
from sentiment.utils import environment
from sentiment.utils.paths import find_project

if TYPE_CHECKING:
    from sentiment.experiments.ablation_result import AblationResult, MeanStd, Summary
    from sentiment.experiments.review_groups import Group

_THIRDS = ("early", "middle", "late")


def run(
    settled: Recipe,
    *,
    seeds: int,
    experiment: str = "sentiment",
    track: bool = True,
    as_json: bool = False,
) -> None:
    """Train and contrast all readouts; print tables, or JSON."""
    from sentiment.data.prepare import prepare

    place = find_project()
    with _console.show_progress(err=as_json) as progress:
        data, new = prepare(settled.prepare, place, progress=progress)
        progress.note(f"{'prepared' if new else 'using'} {data.folder}")
        progress.note("importing TensorFlow" + (" and MLflow" if track else ""))
        with environment.suppress_stderr():
            from sentiment.experiments.readout_ablation import compare_readouts

        contrast = compare_readouts(
            data, settled.model, settled.train, place,
            seeds=seeds, recipe=settled.name, experiment=experiment, track=track, progress=progress,
        )  # fmt: skip
    if as_json:
        print_json(contrast.as_dict())
        return
    target = _console.console()
    for drawn in tables(contrast):
        target.print()
        target.print(drawn)
    target.print()
    for sentence in contrast.findings():
        target.print(sentence, markup=False)


def tables(contrast: "AblationResult") -> list[Table]:
    """Return three tables, a row for each readout: over all, by length, by where opinion stands."""
    count = sum(group.reviews for group in contrast.lengths)
    seeds = len(contrast.seeds)
    over = f"mean ± standard deviation over {seeds} seeds" if seeds > 1 else "one seed"
    # Equal values stay together, so that few reviews may fall into fewer than three groups.
    named = _THIRDS if len(contrast.positions) == len(_THIRDS) else ("",) * len(contrast.positions)
    by_position = [
        f"{name} {group.least:.2f}–{group.most:.2f}".strip()
        for name, group in zip(named, contrast.positions, strict=True)
    ]
    return [
        _table(
            contrast,
            f"{contrast.data}, {count:,} test reviews; {over}",
            ["accuracy", *(f"|dL/dh| {step} step" for step in ("first", "middle", "last"))],
            lambda found: [_percent(found.accuracy), *map(_norm, found.gradients)],
        ),
        _table(
            contrast,
            "Accuracy by length of the review in tokens",
            [_tokens(group) for group in contrast.lengths],
            lambda found: [_percent(part) for part in found.by_length],
        ),
        _table(
            contrast,
            "Accuracy by where opinion stands: first word 0, last 1",
            by_position,
            lambda found: [_percent(part) for part in found.by_position],
        ),
    ]


def _table(
    contrast: "AblationResult",
    title: str,
    headings: list[str],
    cells: Callable[["Summary"], list[str]],
) -> Table:
    columns = {"readout": "left"} | dict.fromkeys(headings, "right")
    rows = [(readout, *cells(contrast.summary(readout))) for readout in contrast.readouts]
    return _console.table(title, columns, rows)


def _tokens(group: "Group") -> str:
    least, most = f"{group.least:,.0f}", f"{group.most:,.0f}"
    return least if least == most else f"{least}–{most}"


def _percent(value: "MeanStd") -> str:
    deviation = "" if value.deviation is None else f" ± {100 * value.deviation:.2f}"
    return f"{100 * value.mean:.2f}{deviation} %"


def _norm(value: "MeanStd") -> str:
    deviation = "" if value.deviation is None else f" ± {value.deviation:.1e}"
    return f"{value.mean:.1e}{deviation}"
