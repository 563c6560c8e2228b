"""`sentiment sweep`."""

import math
import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment import recipe as recipes
from sentiment.cli import _console
from sentiment.cli._options import option_names, typed_parameters
from sentiment.experiments import search_space
from sentiment.utils import environment
from sentiment.utils.paths import ProjectPaths, find_project

if TYPE_CHECKING:
    from sentiment.experiments.sweep import SweepResult
    from sentiment.experiments.sweep_plan import SweepPlan

_WITH_RESUME = {
    "resume",
    "trials",
    "minutes",
    "jobs",
    "master",
}  # all that may be typed beside --resume
_SHIPPED = ", ".join(search_space.shipped_spaces())


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
    if resume is not None and (others := typed_parameters(ctx) - _WITH_RESUME):
        names = option_names(ctx, others)
        raise typer.BadParameter(f"--resume goes on with the sweep's own plan, without {names}")
    if minutes is not None and math.isnan(minutes):
        raise typer.BadParameter("expected a number of minutes", param_hint="--minutes")
    if master is not None and not track:
        raise typer.BadParameter("--master keeps the trials in MLflow, not with --no-track")
    searched = search_space.load_space(tried)
    if show_space:
        typer.echo(searched.text, nl=False)
        return
    from dataclasses import replace

    from sentiment.experiments import study
    from sentiment.experiments import sweep_plan as plan

    study.import_optuna()
    place = find_project()
    if resume is not None:
        found = plan.find_plan(place, resume)
        made = replace(found, trials=trials if "trials" in typed_parameters(ctx) else found.trials)
    else:
        settled = recipes.load_recipe(recipe)
        if dataset is not None:
            settled = replace(settled, prepare=replace(settled.prepare, dataset=dataset))
        made = plan.create_plan(
            place, settled, searched,
            name=name, trials=trials, seed=seed, experiment=experiment, track=track,
        )  # fmt: skip
    _run(made, place, jobs, minutes, master)


def _run(
    made: "SweepPlan", place: ProjectPaths, jobs: int, minutes: float | None, master: str | None
) -> None:
    with _console.show_progress() as progress:
        progress.note(f"sweep {made.name}: {made.trials} trials, {jobs} at a time")
        with environment.suppress_stderr():
            from sentiment.experiments.sweep import sweep, sweep_on_spark
        try:
            if master is None:
                swept = sweep(made, place, jobs=jobs, minutes=minutes, progress=progress)
            else:
                swept = sweep_on_spark(
                    made, place, master, jobs=jobs, minutes=minutes, progress=progress
                )
        except KeyboardInterrupt:
            progress.note(f"to go on: sentiment sweep --resume {made.name}")
            raise
    _show(swept)


def _show(swept: "SweepResult") -> None:
    target, best = _console.console(), swept.best
    target.print()
    if best is None:
        target.print("No trial has ended: there is no best.")
        return
    plan = swept.plan
    own = {name: getattr(getattr(plan.recipe, table), name) for table, name in plan.space.settings}
    rows = [
        (name, _number(own[name]), _number(best.values[name]), _console.percent(share))
        for name in own
        for share in [swept.importances.get(name, 0.0)]
    ]
    columns = {"setting": "left", "before": "right", "best": "right", "importance": "right"}
    target.print(_console.table(f"Trial {best.number} of {len(swept.trials)}", columns, rows))
    target.print(
        _console.facts(
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
