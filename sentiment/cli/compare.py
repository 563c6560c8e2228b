"""`sentiment compare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentiment.cli._common import ExperimentOption
from sentiment.cli._terminal import print_json, say
from sentiment.errors import InputError
from sentiment.utils.paths import ProjectPaths, find_project

if TYPE_CHECKING:
    from sentiment.evaluation.run_comparison import Comparison, Query

_CONTRAST = "What the classifier reads"
_ROWS = 10  # runs shown where none are named
_CURVES = ("train/loss", "validation/loss", "train/accuracy", "validation/accuracy")


def command(
    runs: Annotated[
        list[str] | None,
        typer.Argument(help="names or ids; the others are held against the first. Else the newest"),
    ] = None,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="NAME=VALUE",
            help="a setting or a metric; also != < <= > >=, as 'validation/loss<0.3'. Repeatable",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="[-]NAME", help="a setting or a metric; with - the largest first"),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="NAME,…", help="more settings and metrics; those of the last epoch"),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help=f"most runs; {_ROWS}, unless they are named")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(help="write a page with curves and hidden states; it needs no network"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
    readout: Annotated[
        bool,
        typer.Option(
            "--readout",
            help="train the readouts last, mean and max, and hold them against each other",
            rich_help_panel=_CONTRAST,
        ),
    ] = False,
    recipe: Annotated[
        str, typer.Option(help="that they are trained with", rich_help_panel=_CONTRAST)
    ] = "default",
    seeds: Annotated[
        int, typer.Option(min=1, help="how often each is trained", rich_help_panel=_CONTRAST)
    ] = 3,
    track: Annotated[
        bool, typer.Option(help="log these runs to MLflow", rich_help_panel=_CONTRAST)
    ] = True,
    experiment: ExperimentOption = "sentiment",
) -> None:
    """Hold runs against each other: settings, curves, and tests on the same reviews."""
    if readout:
        if runs or filters or sort or columns or limit or html:
            raise typer.BadParameter("--readout trains runs of its own and goes with none of these")
        from sentiment import recipe as recipes
        from sentiment.cli import _compare_readouts

        settled = recipes.load_recipe(recipe)
        _compare_readouts.run(
            settled, seeds=seeds, experiment=experiment, track=track, as_json=as_json
        )
        return
    from sentiment.evaluation import run_comparison

    try:
        conditions = tuple(map(run_comparison.Condition.parse, filters or ()))
    except InputError as error:
        raise typer.BadParameter(error.fact, param_hint="--filter") from error
    more = tuple(name.strip() for name in (columns or "").split(",") if name.strip())
    if sort in ("", "-"):
        raise typer.BadParameter("expected the name of a setting or a metric", param_hint="--sort")
    named = tuple(runs or ())
    query = run_comparison.Query(named, conditions, sort, limit or len(named) or _ROWS, more)
    place = find_project()
    made = run_comparison.compare_runs(place, experiment, query)
    if not made.runs:
        raise InputError(
            f"none of the runs fits {' and '.join(filters or ())}", hint="sentiment compare"
        )
    _tell(place, made, query, experiment, as_json=as_json)
    if html:
        _write_page(place, made, query, experiment, html)
        say(f"comparison written to {html}")


def _tell(
    place: ProjectPaths, made: "Comparison", query: "Query", experiment: str, *, as_json: bool
) -> None:
    from sentiment.cli import _console, _runs_view

    if as_json:
        print_json(_runs_view.fields(made, experiment))
    else:
        _runs_view.show_comparison(_console.console(), place, made, _columns(query))


def _columns(query: "Query") -> list[str]:
    """Return the columns asked for, and before them the one that the order comes from."""
    return [*([query.sort.removeprefix("-")] if query.sort else []), *query.columns]


def _write_page(
    place: ProjectPaths, made: "Comparison", query: "Query", experiment: str, html: Path
) -> None:
    from sentiment.cli import _runs_view
    from sentiment.reports import comparison
    from sentiment.utils import files

    runs = [_compared(place, number, run) for number, run in enumerate(made.runs, 1)]
    sheets = [
        _runs_view.runs_sheet(made, _columns(query)),
        _runs_view.settings_sheet(made),
        _runs_view.pairs_sheet(made),
    ]
    grids = [
        comparison.Grid(sheet.title, [" ".join(head.split()) for head in sheet.columns], sheet.rows)
        for sheet in sheets
        if sheet.rows
    ]
    drawn = comparison.page(f"Runs of {experiment}", runs, grids)
    with files.atomic_file(html) as aside:
        aside.write_text(drawn, "utf-8")


def _compared(place: ProjectPaths, number: int, run: Any) -> Any:
    """Return a run for the page: its curves and the points of its last hidden states."""
    import numpy as np

    from sentiment.reports import comparison
    from sentiment.tracking import history

    curves = {name: history.metric_curve(place, run, name) for name in _CURVES}
    arrays = history.load_last_snapshot(place, run) or {}
    many = arrays["ids"].size if "ids" in arrays else 0
    expected = {"ids": ("U", (many,)), "labels": ("i", (many,)), "points": ("f", (many, 2))}
    if any(
        name not in arrays or (arrays[name].dtype.kind, arrays[name].shape) != one
        for name, one in expected.items()
    ):
        arrays = {}  # a run of before, or of no snapshots, or of another program
    return comparison.ComparedRun(
        name=f"{number} {run.bare_name}",
        curves={name: curve for name, curve in curves.items() if curve},
        ids=[str(name) for name in arrays.get("ids", ())],
        labels=arrays.get("labels", np.empty(0, np.int8)),
        points=arrays.get("points"),
    )
