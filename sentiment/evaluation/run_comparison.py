"""Stage: runs in, and out how they differ in settings, in curves and on the same reviews.

Knows runs as `tracking.history` has them and the order of the work; knows nothing of how any of it
is shown.
"""

import math
import operator
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from sentiment.errors import DamagedFileError, InputError
from sentiment.evaluation.metrics import mcnemar, paired_difference
from sentiment.tracking import history
from sentiment.tracking.history import Predictions, RunRecord
from sentiment.utils.paths import ProjectPaths

LOSS, ACCURACY = "validation/loss", "test/accuracy"
MISSING = "–"  # in the place of a setting that a run does not have
# Why two runs have no paired test: the first word where it is for want of the second's predictions.
REFERENCE, OTHER_REVIEWS = "reference", "on other reviews"
_COMPARED: dict[str, Callable] = {
    "<=": operator.le, ">=": operator.ge, "!=": operator.ne,
    "=": operator.eq, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_CONDITION = re.compile(r"\s*([^<>=!]+?)\s*(<=|>=|!=|=|<|>)\s*(.*?)\s*")

Curve = list[tuple[int, float]]


@dataclass(frozen=True)
class Condition:
    """What a run must be: the value called `name` stands to `value` as `sign` says."""

    name: str
    sign: str
    value: str

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Return what `units=16` or `validation/loss<0.3` means; raise InputError for other forms.

        Below and above are for numbers.
        """
        found = _CONDITION.fullmatch(text)
        if not found:
            raise InputError(f"expected NAME, one of = != < <= > >=, and a value, got {text!r}")
        condition = cls(*found.groups())
        if condition.sign not in ("=", "!=") and _number(condition.value) is None:
            raise InputError(
                f"{condition.sign} is for numbers, got {condition.value!r} in {text!r}"
            )
        return condition

    def holds(self, value: str | float) -> bool:
        """Tell whether `value` fits; numbers are compared as numbers, words without their case."""
        given, wanted = _number(value), _number(self.value)
        compare = _COMPARED[self.sign]
        if given is not None and wanted is not None:
            return compare(given, wanted)
        return self.sign in ("=", "!=") and compare(str(value).casefold(), self.value.casefold())


@dataclass(frozen=True)
class Query:
    """Which runs, in which order, and the most of them.

    named: ids and names, none for all; sort: a name, with - before it for the largest first.
    """

    named: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    sort: str | None = None
    limit: int | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class PairedTest:
    """Two models on the same reviews: the first against the second.

    difference: of their accuracies, low and high its 95 % interval, all fractions; p: of McNemar's
    exact test; only_first, only_second: reviews that only one of them gets right.
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

    matching: how many runs fitted before the limit; losses: of validation, by the runs' ids;
    reference: the run that the others are held against, none where no run was evaluated; pairings:
    of each other run with it, by the runs' ids, or why there is none.
    """

    runs: list[RunRecord]
    matching: int
    losses: dict[str, Curve]
    reference: RunRecord | None
    pairings: dict[str, PairedTest | str]


def compare_runs(paths: ProjectPaths, experiment: str, query: Query) -> Comparison:
    """Return the runs of an experiment that a query wants, compared.

    Raises MissingFileError where the experiment has no runs, and InputError for a name that no run
    has.
    """
    found = history.list_runs(paths, experiment)
    if query.named:
        named = [history.match_run(found, name) for name in query.named]
        found = list({run.id: run for run in named}.values())
    matching = select_runs(found, query)
    runs = matching[: query.limit]
    losses = {run.id: history.metric_curve(paths, run, LOSS) for run in runs}
    said = {run.id: load_predictions(paths, run) for run in runs}
    reference = _reference(runs, said, found[0] if query.named else None)
    pairings = {
        run.id: compare_predictions(said[run.id], said[reference.id])
        for run in runs
        if reference is not None and run is not reference
    }
    return Comparison(runs, len(matching), losses, reference, pairings)


def run_values(run: RunRecord) -> dict[str, str | float]:
    """Return all that a run can be filtered, sorted and shown by, by name."""
    own: dict[str, str | float] = {"name": run.bare_name, "status": run.status, "id": run.id}
    own["started"] = run.started.isoformat(timespec="seconds")
    if run.seconds is not None:
        own["seconds"] = run.seconds
    return {**own, **run.parameters, **run.metrics}


def select_runs(found: list[RunRecord], query: Query) -> list[RunRecord]:
    """Return the runs that fit every condition, in the order wanted; a missing value fits none.

    Raises InputError for a name that no run has, with those that are near.
    """
    sort = query.sort.removeprefix("-") if query.sort else None
    wanted = [condition.name for condition in query.conditions]
    _check_names(found, [*wanted, *query.columns, *([sort] if sort else [])])
    fitting = [
        run
        for run in found
        if all(
            condition.name in (own := run_values(run)) and condition.holds(own[condition.name])
            for condition in query.conditions
        )
    ]
    if not sort or not query.sort:
        return fitting
    known = [run for run in fitting if sort in run_values(run)]
    known.sort(key=lambda run: _order(run_values(run)[sort]), reverse=query.sort.startswith("-"))
    return known + [run for run in fitting if sort not in run_values(run)]


def differing_settings(runs: list[RunRecord]) -> dict[str, list[str]]:
    """Return the settings that are not the same in all runs: a readable value for each run."""
    names = dict.fromkeys(name for run in runs for name in run.parameters)
    rows = {name: [format_value(run.parameters.get(name)) for run in runs] for name in names}
    return {name: row for name, row in rows.items() if len(set(row)) > 1}


def format_value(value: str | float | None) -> str:
    """Return a value as a person writes it: yes and no, 0.3 for 0.30000000000000004."""
    if value is None:
        return MISSING
    if value in ("True", "False"):
        return "yes" if value == "True" else "no"
    number = _number(value)
    return str(value) if number is None or not math.isfinite(number) else f"{number:.10g}"


def compare_predictions(first: Predictions | str, second: Predictions | str) -> PairedTest | str:
    """Return how two models compare on the same reviews, or why they can't be compared.

    A text in the place of predictions says why there are none, as `predictions` does.
    """
    if isinstance(first, str):
        return first
    if isinstance(second, str):
        return f"{REFERENCE} {second}"
    same = first.digest == second.digest != "" and np.array_equal(first.labels, second.labels)
    if not same:
        return OTHER_REVIEWS
    rights = [(said.probabilities >= 0.5) == (said.labels == 1) for said in (first, second)]
    only_first, only_second = (
        int((rights[0] & ~rights[1]).sum()),
        int((rights[1] & ~rights[0]).sum()),
    )
    reviews = len(first.labels)
    difference, low, high = paired_difference(only_first, only_second, reviews)
    p = mcnemar(only_first, only_second)
    return PairedTest(reviews, only_first, only_second, difference, low, high, p)


def load_predictions(paths: ProjectPaths, run: RunRecord) -> Predictions | str:
    """Return what a run's model says of the test reviews, or why that is not known."""
    if ACCURACY not in run.metrics:
        return "not evaluated"
    try:
        return history.load_predictions(paths, run) or "without predictions"
    except DamagedFileError:
        return "with damaged predictions"


def _reference(
    runs: list[RunRecord], said: Mapping[str, Predictions | str], first: RunRecord | None
) -> RunRecord | None:
    """Return the run to hold the others against: the first, or else the most accurate.

    The most accurate of those that most others can be compared with, on the same reviews; one
    without predictions comes after all that have some.
    """
    if first in runs:
        return first
    reviews = {run.id: _digest(said[run.id]) for run in runs}
    alike = Counter(digest for digest in reviews.values() if digest)
    measured = [run for run in runs if ACCURACY in run.metrics]
    return max(
        measured,
        key=lambda run: (alike[reviews[run.id]], run.metrics[ACCURACY]),
        default=None,
    )


def _digest(said: Predictions | str) -> str:
    """Return which reviews predictions are of; empty where there are none, or nobody knows."""
    return "" if isinstance(said, str) else said.digest


def _check_names(found: list[RunRecord], wanted: list[str]) -> None:
    known = dict.fromkeys(name for run in found for name in run_values(run))
    for name in wanted:
        if name not in known:
            # The part after the / is what one remembers: `accuracy` of `test/accuracy`.
            ends = [other for other in known if other.rpartition("/")[2] == name]
            close = ends or get_close_matches(name, known)
            meant = f"; is it {' or '.join(close)}" if close else ""
            raise InputError(
                f"no run has a setting or metric {name!r}{meant}", hint="sentiment compare --json"
            )


def _number(value: str | float) -> float | None:
    """Return the number that a value is; None for words and for what is no number."""
    try:
        number = float(value)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _order(value: str | float) -> tuple[int, float, str]:
    """Return what values are sorted by: numbers first, words after them."""
    number = _number(value)
    return (1, 0.0, str(value).casefold()) if number is None else (0, number, "")
