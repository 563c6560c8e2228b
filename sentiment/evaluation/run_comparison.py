"""Compare runs: their settings, their curves and their predictions on the same reviews."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sentiment.errors import DamagedFileError, InputError
from sentiment.evaluation.metrics import mcnemar, paired_difference
from sentiment.evaluation.run_query import Query, format_value, select_runs
from sentiment.tracking import history
from sentiment.tracking.history import Predictions, RunRecord
from sentiment.tracking.metric_names import TEST_ACCURACY, VALIDATION_LOSS
from sentiment.utils.notebook import draw_sheets
from sentiment.utils.paths import ProjectPaths

LOSS, ACCURACY = VALIDATION_LOSS, TEST_ACCURACY
Curve = list[tuple[int, float]]


class NoPredictions(StrEnum):
    """Why a run has no predictions of the test reviews, as words that follow "the run is"."""

    NOT_EVALUATED = "not evaluated"
    NOT_STORED = "without predictions"
    DAMAGED = "with damaged predictions"


@dataclass(frozen=True)
class NoPairedTest:
    """Why two runs have no paired test.

    cause: one run has no predictions, the reference if `of_reference`; None if the two runs were
    evaluated on different reviews.
    """

    cause: NoPredictions | None = None
    of_reference: bool = False

    def __str__(self) -> str:
        if self.cause is None:
            return "on other reviews"
        return f"reference {self.cause}" if self.of_reference else str(self.cause)


@dataclass(frozen=True)
class PairedTest:
    """Two models on the same reviews, the first compared with the second.

    only_first, only_second: reviews that only one of them predicts correctly; difference: of their
    accuracies, with low and high its 95 % interval, all fractions; p: of McNemar's exact test.
    """

    reviews: int
    only_first: int
    only_second: int
    difference: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Comparison:
    """Runs and how they differ.

    matching: the number of runs that meet all conditions, before the limit; losses: of validation,
    by run id; reference: the run that the others are compared with, None if no run was evaluated;
    pairings: the paired test of each other run with the reference, or why there is none, by run id.
    """

    runs: list[RunRecord]
    matching: int
    losses: dict[str, Curve]
    reference: RunRecord | None
    pairings: dict[str, PairedTest | NoPairedTest]

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(run.bare_name for run in self.runs)}>"

    def _repr_html_(self) -> str:
        from sentiment.evaluation import comparison_tables as tables  # which imports this module

        return draw_sheets(
            tables.runs_sheet(self), tables.settings_sheet(self), tables.pairs_sheet(self)
        )


def compare_runs(paths: ProjectPaths, experiment: str, query: Query) -> Comparison:
    """Return a comparison of the runs of an experiment that match a query.

    Raises MissingFileError if the experiment has no runs, and InputError if no run meets all
    conditions or for a name that no run has.
    """
    candidates = history.list_runs(paths, experiment)
    if query.named:
        named = [history.match_run(candidates, name) for name in query.named]
        candidates = list({run.id: run for run in named}.values())
    matching = select_runs(candidates, query)
    if not matching:
        filters = (f"{one.name}{one.comparator}{one.value}" for one in query.conditions)
        raise InputError(f"no run matches {' and '.join(filters)}", hint="sentiment compare")
    runs = matching[: query.limit]
    losses = {run.id: history.metric_curve(paths, run, LOSS) for run in runs}
    predictions = {run.id: load_predictions(paths, run) for run in runs}
    reference = _reference(runs, predictions, candidates[0] if query.named else None)
    pairings = {
        run.id: compare_predictions(predictions[run.id], predictions[reference.id])
        for run in runs
        if reference is not None and run is not reference
    }
    return Comparison(runs, len(matching), losses, reference, pairings)


def differing_settings(runs: list[RunRecord]) -> dict[str, list[str]]:
    """Return the settings that are not the same in all runs: a readable value for each run."""
    names = dict.fromkeys(name for run in runs for name in run.parameters)
    rows = {name: [format_value(run.parameters.get(name)) for run in runs] for name in names}
    return {name: row for name, row in rows.items() if len(set(row)) > 1}


def compare_predictions(
    first: Predictions | NoPredictions, second: Predictions | NoPredictions
) -> PairedTest | NoPairedTest:
    """Return how two models compare on the same reviews, or why there is no paired test.

    The second is the reference.
    """
    if isinstance(first, NoPredictions):
        return NoPairedTest(first)
    if isinstance(second, NoPredictions):
        return NoPairedTest(second, of_reference=True)
    same_digest = first.digest == second.digest != ""
    if not same_digest or not np.array_equal(first.labels, second.labels):
        return NoPairedTest()
    first_correct, second_correct = _correct(first), _correct(second)
    only_first = int((first_correct & ~second_correct).sum())
    only_second = int((second_correct & ~first_correct).sum())
    reviews = len(first.labels)
    difference, low, high = paired_difference(only_first, only_second, reviews)
    p = mcnemar(only_first, only_second)
    return PairedTest(reviews, only_first, only_second, difference, low, high, p)


def _correct(predictions: Predictions) -> np.ndarray:
    """Return whether each prediction is correct, bool (N,)."""
    return (predictions.probabilities >= 0.5) == (predictions.labels == 1)


def load_predictions(paths: ProjectPaths, run: RunRecord) -> Predictions | NoPredictions:
    """Return the predictions of a run's model for the test reviews, or why there are none."""
    if ACCURACY not in run.metrics:
        return NoPredictions.NOT_EVALUATED
    try:
        return history.load_predictions(paths, run) or NoPredictions.NOT_STORED
    except DamagedFileError:
        return NoPredictions.DAMAGED


def _reference(
    runs: list[RunRecord],
    predictions: Mapping[str, Predictions | NoPredictions],
    preferred: RunRecord | None,
) -> RunRecord | None:
    """Return the run to compare the others with: `preferred` if it is one of `runs`.

    Else it is the most accurate of the runs that share their test reviews with most others. A run
    without predictions comes after all runs that have some.
    """
    if preferred in runs:
        return preferred
    digests = {run.id: _digest(predictions[run.id]) for run in runs}
    sharing = Counter(digest for digest in digests.values() if digest)
    evaluated = [run for run in runs if ACCURACY in run.metrics]
    return max(
        evaluated,
        key=lambda run: (sharing[digests[run.id]], run.metrics[ACCURACY]),
        default=None,
    )


def _digest(predictions: Predictions | NoPredictions) -> str:
    """Return the digest of the reviews; empty if it is unknown or there are no predictions."""
    return "" if isinstance(predictions, NoPredictions) else predictions.digest
