"""`sentiment promote`."""

from typing import TYPE_CHECKING, Annotated

import typer

from sentiment.cli._common import ExperimentOption
from sentiment.cli._terminal import say
from sentiment.errors import MissingFileError
from sentiment.utils import paths as folders
from sentiment.utils.paths import Folders

if TYPE_CHECKING:
    from rich.console import Console

    from sentiment.tracking.history import RunRecord

_MEASURES = {
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "log_loss": "log loss",
    "brier": "Brier score",
    "calibration_error": "calibration error",
}


def command(
    run: Annotated[
        str | None, typer.Argument(help="name or id of a run; else the newest that finished")
    ] = None,
    experiment: ExperimentOption = "sentiment",
) -> None:
    """Make a run's model the champion, once it has been shown beside the one before."""
    from sentiment.cli import _console as show
    from sentiment.cli import _runs_view as compared
    from sentiment.evaluation.run_comparison import ACCURACY
    from sentiment.tracking import history, registry

    place = folders.find()
    chosen = history.find(place, experiment, run)
    name = compared.plain(chosen.bare_name)
    before = registry.champion(place)
    if before is not None and before.run_id == chosen.id:
        say(f"{name} is the champion already (version {before.number})", err=False)
        return
    if ACCURACY not in chosen.metrics:
        raise MissingFileError(
            f"the run {name} has no measures of the test reviews",
            remedy=history.evaluate_command(place, chosen),
        )
    version = registry.version(place, chosen.id, chosen.tags.get("model_id"), name=name)
    target = show.console()
    rival = history.get(place, before.run_id) if before else None
    _show_measures(target, chosen, rival)
    if rival is not None:
        _show_pairing(target, place, chosen, rival)
    registry.promote(place, version)
    say(f"champion is now version {version.number} ({name})", err=False)
    typer.echo('Try: sentiment predict --model models:/sentiment@champion "An unforgettable film."')


def _show_measures(target: "Console", chosen: "RunRecord", rival: "RunRecord | None") -> None:
    """Print the measures of the test reviews, the run's own and the champion's."""
    from sentiment.cli import _console as show
    from sentiment.cli import _runs_view as compared

    shown = {"candidate": chosen} | ({"champion so far": rival} if rival else {})
    target.print(show.facts({who: compared.plain(run.bare_name) for who, run in shown.items()}))
    rows = [["accuracy", *(compared.accuracy(run) for run in shown.values())]]
    for measure, name in _MEASURES.items():
        values = [run.metrics.get(f"test/{measure}") for run in shown.values()]
        rows.append([name, *(compared.number(value) for value in values)])
    columns = {"on the test reviews": "left"} | dict.fromkeys(shown, "right")
    target.print(show.table(None, columns, rows))


def _show_pairing(
    target: "Console", place: Folders, chosen: "RunRecord", rival: "RunRecord"
) -> None:
    """Print the paired test of both on the same reviews, or why there is none."""
    from sentiment.cli import _runs_view as compared
    from sentiment.evaluation import run_comparison as compare
    from sentiment.tracking.history import evaluate_command

    said, before = (compare.predictions(place, run) for run in (chosen, rival))
    found = compare.paired(said, before)
    if isinstance(said, str):
        remedy = evaluate_command(place, chosen)
        line = f"No paired test: the candidate is {said}. Try: {remedy}"
    elif isinstance(before, str):
        remedy = evaluate_command(place, rival)
        line = f"No paired test: the champion is {before}. Try: {remedy}"
    elif isinstance(found, str):
        line = "No paired test: the two were not evaluated on the same reviews."
    else:
        difference, interval, p, only_it, only_rival = compared.pair_cells(found)
        line = (
            f"On the same {found.reviews:,} reviews: {difference} points (95 % interval "
            f"{interval}); {only_it} are right by the candidate alone, {only_rival} by the "
            f"champion alone; McNemar's p {p}."
        )
    target.print(compared.plain(line), markup=False)
