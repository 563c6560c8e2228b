"""`sentiment train`."""

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment import recipe as recipes
from sentiment.cli import _console as show
from sentiment.cli import _workers as launch
from sentiment.cli._common import ExperimentOption
from sentiment.cli._options import as_typed, takes, typed
from sentiment.cli.evaluate import assess
from sentiment.config import Cadence, PrepareSettings
from sentiment.errors import InputError
from sentiment.recipe import Recipe
from sentiment.training import run_name as naming
from sentiment.training import tf_config as task
from sentiment.utils import environment as quiet
from sentiment.utils import paths as folders
from sentiment.utils.paths import Folders
from sentiment.utils.progress import Clock, Watcher

if TYPE_CHECKING:
    from rich.table import Table

    from sentiment.data.prepared import PreparedSet
    from sentiment.training.checkpoint import Checkpoint
    from sentiment.training.train import Trained

# The parts of the work that training consists of, from reading the data to the saved model.
_TRAINING = (
    *("data", "building", "compiling", "epochs", "validation", "checkpoint", "saving"),
    *("tracking", "snapshots", "report"),
)
# All that may be typed beside --resume.
_WITH_RESUME = {"resume", "profile", "evaluate", "workers", "master"}


@takes
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
        typer.echo(recipes.as_text(settled), nl=False)
        return
    if launch.wanted(workers, master):
        launch.run(workers, master)
        return
    mine = task.of_environment()
    place, clock = folders.find(), Clock()
    if name is not None and mine.is_chief:
        naming.check(place, name)  # before minutes of preparing
    with show.watching() as watcher:
        found = _checkpoint(place, resume, watcher) if resume is not None else None
        if found:
            track = found.state["job"]["track"]
        data = _data(settled.prepare, found, place, watcher, clock)
        watcher.note("importing TensorFlow" + (" and MLflow" if track else ""))
        with clock.part("imports"), quiet.hushed():
            from sentiment.training import train as stage
        if found:
            trained = stage.resume(data, found, place, watcher=watcher, clock=clock)
        else:
            trained = stage.train(
                data, settled.model, settled.train, place,
                recipe=settled.name, experiment=experiment, name=name, track=track,
                snapshots=snapshots, watcher=watcher, clock=clock,
            )  # fmt: skip
    if mine.is_chief:
        _show(trained, place, clock, track=track, evaluate=evaluate, profile=profile)


def _check_usage(ctx: typer.Context, resume: str | None, snapshots: str) -> None:
    if resume is not None and (others := typed(ctx) - _WITH_RESUME):
        names = as_typed(ctx, others)
        raise typer.BadParameter(f"--resume goes on with the run's own settings, without {names}")
    try:
        Cadence.parse(snapshots)
    except InputError as error:
        raise typer.BadParameter(error.fact, param_hint="--snapshots") from error


def _show(
    trained: "Trained", place: Folders, clock: Clock, *, track: bool, evaluate: bool, profile: bool
) -> None:
    """Measure the model on the test reviews, where that is wanted, and show what has come of it."""
    summary = {
        "Validation accuracy": f"{show.percent(trained.best.validation_accuracy, 2)}, "
        f"best of {len(trained.epochs)} epochs",
        "Time": f"{sum(clock.parts.values()):.0f} s to the saved model",
        "Run": f"{trained.name} ({trained.run_id or 'not tracked'})",
        "Model": str(trained.folder),
        "Compare runs": "sentiment ui",
        "Classify text": 'sentiment predict "An unforgettable film."',
    }
    if evaluate:
        from sentiment.evaluation.evaluate import test_split
        from sentiment.inference import bundle

        opened = bundle.read(trained.folder)
        with clock.part("evaluation"):
            scores = assess(opened, test_split(opened, place), worst=20, track=track).scores
        interval = f"{100 * scores.accuracy_low:.2f}–{show.percent(scores.accuracy_high, 2)}"
        measured = f"{show.percent(scores.accuracy, 2)} of {scores.reviews:,} reviews"
        summary = {"Test accuracy": f"{measured} (95 % interval {interval})", **summary}
    target = show.console()
    if profile:
        target.print(_profile(clock))
    target.print()
    target.print(show.facts(summary))


def _checkpoint(place: Folders, named: str, watcher: Watcher) -> "Checkpoint":
    """Return the newest checkpoint that is whole of the run `named` so."""
    from sentiment.training import checkpoint

    if (place.models / named / "bundle.json").is_file() and not checkpoint.exists(
        place.checkpoints / named
    ):
        raise InputError(
            f"{named} has nothing left to train: its model is in {place.models / named}",
            remedy=f"sentiment evaluate --model {shlex.quote(str(place.models / named))}",
        )
    return checkpoint.newest(checkpoint.find(place.checkpoints, named), watcher.note)


def _data(
    settings: PrepareSettings,
    found: "Checkpoint | None",
    place: Folders,
    watcher: Watcher,
    clock: Clock,
) -> "PreparedSet":
    """Return the reviews of `settings`, prepared where they aren't, or those of a checkpoint."""
    from sentiment.data import prepared
    from sentiment.data.prepare import prepare

    with clock.part("preparing"):
        if found:
            # By its folder: of a file of one's own the settings tell the digest, not the path.
            folder = place.prepared / found.state["job"]["record"]["data"]["folder"]
            data, new = prepared.open_set(folder), False
        else:
            data, new = prepare(settings, place, watcher=watcher)
    watcher.note(f"{'prepared' if new else 'using'} {data.folder}")
    return data


def _profile(clock: Clock) -> "Table":
    """Return where the seconds went; the shares are of training from data to saved model."""
    training = sum(clock.parts.get(part, 0.0) for part in _TRAINING)
    columns = {"part": "left", "seconds": "right", "share of training": "right"}
    rows = [
        (part, f"{seconds:.2f}", show.percent(seconds / training) if part in _TRAINING else "")
        for part, seconds in clock.parts.items()
    ]
    return show.table("Where the seconds went", columns, rows)
