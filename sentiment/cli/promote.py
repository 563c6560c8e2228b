"""`sentiment promote`."""

from typing import TYPE_CHECKING, Annotated

import typer

from sentiment.cli._common import ExperimentOption
from sentiment.cli._terminal import say
from sentiment.errors import MissingFileError
from sentiment.utils.paths import ProjectPaths, find_project

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
    from sentiment.cli import _console, _runs_view
    from sentiment.evaluation.run_comparison import ACCURACY
    from sentiment.tracking import history, registry

    place = find_project()
    chosen = history.find_run(place, experiment, run)
    name = _runs_view.plain(chosen.bare_name)
    before = registry.get_champion(place)
    if before is not None and before.run_id == chosen.id:
        say(f"{name} is the champion already (version {before.number})", err=False)
        return
    if ACCURACY not in chosen.metrics:
        raise MissingFileError(
            f"the run {name} has no measures of the test reviews",
            hint=history.evaluate_command(place, chosen),
        )
    version = registry.get_or_register_version(
        place, chosen.id, chosen.tags.get("model_id"), name=name
    )
    target = _console.console()
    rival = history.get_run(place, before.run_id) if before else None
    _show_measures(target, chosen, rival)
    if rival is not None:
        _show_pairing(target, place, chosen, rival)
    registry.promote(place, version)
    say(f"champion is now version {version.number} ({name})", err=False)
    typer.echo('Try: sentiment predict --model models:/sentiment@champion "An unforgettable film."')


def _show_measures(target: "Console", chosen: "RunRecord", rival: "RunRecord | None") -> None:
    """Print the measures of the test reviews, the run's own and the champion's."""
    from sentiment.cli import _console, _runs_view

    shown = {"candidate": chosen} | ({"champion so far": rival} if rival else {})
    target.print(
        _console.facts({who: _runs_view.plain(run.bare_name) for who, run in shown.items()})
    )
    rows = [["accuracy", *(_runs_view.accuracy(run) for run in shown.values())]]
    for measure, name in _MEASURES.items():
        values = [run.metrics.get(f"test/{measure}") for run in shown.values()]
        rows.append([name, *(_runs_view.number(value) for value in values)])
    columns = {"on the test reviews": "left"} | dict.fromkeys(shown, "right")
    target.print(_console.table(None, columns, rows))


def _show_pairing(
    target: "Console", place: ProjectPaths, chosen: "RunRecord", rival: "RunRecord"
) -> None:
    """Print the paired test of both on the same reviews, or why there is none."""
    from sentiment.cli import _runs_view
    from sentiment.evaluation import run_comparison
    from sentiment.tracking.history import evaluate_command

    said, before = (run_comparison.load_predictions(place, run) for run in (chosen, rival))
    found = run_comparison.compare_predictions(said, before)
    if isinstance(said, str):
        hint = evaluate_command(place, chosen)
        line = f"No paired test: the candidate is {said}. Try: {hint}"
    elif isinstance(before, str):
        hint = evaluate_command(place, rival)
        line = f"No paired test: the champion is {before}. Try: {hint}"
    elif isinstance(found, str):
        line = "No paired test: the two were not evaluated on the same reviews."
    else:
        difference, interval, p, only_it, only_rival = _runs_view.pair_cells(found)
        line = (
            f"On the same {found.reviews:,} reviews: {difference} points (95 % interval "
            f"{interval}); {only_it} are right by the candidate alone, {only_rival} by the "
            f"champion alone; McNemar's p {p}."
        )
    target.print(_runs_view.plain(line), markup=False)
