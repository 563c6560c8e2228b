"""`sentiment train`."""

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment.cli import _console, _workers
from sentiment.cli._options import (
    ExperimentOption,
    option_names,
    refuse_ignored,
    refuse_ignored_rows,
    settings_options,
    typed_parameters,
)
from sentiment.cli.evaluate import UNBALANCED, evaluate_and_save
from sentiment.config import PrepareSettings, SnapshotSchedule
from sentiment.errors import InputError
from sentiment.inference.trained_models import BUNDLED
from sentiment.recipe import Recipe, to_toml
from sentiment.training import run_name, tf_config
from sentiment.training.job import TrainingJob
from sentiment.utils import environment
from sentiment.utils.paths import ProjectPaths, find_project
from sentiment.utils.progress import Progress, Stopwatch
from sentiment.utils.text import count_of

if TYPE_CHECKING:
    from rich.table import Table

    from sentiment.data.prepared import PreparedDataset
    from sentiment.training.checkpoint import Checkpoint
    from sentiment.training.train import TrainingResult

# The parts of a training, from reading the data to the saved model.
_TRAINING = (
    *("data", "teacher", "building", "compiling", "epochs", "validation", "checkpoint"),
    *("merging", "saving", "tracking", "snapshots", "report"),
)
# The parameters allowed with --resume.
_WITH_RESUME = {"resume", "profile", "evaluate", "workers", "master"}


_NameOption = Annotated[str | None, typer.Option(help="name of the run and its model folder")]
_TrackOption = Annotated[bool, typer.Option(help="log the run to MLflow")]
_SnapshotsOption = Annotated[
    str,
    typer.Option(
        metavar="WHEN",
        help="when to log hidden states: off, epoch, or batch:N for every N batches",
    ),
]
_WorkersOption = Annotated[
    int, typer.Option(metavar="N", min=1, max=64, help="processes that share each batch")
]
_MasterOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Spark master of a cluster that runs the workers"),
]
_ProfileOption = Annotated[
    bool, typer.Option("--profile", help="print the time of each part of the training")
]
_EvaluateOption = Annotated[bool, typer.Option(help="measure the model on the test reviews")]
_ResumeOption = Annotated[
    str | None,
    typer.Option(
        metavar="RUN|last",
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
    workers: _WorkersOption = 1,
    master: _MasterOption = None,
    profile: _ProfileOption = False,
    evaluate: _EvaluateOption = True,
    resume: _ResumeOption = None,
    show_only: _ShowOnlyOption = False,
) -> None:
    """Train a classifier; prepare the reviews first if necessary."""
    _check_options(ctx, resume, snapshots)
    if show_only:
        typer.echo(to_toml(recipe), nl=False)
        return
    refuse_ignored_rows(ctx, recipe.prepare)
    if _workers.should_start(workers, master):
        _workers.run(workers, master)
        return
    worker, paths, stopwatch = tf_config.current_worker(), find_project().held(), Stopwatch()
    if name is not None and worker.is_chief:
        _check_name(paths, name)  # before minutes of preparing
    with _console.show_progress() as progress:
        checkpoint = _find_checkpoint(paths, resume, progress) if resume is not None else None
        if checkpoint:
            track = TrainingJob.from_checkpoint(checkpoint).track
        data = _prepare(recipe.prepare, checkpoint, paths, progress, stopwatch)
        progress.note("importing TensorFlow" + (" and MLflow" if track else ""))
        with stopwatch.measure("imports"), environment.suppress_stderr():
            from sentiment.training import train
        if checkpoint:
            result = train.resume(data, checkpoint, paths, progress=progress, stopwatch=stopwatch)
        else:
            result = train.train(
                data, recipe.model, recipe.train, paths,
                recipe=recipe.name, experiment=experiment, name=name, track=track,
                snapshots=snapshots, progress=progress, stopwatch=stopwatch,
            )  # fmt: skip
    if worker.is_chief:
        _show(result, paths, stopwatch, track=track, evaluate=evaluate, profile=profile)


def _check_options(ctx: typer.Context, resume: str | None, snapshots: str) -> None:
    if resume is not None and (others := typed_parameters(ctx) - _WITH_RESUME):
        names = option_names(ctx, others)
        raise typer.BadParameter(f"--resume uses the run's own settings: leave out {names}")
    try:
        SnapshotSchedule.parse(snapshots)
    except InputError as error:
        raise typer.BadParameter(error.fact, param_hint="--snapshots") from error
    if not ctx.params["track"]:
        ignored = ("experiment",) if snapshots == "off" else ("experiment", "snapshots")
        refuse_ignored(ctx, ignored, "of no use with --no-track")


def _check_name(paths: ProjectPaths, name: str) -> None:
    """Raise InputError if the model could not be called by `name`, or it is taken."""
    if name == BUNDLED:
        raise InputError(f"{name} is the name of the bundled model", hint="choose another --name")
    run_name.check_run_name(paths, name)


def _find_checkpoint(paths: ProjectPaths, run: str, progress: Progress) -> "Checkpoint":
    """Return the newest undamaged checkpoint of a run."""
    from sentiment.training import checkpoint

    model = paths.models / run
    if (model / "bundle.json").is_file() and not checkpoint.exists(paths.checkpoints / run):
        raise InputError(
            f"{run} has nothing left to train: its model is in {model}",
            hint=f"sentiment evaluate --model {shlex.quote(str(model))}",
        )
    return checkpoint.newest(checkpoint.find(paths.checkpoints, run), progress.note)


def _prepare(
    settings: PrepareSettings,
    checkpoint: "Checkpoint | None",
    paths: ProjectPaths,
    progress: Progress,
    stopwatch: Stopwatch,
) -> "PreparedDataset":
    """Return the reviews of a checkpoint, or those of `settings`, prepared if necessary."""
    from sentiment.data import stored
    from sentiment.data.prepare import prepare
    from sentiment.data.trainable import check_dataset

    with stopwatch.measure("preparing"):
        if checkpoint:
            # By its folder: the settings record only the digest of a user's file, not its path.
            job = TrainingJob.from_checkpoint(checkpoint)
            folder = paths.prepared / job.folder
            data, is_new = stored.open_exactly(folder, job.prepare), False
        else:
            data, is_new = prepare(settings, paths, progress=progress)
            check_dataset(data)
    progress.note(f"{'prepared' if is_new else 'using'} {data.folder}")
    for line in data.describe():
        progress.note(line)
    return data


def _evaluate(
    result: "TrainingResult", paths: ProjectPaths, stopwatch: Stopwatch, *, track: bool
) -> dict[str, str]:
    """Measure the model on the test reviews; return the line of the summary."""
    from sentiment.evaluation.evaluate import load_test_split
    from sentiment.inference import bundle

    paths.check_place(f"sentiment evaluate --model {shlex.quote(result.name)}")
    model = bundle.read(result.folder)
    with stopwatch.measure("evaluation"):
        texts = load_test_split(model, paths)
        scores = evaluate_and_save(model, texts, worst=20, track=track).scores
    accuracy = f"{_console.percent(scores.accuracy, 2)} of {scores.reviews:,} reviews"
    interval = _console.percent_range(scores.accuracy_low, scores.accuracy_high)
    return {"Test accuracy": f"{accuracy} (95 % interval {interval})"}


def _show(
    result: "TrainingResult",
    paths: ProjectPaths,
    stopwatch: Stopwatch,
    *,
    track: bool,
    evaluate: bool,
    profile: bool,
) -> None:
    """Measure the model if wanted; print the summary and the commands to try next."""
    seconds = sum(stopwatch.seconds.values())  # before the evaluation, which takes some too
    accuracy = _evaluate(result, paths, stopwatch, track=track) if evaluate else {}
    target = _console.console()
    if profile:
        target.print(_profile(stopwatch))
    validation = _console.percent(result.best.validation_accuracy, 2)
    epochs = count_of(len(result.epochs), "epoch")
    source = f" after merging, {epochs}" if result.best.is_merged else f", best of {epochs}"
    if result.majority >= UNBALANCED:
        source += f"; majority class: {_console.percent(result.majority, 2)}"
    target.print()
    target.print(
        _console.facts(
            {
                **accuracy,
                "Validation accuracy": f"{validation}{source}",
                "Time": f"{seconds:.0f} s to the saved model",
                "Run": f"{result.name} ({result.run_id or 'not tracked'})",
                "Model": str(result.folder),
                "Compare runs": "sentiment ui",
            }
        )
    )
    # Not in the table, which breaks long lines.
    for line in _next_steps(result, paths):
        typer.echo(line)


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
            "The bundled model stays the default: this one learnt from the sample or from fewer "
            f"than {trained_models.MIN_REVIEWS:,} reviews."
        )
    return [*lines, f"Try: sentiment predict --model {shlex.quote(argument)} {text}"]


def _profile(stopwatch: Stopwatch) -> "Table":
    """Return the time of each part; shares are of the training, from data to saved model."""
    training = sum(stopwatch.seconds.get(part, 0.0) for part in _TRAINING)
    columns = {"part": "left", "seconds": "right", "share of training": "right"}
    rows = [
        (part, f"{seconds:.2f}", _console.percent(seconds / training) if part in _TRAINING else "")
        for part, seconds in stopwatch.seconds.items()
    ]
    return _console.table("Time of each part", columns, rows)
