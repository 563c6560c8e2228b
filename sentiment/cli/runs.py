"""`sentiment runs`."""

import math
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment.cli._common import ExperimentOption
from sentiment.cli._terminal import print_json, say
from sentiment.utils.paths import ProjectPaths, find_project

if TYPE_CHECKING:
    from sentiment.tracking.history import RunRecord


def command(
    stale: Annotated[
        bool, typer.Option("--stale", help="end runs left RUNNING whose process is gone")
    ] = False,
    older_than: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="HOURS",
            help="with --stale, also runs begun before that whose process can't be seen from here",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
    experiment: ExperimentOption = "sentiment",
) -> None:
    """List the runs, the newest first, or end those that a killed machine has left behind."""
    if older_than is not None and not stale:
        raise typer.BadParameter("--older-than goes with --stale")
    if older_than is not None and math.isnan(older_than):
        raise typer.BadParameter("expected a number of hours", param_hint="--older-than")
    place = find_project()
    if stale:
        _end_stale(place, experiment, older_than, as_json=as_json)
        return
    from sentiment.cli import _console, _runs_view
    from sentiment.tracking import history

    found = history.list_runs(place, experiment)
    if as_json:
        print_json(
            {"experiment": experiment, "runs": [_runs_view.run_fields(run) for run in found]}
        )
        return
    columns = {"run": "left", "id": "left", "status": "left", "started": "left"}
    columns |= dict.fromkeys(("took", "validation\naccuracy", "test\naccuracy"), "right")
    _console.console().print(_console.table(None, columns, map(_row, found), lines=False))
    if waiting := len(list(place.spool.glob("[!.]*"))):
        runs = "run is" if waiting == 1 else "runs are"
        typer.echo(f"{waiting} {runs} waiting to be sent. Try: sentiment sync")


def _row(run: "RunRecord") -> list[str]:
    from sentiment.cli import _console, _runs_view

    held = run.metrics.get("validation/accuracy")
    return [
        _runs_view.plain(run.bare_name),
        run.id[:8],
        run.status,
        _moment(run.started),
        _duration(run.seconds),
        _runs_view.MISSING if held is None else _console.percent(held, 2),
        _runs_view.accuracy(run),
    ]


def _moment(started: datetime) -> str:
    """Return day and time here, the year in the place of the time where it was another."""
    here = started.astimezone()
    return f"{here:%m-%d %H:%M}" if here.year == datetime.now().year else f"{here:%Y-%m-%d}"


def _duration(seconds: float | None) -> str:
    """Return hours, minutes and seconds; nothing is known of a run that is under way."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _end_stale(
    place: ProjectPaths, experiment: str, older_than: float | None, *, as_json: bool
) -> None:
    from sentiment.tracking import stale

    found = stale.end_stale_runs(place, experiment, older_than=older_than)
    if as_json:
        ids = {"ended": found.ended, "unknown": found.unknown}
        print_json({name: [run.id for run in runs] for name, runs in ids.items()})
        return
    for run in found.ended:
        say(f"ended {run.bare_name} ({run.id})", err=False)
    for run in found.unknown:
        host = run.tags.get("host", "an unknown machine")
        say(f"left {run.bare_name} ({run.id}): it may be running on {host}", err=False)
    if found.unknown:
        typer.echo("--stale --older-than HOURS ends those too.")
    elif not found.ended:
        typer.echo("no run was left behind")
