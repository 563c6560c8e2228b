"""`sentiment train`."""

from typing import Annotated

import typer

from sentiment import folders, quiet, recipes
from sentiment.cli import show
from sentiment.cli.evaluate import assess
from sentiment.cli.options import takes
from sentiment.progress import Clock
from sentiment.recipes import Recipe


@takes
def command(
    settled: Recipe,
    name: Annotated[str | None, typer.Option(help="of the run and of the model's folder")] = None,
    experiment: Annotated[
        str, typer.Option(envvar="MLFLOW_EXPERIMENT_NAME", help="that the run belongs to")
    ] = "sentiment",
    track: Annotated[bool, typer.Option(help="log the run to MLflow")] = True,
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
            experiment=experiment, name=name, track=track, watcher=watcher, clock=clock,
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
        columns = {"part": "left", "seconds": "right"}
        rows = [(part, f"{seconds:.1f}") for part, seconds in clock.parts.items()]
        target.print(show.table("Where the seconds went", columns, rows))
    target.print()
    target.print(show.facts(summary))
