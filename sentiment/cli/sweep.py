"""`sentiment sweep`."""

import math
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sentiment.cli import _console
from sentiment.cli._completion import (
    complete_dataset,
    complete_recipe,
    complete_space,
    complete_sweep,
)
from sentiment.cli._options import option_names, refuse_ignored, typed_parameters
from sentiment.errors import UnavailableError
from sentiment.experiments import search_space
from sentiment.recipe import load_recipe
from sentiment.utils import environment
from sentiment.utils.paths import ProjectPaths, find_project
from sentiment.utils.text import count_of

if TYPE_CHECKING:
    from sentiment.experiments.sweep import SweepResult
    from sentiment.experiments.sweep_plan import SweepPlan

_WITH_RESUME = {"resume", "trials", "minutes", "jobs", "master"}  # parameters allowed with --resume
_SHIPPED = ", ".join(search_space.shipped_spaces())


EXAMPLES = {
    "sentiment sweep --dataset sample --trials 5": "a short search on the sample reviews",
    "sentiment sweep --minutes 60 --jobs 2": "an hour, two trials at a time",
    "sentiment sweep --resume last": "continue after an interruption",
    "sentiment sweep --show-space": "print the settings to try, as a start for your own file",
}


_SpaceOption = Annotated[
    str,
    typer.Option(
        metavar="SPACE",
        autocompletion=complete_space,
        help=f"settings to try: {_SHIPPED}, or a TOML file",
    ),
]
_RecipeOption = Annotated[
    str,
    typer.Option(
        metavar="RECIPE",
        autocompletion=complete_recipe,
        help="recipe with the settings that stay the same",
    ),
]
_DatasetOption = Annotated[
    str | None,
    typer.Option(
        metavar="DATASET",
        autocompletion=complete_dataset,
        help="imdb, sample, or a file of labelled texts; default: that of the recipe",
    ),
]
_TrialsOption = Annotated[int, typer.Option(metavar="N", min=1, help="number of trials in all")]
_MinutesOption = Annotated[
    float | None,
    typer.Option(metavar="MINUTES", min=0, help="time after which no new trial starts"),
]
_JobsOption = Annotated[
    int, typer.Option(metavar="N", min=1, max=64, help="number of trials at the same time")
]
_MasterOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Spark master of a cluster that runs the trials; needs MLflow"
    ),
]
_SeedOption = Annotated[
    int,
    typer.Option(metavar="N", min=0, help="random seed of the search, not of the trainings"),
]
_ValidationOption = Annotated[
    Literal["apart", "random"],
    typer.Option(
        help="reviews that trials are judged on; apart: no trial learns from reviews that share "
        "many rare words with them"
    ),
]
_NameOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="name of the sweep and of its best recipe")
]
_ExperimentOption = Annotated[
    str, typer.Option(metavar="NAME", help="name of the MLflow experiment")
]
_TrackOption = Annotated[bool, typer.Option(help="log the trials to MLflow")]
_ResumeOption = Annotated[
    str | None,
    typer.Option(
        metavar="SWEEP|last",
        autocompletion=complete_sweep,
        help="continue an interrupted sweep, or the newest one",
    ),
]
_ShowSpaceOption = Annotated[
    bool, typer.Option("--show-space", help="print the settings to try, and exit")
]


def command(
    ctx: typer.Context,
    space: _SpaceOption = "default",
    recipe: _RecipeOption = "default",
    dataset: _DatasetOption = None,
    trials: _TrialsOption = 40,
    minutes: _MinutesOption = None,
    jobs: _JobsOption = 1,
    master: _MasterOption = None,
    seed: _SeedOption = 0,
    validation: _ValidationOption = "apart",
    name: _NameOption = None,
    experiment: _ExperimentOption = "sentiment-sweeps",
    track: _TrackOption = True,
    resume: _ResumeOption = None,
    show_space: _ShowSpaceOption = False,
) -> None:
    """Try many settings; write the best, by validation, as a recipe."""
    if resume is not None and (others := typed_parameters(ctx) - _WITH_RESUME):
        names = option_names(ctx, others)
        raise typer.BadParameter(f"--resume uses the sweep's own plan: leave out {names}")
    if minutes is not None and math.isnan(minutes):
        raise typer.BadParameter("expected a number of minutes", param_hint="--minutes")
    if master is not None and not track:
        raise typer.BadParameter("--master needs MLflow for the trials, not with --no-track")
    if not track:
        refuse_ignored(ctx, ("experiment",), "of no use with --no-track")
    searched = search_space.load_space(space)
    if show_space:
        typer.echo(searched.text, nl=False)
        return
    from sentiment.experiments import study, sweep_plan

    study.import_optuna()
    paths = find_project()
    if resume is not None:
        plan = sweep_plan.find_plan(paths, resume)
        if "trials" in typed_parameters(ctx):
            plan = replace(plan, trials=trials)
    else:
        base = load_recipe(recipe)
        if dataset is not None:
            base = replace(base, prepare=replace(base.prepare, dataset=dataset))
        plan = sweep_plan.create_plan(
            paths, base, searched,
            name=name, trials=trials, seed=seed, experiment=experiment, track=track,
            validation=validation,
        )  # fmt: skip
    _show(_run(plan, paths, jobs, minutes, master))


def _run(
    plan: "SweepPlan", paths: ProjectPaths, jobs: int, minutes: float | None, master: str | None
) -> "SweepResult":
    with _console.show_progress() as progress:
        progress.note(f"sweep {plan.name}: {count_of(plan.trials, 'trial')}, {jobs} at a time")
        with environment.suppress_stderr():
            from sentiment.experiments.sweep import sweep, sweep_on_spark
        try:
            if master is None:
                return sweep(plan, paths, jobs=jobs, minutes=minutes, progress=progress)
            return sweep_on_spark(
                plan, paths, master, jobs=jobs, minutes=minutes, progress=progress
            )
        except KeyboardInterrupt:
            progress.note(f"Try: sentiment sweep --resume {shlex.quote(plan.name)}")
            raise


def _show(result: "SweepResult") -> None:
    target, best, plan = _console.console(), result.best, result.plan
    target.print()
    if best is None:
        _report_none(result)
        return
    settings = {
        name: getattr(getattr(plan.recipe, table), name) for table, name in plan.space.settings
    }
    rows = [
        (
            name,
            _setting(value),
            _setting(best.values[name]),
            _console.percent(result.importances.get(name, 0.0)),
        )
        for name, value in settings.items()
    ]
    columns = {"setting": "left", "recipe": "right", "best": "right", "importance": "right"}
    title = f"Best trial: {best.number} of {len(result.trials)}"
    target.print(_console.table(title, columns, rows))
    target.print(
        _console.facts(
            {
                "Validation loss": f"{best.loss:.4f}",
                "Recipe": str(plan.best),
                "See all trials": f"sentiment ui --experiment {shlex.quote(plan.experiment)}",
            }
        )
    )
    # Not in the table, which breaks long lines.
    typer.echo(f"\nTry: sentiment train --recipe {shlex.quote(str(plan.best))}")


def _report_none(result: "SweepResult") -> None:
    """Say that no trial is complete; raise UnavailableError if all that started have failed."""
    name, tried = shlex.quote(result.plan.name), len(result.trials)
    if tried:
        more = f"--trials {2 * result.plan.trials} --jobs 1"
        raise UnavailableError(
            f"none of the {count_of(tried, 'trial')} of {result.plan.name} has finished",
            hint=f"sentiment sweep --resume {name} {more}, which tries other settings",
        )
    typer.echo("No trial has finished, so there is no best one.")
    typer.echo(f"Try: sentiment sweep --resume {name}")


def _setting(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
