"""`sentiment compare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment.cli._completion import complete_recipe, complete_run
from sentiment.cli._options import ExperimentOption, JsonOption, refuse_ignored
from sentiment.cli._terminal import print_json, print_message
from sentiment.config import MAX_COMPARED
from sentiment.errors import InputError
from sentiment.utils.paths import ProjectPaths, find_project

if TYPE_CHECKING:
    from sentiment.evaluation.run_comparison import Comparison
    from sentiment.evaluation.run_query import Query

_PANEL = "Comparison of readouts"


EXAMPLES = {
    "sentiment compare": "compare the newest runs",
    "sentiment compare first second": "two runs by name, with a paired test",
    "sentiment compare --filter units=16 --sort validation/loss": "choose and sort runs",
    "sentiment compare first second --html pair.html": "with curves and hidden states, as a page",
}


_RunsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[RUN]...",
        autocompletion=complete_run,
        help="names or ids of runs, compared with the first one; default: the newest runs",
    ),
]
_FiltersOption = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="NAME=VALUE",
        help="only runs with this setting or metric, such as units=16 or "
        "'validation/loss<0.3'; can be repeated; other signs are != <= > >=",
    ),
]
_SortOption = Annotated[
    str | None,
    typer.Option(
        metavar="[-]NAME", help="setting or metric to sort by; -NAME puts the largest first"
    ),
]
_ColumnsOption = Annotated[
    str | None,
    typer.Option(metavar="NAME,…", help="more settings, and metrics of the best epoch, to show"),
]
_LimitOption = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, help=f"maximum number of runs; {MAX_COMPARED} if none are named"
    ),
]
_HtmlOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="write a page with curves and hidden states, which works offline"
    ),
]
_ReadoutOption = Annotated[
    bool,
    typer.Option(
        "--readout",
        help="train the readouts last, mean and max, and compare them",
        rich_help_panel=_PANEL,
    ),
]
_RecipeOption = Annotated[
    str,
    typer.Option(
        metavar="RECIPE",
        autocompletion=complete_recipe,
        help="recipe of these trainings",
        rich_help_panel=_PANEL,
    ),
]
_SeedsOption = Annotated[
    int, typer.Option(metavar="N", min=1, help="trainings per readout", rich_help_panel=_PANEL)
]
_TrackOption = Annotated[
    bool, typer.Option(help="log these trainings to MLflow", rich_help_panel=_PANEL)
]


def command(
    ctx: typer.Context,
    runs: _RunsArgument = None,
    filters: _FiltersOption = None,
    sort: _SortOption = None,
    columns: _ColumnsOption = None,
    limit: _LimitOption = None,
    html: _HtmlOption = None,
    as_json: JsonOption = False,
    readout: _ReadoutOption = False,
    recipe: _RecipeOption = "default",
    seeds: _SeedsOption = 3,
    track: _TrackOption = True,
    experiment: ExperimentOption = "sentiment",
) -> None:
    """Compare runs: settings, curves, and paired tests.

    Without names, the newest runs are compared. The tests are on the same reviews.
    """
    if readout:
        if runs or filters or sort or columns or limit or html:
            raise typer.BadParameter(
                "--readout trains new runs: leave out runs, --filter, --sort, --columns, --limit "
                "and --html"
            )
        from sentiment.cli import _compare_readouts
        from sentiment.recipe import load_recipe

        _compare_readouts.run(
            load_recipe(recipe), seeds=seeds, experiment=experiment, track=track, as_json=as_json
        )
        return
    refuse_ignored(ctx, ("recipe", "seeds", "track"), "only with --readout")
    from sentiment.evaluation.run_comparison import compare_runs

    query, paths = _query(runs, filters, sort, columns, limit), find_project()
    comparison = compare_runs(paths, experiment, query)
    _show(paths, comparison, query, experiment, as_json=as_json)
    if html:
        from sentiment.reports.run_comparison import comparison_page
        from sentiment.utils import files, opening

        text = comparison_page(paths, comparison, experiment, _extra_columns(query))
        files.write_text(opening.output_path(html), text)
        print_message(f"comparison written to {html}")


def _query(
    runs: list[str] | None,
    filters: list[str] | None,
    sort: str | None,
    columns: str | None,
    limit: int | None,
) -> "Query":
    from sentiment.evaluation.run_query import Query

    names = (name.strip() for name in (columns or "").split(","))
    extra = tuple(filter(None, names))
    try:
        return Query.create(runs or (), filters or (), sort=sort, limit=limit, columns=extra)
    except InputError as error:
        option = "--sort" if sort in ("", "-") else "--filter"
        raise typer.BadParameter(error.fact, param_hint=option) from error


def _show(
    paths: ProjectPaths, comparison: "Comparison", query: "Query", experiment: str, *, as_json: bool
) -> None:
    from sentiment.cli import _console, _runs_view

    if as_json:
        print_json(_runs_view.comparison_fields(comparison, experiment))
    else:
        _runs_view.show_comparison(_console.console(), paths, comparison, _extra_columns(query))


def _extra_columns(query: "Query") -> list[str]:
    """Return the column that is sorted by and the columns that were asked for."""
    return [*([query.sort.removeprefix("-")] if query.sort else []), *query.columns]
