"""`sentiment train`."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from sentiment.cli import _console, _workers
from sentiment.cli._completion import complete_unfinished_run
from sentiment.cli._missing import require
from sentiment.cli._options import (
    ExperimentOption,
    ExportFormat,
    option_names,
    refuse_ignored,
    refuse_ignored_rows,
    settings_options,
    typed_parameters,
)
from sentiment.config import SnapshotSchedule
from sentiment.errors import InputError
from sentiment.evaluation.score_tables import UNBALANCED
from sentiment.recipe import Recipe, to_toml
from sentiment.training import tf_config
from sentiment.utils.paths import ProjectPaths, find_project
from sentiment.utils.text import count_of

if TYPE_CHECKING:
    from rich.table import Table

    from sentiment.training.results import TrainingResult

# The parts of a training, from reading the data to the saved model.
_TRAINING = (
    *("data", "teacher", "building", "compiling", "epochs", "validation", "checkpoint"),
    *("merging", "saving", "tracking", "snapshots", "report"),
)
# The parameters allowed with --resume.
_WITH_RESUME = {"resume", "profile", "evaluate", "export", "workers", "master"}


EXAMPLES = {
    "sentiment train --dataset sample": "360 short reviews, in seconds",
    "sentiment train": "the 50,000 reviews of IMDB",
    "sentiment train --dataset mine.csv --name mine": "your own texts: columns text and label",
    "sentiment train --recipe words --units 32 --seed 1": "other settings",
}
# Parameters that `--help` shows; `--help-all` shows all.
COMMON = {
    *("recipe", "dataset", "name", "resume", "track", "experiment", "evaluate", "show_only"),
    *("text_column", "label_column", "positive", "negative", "test", "vocabulary"),
    *("units", "layers", "bidirectional", "embedding", "ngrams", "readout"),
    *("longest_review", "dropout"),
    *("epochs", "batch_size", "learning_rate", "teacher", "members", "own_labels", "seed"),
}

_NameOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="name of the run and its model folder")
]
_TrackOption = Annotated[bool, typer.Option(help="log the run to MLflow")]
_SnapshotsOption = Annotated[
    str,
    typer.Option(
        metavar="WHEN",
        help="when to log hidden states: off, epoch, or batch:N for every N batches",
    ),
]
_SystemMetricsOption = Annotated[
    bool, typer.Option(help="log the use of processor and memory after each epoch")
]
_WorkersOption = Annotated[
    int, typer.Option(metavar="N", min=1, max=64, help="number of processes that share each batch")
]
_MasterOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Spark master of a cluster that runs the workers"),
]
_ProfileOption = Annotated[
    bool, typer.Option("--profile", help="print the time of each part of the training")
]
_EvaluateOption = Annotated[bool, typer.Option(help="measure the model on the test reviews")]
_ExportOption = Annotated[
    list[str] | None,  # Typer takes no list of choices
    typer.Option(
        metavar="|".join(get_args(ExportFormat)),
        help="format to export the model in at the end, to data/exports and into the run; repeat "
        "it for several",
    ),
]
_ResumeOption = Annotated[
    str | None,
    typer.Option(
        metavar="RUN|last",
        autocompletion=complete_unfinished_run,
        help="continue an interrupted training, or the newest one, from its last finished "
        "epoch with its own settings",
    ),
]
_ShowOnlyOption = Annotated[
    bool, typer.Option("--show", help="print the resulting recipe, and exit")
]


@settings_options
def command(
    recipe: Recipe,
    ctx: typer.Context,
    name: _NameOption = None,
    experiment: ExperimentOption = "sentiment",
    track: _TrackOption = True,
    snapshots: _SnapshotsOption = "epoch",
    system_metrics: _SystemMetricsOption = True,
    workers: _WorkersOption = 1,
    master: _MasterOption = None,
    profile: _ProfileOption = False,
    evaluate: _EvaluateOption = True,
    export: _ExportOption = None,
    resume: _ResumeOption = None,
    show_only: _ShowOnlyOption = False,
) -> None:
    """Train a classifier; prepare the reviews first if necessary."""
    _check_options(ctx, resume, snapshots)
    if show_only:
        typer.echo(to_toml(recipe), nl=False)
        return
    refuse_ignored_rows(ctx, recipe.prepare)
    require("tensorflow")  # before minutes of preparing
    from sentiment.api import stages

    if _workers.should_start(workers, master):
        if resume is None:
            # A process that has read a data set of TFDS can't join the others any more.
            with _console.show_progress() as progress:
                stages.prepare(**asdict(recipe.prepare), progress=progress)
        _workers.run(workers, master)
        return
    with _console.show_progress() as progress:
        result = stages.train(
            recipe=recipe, name=name, experiment=experiment, tracking=track, snapshots=snapshots,
            system_metrics=system_metrics, evaluate=evaluate, export=export or (), resume=resume,
            progress=progress,
        )  # fmt: skip
    if tf_config.current_worker().is_chief:
        _show(result, find_project(), profile=profile)


def _check_options(ctx: typer.Context, resume: str | None, snapshots: str) -> None:
    if resume is not None and (others := typed_parameters(ctx) - _WITH_RESUME):
        names = option_names(ctx, others)
        raise typer.BadParameter(f"--resume uses the run's own settings: leave out {names}")
    for format in ctx.params["export"] or ():
        if format not in get_args(ExportFormat):
            known = ", ".join(get_args(ExportFormat))
            raise typer.BadParameter(f"{format!r} is not one of {known}", param_hint="--export")
    try:
        SnapshotSchedule.parse(snapshots)
    except InputError as error:
        raise typer.BadParameter(error.fact, param_hint="--snapshots") from error
    if not ctx.params["track"]:
        ignored = ["experiment", "system_metrics", *(["snapshots"] if snapshots != "off" else [])]
        refuse_ignored(ctx, ignored, "of no use with --no-track")


def _show(result: "TrainingResult", paths: ProjectPaths, *, profile: bool) -> None:
    """Print the summary of a training and the commands to try next."""
    # Without what comes after the saved model.
    later = sum(result.seconds.get(part, 0.0) for part in ("evaluation", "export"))
    seconds = sum(result.seconds.values()) - later
    target = _console.console()
    if profile:
        target.print(_profile(result.seconds))
    validation = _console.percent(result.best.validation_accuracy, 2)
    epochs = count_of(len(result.epochs), "epoch")
    source = f" after merging, {epochs}" if result.best.is_merged else f", best of {epochs}"
    if result.majority >= UNBALANCED:
        source += f"; majority class: {_console.percent(result.majority, 2)}"
    target.print()
    target.print(
        _console.facts(
            {
                **_test_accuracy(result),
                "Validation accuracy": f"{validation}{source}",
                "Time": f"{seconds:.0f} s to the saved model",
                "Run": f"{result.name} ({result.run_id or 'not tracked'})",
                "Model": str(result.folder),
                **({"Exports": str(result.exports[0].parent)} if result.exports else {}),
                "Compare runs": "sentiment ui",
            }
        )
    )
    # Not in the table, which breaks long lines.
    for line in _next_steps(result, paths):
        typer.echo(line)


def _test_accuracy(result: "TrainingResult") -> dict[str, str]:
    """Return the line of the summary about the test reviews, if they were read."""
    if result.evaluation is None:
        return {}
    scores = result.evaluation.scores
    accuracy = f"{_console.percent(scores.accuracy, 2)} of {scores.reviews:,} reviews"
    interval = _console.percent_range(scores.accuracy_low, scores.accuracy_high)
    return {"Test accuracy": f"{accuracy} (95 % interval {interval})"}


def _next_steps(result: "TrainingResult", paths: ProjectPaths) -> list[str]:
    """Return the command that uses the model, after the reason if it has to be named."""
    from sentiment.inference import resolve, trained_models

    text = '"An unforgettable film."'
    argument = resolve.model_argument(result.folder, paths)
    if argument is None:
        return [f"\nTry: sentiment predict {text}"]
    model, lines = trained_models.read_model(result.folder), [""]
    if model.is_small:
        lines.append(
            "The bundled model stays the default: this one saw fewer than "
            f"{trained_models.MIN_REVIEWS:,} reviews."
        )
    return [*lines, f"Try: sentiment predict --model {shlex.quote(argument)} {text}"]


def _profile(seconds_of: Mapping[str, float]) -> "Table":
    """Return the time of each part; shares are of the training, from data to saved model."""
    training = sum(seconds_of.get(part, 0.0) for part in _TRAINING)
    columns = {"part": "left", "seconds": "right", "share of training": "right"}
    rows = [
        (part, f"{seconds:.2f}", _console.percent(seconds / training) if part in _TRAINING else "")
        for part, seconds in seconds_of.items()
    ]
    return _console.table("Time of each part", columns, rows)
