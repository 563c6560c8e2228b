"""`sentiment promote`."""

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment.cli import _console
from sentiment.cli._completion import complete_run
from sentiment.cli._options import ExperimentOption
from sentiment.cli._terminal import print_message
from sentiment.errors import InputError, MissingFileError
from sentiment.tracking import tags
from sentiment.utils.paths import ProjectPaths, find_project

if TYPE_CHECKING:
    from rich.console import Console

    from sentiment.evaluation.run_comparison import NoPairedTest, PairedTest
    from sentiment.tracking.history import RunRecord

SIGNIFICANT = 0.05  # McNemar p-values below it count as a difference
_METRICS = {
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "log_loss": "log loss",
    "brier": "Brier score",
    "calibration_error": "calibration error",
}


EXAMPLES = {
    "sentiment promote": "promote the newest finished run, if it is better",
    "sentiment promote my-run": "promote a run by its name",
    'sentiment predict -m models:/sentiment@champion "A film."': "predict with the champion",
}


def command(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            autocompletion=complete_run,
            help="name or id of a run; default: the newest finished run",
        ),
    ] = None,
    experiment: ExperimentOption = "sentiment",
    force: Annotated[
        bool,
        typer.Option("--force", help="promote the run even if it is worse, or can't be compared"),
    ] = False,
) -> None:
    """Make the model of a run champion, unless the champion is better."""
    from sentiment.evaluation import comparison_tables
    from sentiment.evaluation.run_comparison import ACCURACY
    from sentiment.tracking import history, registry
    from sentiment.tracking.store import EXPERIMENT

    paths = find_project()
    candidate = history.find_run(paths, experiment, run)
    name = comparison_tables.one_line(candidate.bare_name)
    champion = registry.get_champion(paths)
    if champion is not None and champion.run_id == candidate.id:
        print_message(f"{name} is already the champion (version {champion.number})", err=False)
        return
    if ACCURACY not in candidate.metrics:
        raise MissingFileError(
            f"the run {name} was not evaluated on the test reviews",
            hint=history.evaluate_command(paths, candidate),
        )
    target = _console.console()
    champion_run = history.get_run(paths, champion.run_id) if champion else None
    _show_metrics(target, candidate, champion_run)
    if champion_run is not None:
        result = _show_paired_test(target, paths, candidate, champion_run)
        if not force and (doubt := _doubt(result, candidate, champion_run)):
            # Two runs may have one name, and a name may hold anything: the id is always right.
            words = f"sentiment promote {candidate.id[:8]} --force"
            if experiment != EXPERIMENT:
                words += f" --experiment {shlex.quote(experiment)}"
            raise InputError(f"{name} {doubt}", hint=comparison_tables.one_line(words))
    version = registry.get_or_register_version(
        paths, candidate.id, candidate.tags.get(tags.BEST_MODEL), name=name
    )
    registry.promote(paths, version)
    print_message(f"version {version.number} ({name}) is now the champion", err=False)
    typer.echo('Try: sentiment predict --model models:/sentiment@champion "An unforgettable film."')


def _show_metrics(target: "Console", candidate: "RunRecord", champion: "RunRecord | None") -> None:
    """Print the test metrics of the candidate beside those of the champion."""
    from sentiment.evaluation import comparison_tables

    runs = {"candidate": candidate} | ({"champion": champion} if champion else {})
    names = {role: comparison_tables.one_line(run.bare_name) for role, run in runs.items()}
    target.print(_console.facts(names))
    rows = [["accuracy", *(comparison_tables.accuracy(run) for run in runs.values())]]
    for metric, name in _METRICS.items():
        values = [run.metrics.get(f"test/{metric}") for run in runs.values()]
        rows.append([name, *(comparison_tables.number(value) for value in values)])
    columns = {"test metric": "left"} | dict.fromkeys(runs, "right")
    target.print(_console.table(None, columns, rows))


def _show_paired_test(
    target: "Console", paths: ProjectPaths, candidate: "RunRecord", champion: "RunRecord"
) -> "PairedTest | NoPairedTest":
    """Print the paired test of both on the same reviews, or why there is none; return it."""
    from sentiment.evaluation import comparison_tables
    from sentiment.evaluation.run_comparison import (
        NoPairedTest,
        NoPredictions,
        compare_predictions,
        load_predictions,
    )
    from sentiment.tracking.history import evaluate_command

    own, other = (load_predictions(paths, run) for run in (candidate, champion))
    result = compare_predictions(own, other)
    if isinstance(own, NoPredictions):
        hint = evaluate_command(paths, candidate)
        line = f"No paired test: the candidate is {own}. Try: {hint}"
    elif isinstance(other, NoPredictions):
        hint = evaluate_command(paths, champion)
        line = f"No paired test: the champion is {other}. Try: {hint}"
    elif isinstance(result, NoPairedTest):
        line = "No paired test: the two runs were not evaluated on the same reviews."
    else:
        cells = comparison_tables.pair_cells(result)
        difference, interval, p, only_candidate, only_champion = cells
        line = (
            f"On the same {result.reviews:,} reviews the candidate's accuracy differs by "
            f"{difference} points (95 % interval {interval}, McNemar p-value {p}): "
            f"{only_candidate} reviews are correct only with the candidate, {only_champion} only "
            "with the champion."
        )
    target.print(comparison_tables.one_line(line), markup=False)
    return result


def _doubt(
    result: "PairedTest | NoPairedTest", candidate: "RunRecord", champion: "RunRecord"
) -> str | None:
    """Return why the candidate may be worse than the champion, as words after its name, or None."""
    from sentiment.evaluation.run_comparison import PairedTest

    if isinstance(result, PairedTest):
        worse = result.difference < 0 and result.p < SIGNIFICANT
        return "is significantly worse than the champion on the same reviews" if worse else None
    if result.of_reference:
        own, other = candidate.reviews.get("test"), champion.reviews.get("test")
        if own and other and own != other:
            return "was evaluated on other reviews than the champion"
        return None  # what can't be compared with any candidate would stay the champion forever
    return "can't be compared with the champion on the same reviews"
