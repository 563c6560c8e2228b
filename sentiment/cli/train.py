"""`sentiment train`."""

from typing import TYPE_CHECKING, Annotated

import typer

from sentiment import folders, quiet, recipes
from sentiment.cli import show
from sentiment.cli.common import ExperimentOption
from sentiment.cli.evaluate import assess
from sentiment.cli.options import takes
from sentiment.progress import Clock
from sentiment.recipes import Recipe

if TYPE_CHECKING:
    from rich.table import Table

# The parts of the work that training consists of, from reading the data to the saved model.
_TRAINING = (
    *("data", "building", "compiling", "epochs", "validation", "saving"),
    *("tracking", "snapshots", "report"),
)


@takes
def command(
    settled: Recipe,
    name: Annotated[str | None, typer.Option(help="of the run and of the model's folder")] = None,
    experiment: ExperimentOption = "sentiment",
    track: Annotated[bool, typer.Option(help="log the run to MLflow")] = True,
    snapshots: Annotated[
        str, typer.Option(metavar="off|epoch|batch:N", help="how often hidden states are logged")
    ] = "epoch",
    profile: Annotated[
        bool, typer.Option("--profile", help="print where the seconds went")
    ] = False,
    evaluate: Annotated[bool, typer.Option(help="measure the model on the test reviews")] = True,
    show_only: Annotated[
        bool, typer.Option("--show", help="print the settled settings as a recipe, and end")
    ] = False,
) -> None:
    """Train a classifier on its final hidden state, preparing the reviews first where needed."""
    if show_only:
        typer.echo(recipes.as_text(settled), nl=False)
        return
    from sentiment.prepare import prepare

    place, clock = folders.find(), Clock()
    with show.watching() as watcher:
        with clock.part("preparing"):
            data, new = prepare(settled.prepare, place, watcher=watcher)
        watcher.note(f"{'prepared' if new else 'using'} {data.folder}")
        watcher.note("importing TensorFlow" + (" and MLflow" if track else ""))
        with clock.part("imports"), quiet.hushed():
            from sentiment.train import train

        trained = train(
            data, settled.model, settled.train, place,
            recipe=settled.name, experiment=experiment, name=name, track=track,
            snapshots=snapshots, watcher=watcher, clock=clock,
        )  # fmt: skip
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
        from sentiment import bundle
        from sentiment.evaluate import test_split

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


def _profile(clock: Clock) -> "Table":
    """Return where the seconds went; the shares are of training from data to saved model."""
    training = sum(clock.parts.get(part, 0.0) for part in _TRAINING)
    columns = {"part": "left", "seconds": "right", "share of training": "right"}
    rows = [
        (part, f"{seconds:.2f}", show.percent(seconds / training) if part in _TRAINING else "")
        for part, seconds in clock.parts.items()
    ]
    return show.table("Where the seconds went", columns, rows)
