"""`sentiment runs`."""

import math
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentiment.cli._options import ExperimentOption, JsonOption
from sentiment.cli._terminal import print_json, print_message
from sentiment.tracking import tags
from sentiment.utils.paths import ProjectPaths, find_project
from sentiment.utils.text import count_of

if TYPE_CHECKING:
    from sentiment.tracking.history import RunRecord
    from sentiment.tracking.stale import StaleRuns


EXAMPLES = {
    "sentiment runs": "list the runs, the newest first",
    "sentiment runs --stale": "end the runs of processes that were killed",
    "sentiment runs --json": "the same list with all settings and metrics, for a script",
}


def command(
    stale: Annotated[
        bool,
        typer.Option("--stale", help="mark RUNNING runs as KILLED if their process is gone"),
    ] = False,
    older_than: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="HOURS",
            help="with --stale: end runs of other machines too, if they began more than HOURS ago",
        ),
    ] = None,
    as_json: JsonOption = False,
    experiment: ExperimentOption = "sentiment",
) -> None:
    """List runs, the newest first, or end those of killed processes."""
    if older_than is not None and not stale:
        raise typer.BadParameter("--older-than needs --stale")
    if older_than is not None and math.isnan(older_than):
        raise typer.BadParameter("expected a number of hours", param_hint="--older-than")
    paths = find_project()
    if stale:
        _end_stale(paths, experiment, older_than, as_json=as_json)
    else:
        _list(paths, experiment, as_json=as_json)


def _list(paths: ProjectPaths, experiment: str, *, as_json: bool) -> None:
    from sentiment.cli import _console, _runs_view
    from sentiment.tracking import history

    runs = history.list_runs(paths, experiment)
    if as_json:
        print_json({"experiment": experiment, "runs": [_runs_view.run_fields(run) for run in runs]})
        return
    columns = {"run": "left", "id": "left", "status": "left", "started": "left"}
    columns |= dict.fromkeys(("duration", "validation\naccuracy", "test\naccuracy"), "right")
    _console.console().print(_console.table(None, columns, map(_row, runs), lines=False))
    if waiting := len(list(paths.spool.glob("[!.]*"))):
        typer.echo(f"Not sent to the tracking store yet: {count_of(waiting, 'run')}.")
        typer.echo("Try: sentiment sync")


def _row(run: "RunRecord") -> list[str]:
    from sentiment.evaluation import comparison_tables

    return [
        comparison_tables.one_line(run.bare_name),
        run.id[:8],
        run.status,
        _start_time(run.started),
        _duration(run.seconds),
        comparison_tables.accuracy(run, "validation/accuracy"),
        comparison_tables.accuracy(run),
    ]


def _start_time(started: datetime) -> str:
    """Return the local day and time, or the full date if it was in another year."""
    local = started.astimezone()
    return f"{local:%m-%d %H:%M}" if local.year == datetime.now().year else f"{local:%Y-%m-%d}"


def _duration(seconds: float | None) -> str:
    """Return hours, minutes and seconds; a dash for a run that has not ended."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _end_stale(
    paths: ProjectPaths, experiment: str, older_than: float | None, *, as_json: bool
) -> None:
    from sentiment.tracking.stale import end_stale_runs

    result = end_stale_runs(paths, experiment, older_than=older_than)
    if as_json:
        print_json(_stale_fields(result))
        return
    for run in result.ended:
        print_message(f"marked as KILLED: {run.bare_name} ({run.id})", err=False)
    for run in result.unknown:
        host = run.tags.get(tags.HOST, "an unknown machine")
        print_message(
            f"left as RUNNING: {run.bare_name} ({run.id}), which may be running on {host}",
            err=False,
        )
    if result.unknown:
        typer.echo("Try: sentiment runs --stale --older-than HOURS")
    elif not result.ended:
        typer.echo("No stale runs.")


def _stale_fields(result: "StaleRuns") -> dict[str, Any]:
    """Return the JSON object of --stale."""
    return {
        "ended": [run.id for run in result.ended],
        "unknown": [run.id for run in result.unknown],
    }
