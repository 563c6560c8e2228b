"""`sentiment sweep`."""

import math
import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment import recipe as recipes
from sentiment.cli import _console as show
from sentiment.cli._options import as_typed, typed
from sentiment.experiments import search_space as space
from sentiment.utils import environment as quiet
from sentiment.utils import paths as folders
from sentiment.utils.paths import Folders

if TYPE_CHECKING:
    from sentiment.experiments.sweep import Swept
    from sentiment.experiments.sweep_plan import Plan

_WITH_RESUME = {
    "resume",
    "trials",
    "minutes",
    "jobs",
    "master",
}  # all that may be typed beside --resume
_SHIPPED = ", ".join(space.shipped())


def command(
    ctx: typer.Context,
    tried: Annotated[
        str,
        typer.Option("--space", help=f"settings to try: {_SHIPPED}, or a file of your own"),
    ] = "default",
    recipe: Annotated[str, typer.Option(help="the settings that stay as they are")] = "default",
    dataset: Annotated[
        str | None, typer.Option(help="imdb, sample, or a file of labelled texts")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="settings to try")] = 40,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="after which no trial begins any more")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="trials at a time")] = 1,
    master: Annotated[
        str | None,
        typer.Option(metavar="URL", help="a Spark cluster that the trials run on, with MLflow's"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="of what is tried, not of the trainings")] = 0,
    name: Annotated[str | None, typer.Option(help="of the sweep and of its best recipe")] = None,
    experiment: Annotated[str, typer.Option(help="MLflow experiment of the runs")] = (
        "sentiment-sweeps"
    ),
    track: Annotated[bool, typer.Option(help="log the trials to MLflow")] = True,
    resume: Annotated[
        str | None, typer.Option(metavar="SWEEP|last", help="go on with an interrupted sweep")
    ] = None,
    show_space: Annotated[
        bool, typer.Option("--show-space", help="print the settings to try, and end")
    ] = False,
) -> None:
    """Try many settings, and write the best on the validation reviews as a recipe."""
    if resume is not None and (others := typed(ctx) - _WITH_RESUME):
        names = as_typed(ctx, others)
        raise typer.BadParameter(f"--resume goes on with the sweep's own plan, without {names}")
    if minutes is not None and math.isnan(minutes):
        raise typer.BadParameter("expected a number of minutes", param_hint="--minutes")
    if master is not None and not track:
        raise typer.BadParameter("--master keeps the trials in MLflow, not with --no-track")
    searched = space.read(tried)
    if show_space:
        typer.echo(searched.text, nl=False)
        return
    from dataclasses import replace

    from sentiment.experiments import study as studies
    from sentiment.experiments import sweep_plan as plan

    studies.library()
    place = folders.find()
    if resume is not None:
        found = plan.find(place, resume)
        made = replace(found, trials=trials if "trials" in typed(ctx) else found.trials)
    else:
        settled = recipes.read(recipe)
        if dataset is not None:
            settled = replace(settled, prepare=replace(settled.prepare, dataset=dataset))
        made = plan.make(
            place, settled, searched,
            name=name, trials=trials, seed=seed, experiment=experiment, track=track,
        )  # fmt: skip
    _run(made, place, jobs, minutes, master)


def _run(
    made: "Plan", place: Folders, jobs: int, minutes: float | None, master: str | None
) -> None:
    with show.watching() as watcher:
        watcher.note(f"sweep {made.name}: {made.trials} trials, {jobs} at a time")
        with quiet.hushed():
            from sentiment.experiments.sweep import sweep, sweep_on_spark
        try:
            if master is None:
                swept = sweep(made, place, jobs=jobs, minutes=minutes, watcher=watcher)
            else:
                swept = sweep_on_spark(
                    made, place, master, jobs=jobs, minutes=minutes, watcher=watcher
                )
        except KeyboardInterrupt:
            watcher.note(f"to go on: sentiment sweep --resume {made.name}")
            raise
    _show(swept)


def _show(swept: "Swept") -> None:
    target, best = show.console(), swept.best
    target.print()
    if best is None:
        target.print("No trial has ended: there is no best.")
        return
    plan = swept.plan
    own = {name: getattr(getattr(plan.recipe, table), name) for table, name in plan.space.settings}
    rows = [
        (name, _number(own[name]), _number(best.values[name]), show.percent(share))
        for name in own
        for share in [swept.importances.get(name, 0.0)]
    ]
    columns = {"setting": "left", "before": "right", "best": "right", "importance": "right"}
    target.print(show.table(f"Trial {best.number} of {len(swept.trials)}", columns, rows))
    target.print(
        show.facts(
            {
                "Validation loss": f"{best.loss:.4f}",
                "Recipe": str(plan.best),
                "See all trials": f"sentiment ui --experiment {plan.experiment}",
            }
        )
    )
    # Not in the table, which breaks long lines.
    typer.echo(f"\nTry: sentiment train --recipe {shlex.quote(str(plan.best))}")


def _number(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
