"""`sentiment train`."""

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment import recipe
from sentiment.cli import _console, _workers
from sentiment.cli._common import ExperimentOption
from sentiment.cli._options import option_names, settings_options, typed_parameters
from sentiment.cli.evaluate import assess
from sentiment.config import PrepareSettings, SnapshotSchedule
from sentiment.errors import InputError
from sentiment.recipe import Recipe
from sentiment.training import run_name, tf_config
from sentiment.training.job import TrainingJob
from sentiment.utils import environment
from sentiment.utils.paths import ProjectPaths, find_project
from sentiment.utils.progress import Progress, Stopwatch

if TYPE_CHECKING:
    from rich.table import Table

    from sentiment.data.prepared import PreparedDataset
    from sentiment.training.checkpoint import Checkpoint
    from sentiment.training.train import TrainingResult

# The parts of the work that training consists of, from reading the data to the saved model.
_TRAINING = (
    *("data", "building", "compiling", "epochs", "validation", "checkpoint", "saving"),
    *("tracking", "snapshots", "report"),
)
# All that may be typed beside --resume.
_WITH_RESUME = {"resume", "profile", "evaluate", "workers", "master"}


@settings_options
def command(
    settled: Recipe,
    ctx: typer.Context,
    name: Annotated[str | None, typer.Option(help="of the run and of the model's folder")] = None,
    experiment: ExperimentOption = "sentiment",
    track: Annotated[bool, typer.Option(help="log the run to MLflow")] = True,
    snapshots: Annotated[
        str, typer.Option(metavar="off|epoch|batch:N", help="how often hidden states are logged")
    ] = "epoch",
    workers: Annotated[
        int,
        typer.Option(
            min=1, max=64, help="processes on this machine that share each batch, to try it out"
        ),
    ] = 1,
    master: Annotated[
        str | None,
        typer.Option(metavar="URL", help="a Spark cluster that the --workers run on instead"),
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="print where the seconds went")
    ] = False,
    evaluate: Annotated[bool, typer.Option(help="measure the model on the test reviews")] = True,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN|last",
            help="go on with an interrupted training from its last finished epoch, in its run and "
            "with its settings; `last` is the newest",
        ),
    ] = None,
    show_only: Annotated[
        bool, typer.Option("--show", help="print the settled settings as a recipe, and end")
    ] = False,
) -> None:
    """Train a classifier on its final hidden state, preparing the reviews first where needed."""
    _check_usage(ctx, resume, snapshots)
    if show_only:
        typer.echo(recipe.to_toml(settled), nl=False)
        return
    if _workers.wanted(workers, master):
        _workers.run(workers, master)
        return
    mine = tf_config.current_worker()
    place, stopwatch = find_project(), Stopwatch()
    if name is not None and mine.is_chief:
        run_name.check_run_name(place, name)  # before minutes of preparing
    with _console.show_progress() as progress:
        found = _checkpoint(place, resume, progress) if resume is not None else None
        if found:
            track = TrainingJob.from_checkpoint(found).track
        data = _data(settled.prepare, found, place, progress, stopwatch)
        progress.note("importing TensorFlow" + (" and MLflow" if track else ""))
        with stopwatch.measure("imports"), environment.suppress_stderr():
            from sentiment.training import train
        if found:
            trained = train.resume(data, found, place, progress=progress, stopwatch=stopwatch)
        else:
            trained = train.train(
                data, settled.model, settled.train, place,
                recipe=settled.name, experiment=experiment, name=name, track=track,
                snapshots=snapshots, progress=progress, stopwatch=stopwatch,
            )  # fmt: skip
    if mine.is_chief:
        _show(trained, place, stopwatch, track=track, evaluate=evaluate, profile=profile)


def _check_usage(ctx: typer.Context, resume: str | None, snapshots: str) -> None:
    if resume is not None and (others := typed_parameters(ctx) - _WITH_RESUME):
        names = option_names(ctx, others)
        raise typer.BadParameter(f"--resume goes on with the run's own settings, without {names}")
    try:
        SnapshotSchedule.parse(snapshots)
    except InputError as error:
        raise typer.BadParameter(error.fact, param_hint="--snapshots") from error


def _show(
    trained: "TrainingResult",
    place: ProjectPaths,
    stopwatch: Stopwatch,
    *,
    track: bool,
    evaluate: bool,
    profile: bool,
) -> None:
    """Measure the model on the test reviews, where that is wanted, and show what has come of it."""
    summary = {
        "Validation accuracy": f"{_console.percent(trained.best.validation_accuracy, 2)}, "
        f"best of {len(trained.epochs)} epochs",
        "Time": f"{sum(stopwatch.seconds.values()):.0f} s to the saved model",
        "Run": f"{trained.name} ({trained.run_id or 'not tracked'})",
        "Model": str(trained.folder),
        "Compare runs": "sentiment ui",
        "Classify text": 'sentiment predict "An unforgettable film."',
    }
    if evaluate:
        from sentiment.evaluation.evaluate import load_test_split
        from sentiment.inference import bundle

        opened = bundle.read(trained.folder)
        with stopwatch.measure("evaluation"):
            scores = assess(opened, load_test_split(opened, place), worst=20, track=track).scores
        interval = f"{100 * scores.accuracy_low:.2f}–{_console.percent(scores.accuracy_high, 2)}"
        measured = f"{_console.percent(scores.accuracy, 2)} of {scores.reviews:,} reviews"
        summary = {"Test accuracy": f"{measured} (95 % interval {interval})", **summary}
    target = _console.console()
    if profile:
        target.print(_profile(stopwatch))
    target.print()
    target.print(_console.facts(summary))


def _checkpoint(place: ProjectPaths, named: str, progress: Progress) -> "Checkpoint":
    """Return the newest checkpoint that is whole of the run `named` so."""
    from sentiment.training import checkpoint

    if (place.models / named / "bundle.json").is_file() and not checkpoint.exists(
        place.checkpoints / named
    ):
        raise InputError(
            f"{named} has nothing left to train: its model is in {place.models / named}",
            hint=f"sentiment evaluate --model {shlex.quote(str(place.models / named))}",
        )
    return checkpoint.newest(checkpoint.find(place.checkpoints, named), progress.note)


def _data(
    settings: PrepareSettings,
    found: "Checkpoint | None",
    place: ProjectPaths,
    progress: Progress,
    stopwatch: Stopwatch,
) -> "PreparedDataset":
    """Return the reviews of `settings`, prepared where they aren't, or those of a checkpoint."""
    from sentiment.data import prepared
    from sentiment.data.prepare import prepare

    with stopwatch.measure("preparing"):
        if found:
            # By its folder: of a file of one's own the settings tell the digest, not the path.
            folder = place.prepared / TrainingJob.from_checkpoint(found).folder
            data, new = prepared.open_dataset(folder), False
        else:
            data, new = prepare(settings, place, progress=progress)
    progress.note(f"{'prepared' if new else 'using'} {data.folder}")
    return data


def _profile(stopwatch: Stopwatch) -> "Table":
    """Return where the seconds went; the shares are of training from data to saved model."""
    training = sum(stopwatch.seconds.get(part, 0.0) for part in _TRAINING)
    columns = {"part": "left", "seconds": "right", "share of training": "right"}
    rows = [
        (part, f"{seconds:.2f}", _console.percent(seconds / training) if part in _TRAINING else "")
        for part, seconds in stopwatch.seconds.items()
    ]
    return _console.table("Where the seconds went", columns, rows)
