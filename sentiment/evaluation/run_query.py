"""Filter and sort runs by their settings and metrics."""

import math
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from sentiment.config import MAX_COMPARED
from sentiment.errors import InputError
from sentiment.tracking.history import RunRecord

MISSING = "–"  # stands for a setting that a run does not have
_COMPARATORS: dict[str, Callable[..., bool]] = {
    "<=": operator.le, ">=": operator.ge, "!=": operator.ne,
    "=": operator.eq, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_CONDITION = re.compile(r"\s*([^<>=!]+?)\s*(<=|>=|!=|=|<|>)\s*(.*?)\s*")


@dataclass(frozen=True)
class Condition:
    """A filter of runs: the value called `name` compared with `value`, such as `units >= 16`."""

    name: str
    comparator: str
    value: str

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Return the condition in a text such as `units=16` or `validation/loss<0.3`.

        Raises InputError for a text of another form, and if < or > is used on a word.
        """
        match = _CONDITION.fullmatch(text)
        if not match:
            raise InputError(f"expected NAME, one of = != < <= > >=, and a value, got {text!r}")
        condition = cls(*match.groups())
        if condition.comparator not in ("=", "!=") and _number(condition.value) is None:
            raise InputError(
                f"{condition.comparator} is for numbers, got {condition.value!r} in {text!r}"
            )
        return condition

    def holds(self, value: str | float) -> bool:
        """Return True if `value` meets the condition; words are compared without their case."""
        actual, expected = _number(value), _number(self.value)
        compare = _COMPARATORS[self.comparator]
        if actual is not None and expected is not None:
            return compare(actual, expected)
        is_equality = self.comparator in ("=", "!=")
        return is_equality and compare(str(value).casefold(), self.value.casefold())


@dataclass(frozen=True)
class Query:
    """Which runs to compare, and in which order.

    named: ids and names, empty for all runs; sort: a name, with - before it for the largest first;
    limit: the largest number of runs; columns: values to show, besides those always shown.
    """

    named: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    sort: str | None = None
    limit: int | None = None
    columns: tuple[str, ...] = ()

    @classmethod
    def create(
        cls,
        named: Iterable[str] = (),
        filters: Iterable[str] = (),
        *,
        sort: str | None = None,
        limit: int | None = None,
        columns: Iterable[str] = (),
    ) -> "Query":
        """Return the query of these words; without a limit and names, that of the newest ten runs.

        Raises InputError if a filter is no condition, or if there is nothing to sort by.
        """
        names, conditions = tuple(named), tuple(map(Condition.parse, filters))
        if sort in ("", "-"):
            raise InputError("expected the name of a setting or a metric to sort by")
        return cls(names, conditions, sort, limit or len(names) or MAX_COMPARED, tuple(columns))


def run_values(run: RunRecord) -> dict[str, str | float]:
    """Return everything that a run can be filtered, sorted and shown by, by name."""
    values: dict[str, str | float] = {"name": run.bare_name, "status": run.status, "id": run.id}
    values["started"] = run.started.isoformat(timespec="seconds")
    if run.seconds is not None:
        values["seconds"] = run.seconds
    return {**values, **run.parameters, **run.metrics}


def select_runs(runs: list[RunRecord], query: Query) -> list[RunRecord]:
    """Return the runs that meet every condition, sorted; a missing value meets no condition.

    Raises InputError for a name that no run has, with names that are similar.
    """
    sort = query.sort.removeprefix("-") if query.sort else None
    names = [condition.name for condition in query.conditions]
    _check_names(runs, [*names, *query.columns, *([sort] if sort else [])])
    matching = [run for run in runs if _meets(run, query.conditions)]
    if not sort or not query.sort:
        return matching
    with_value = [run for run in matching if sort in run_values(run)]
    without_value = [run for run in matching if sort not in run_values(run)]
    with_value.sort(
        key=lambda run: _sort_key(run_values(run)[sort]), reverse=query.sort.startswith("-")
    )
    return with_value + without_value


def _meets(run: RunRecord, conditions: tuple[Condition, ...]) -> bool:
    values = run_values(run)
    return all(
        condition.name in values and condition.holds(values[condition.name])
        for condition in conditions
    )


def format_value(value: str | float | None) -> str:
    """Return a value as a person writes it: yes and no, 0.3 for 0.30000000000000004."""
    if value is None:
        return MISSING
    if value in ("True", "False"):
        return "yes" if value == "True" else "no"
    number = _number(value)
    return str(value) if number is None or not math.isfinite(number) else f"{number:.10g}"


def _check_names(runs: list[RunRecord], names: list[str]) -> None:
    """Raise InputError if no run has a value of one of `names`."""
    known = dict.fromkeys(name for run in runs for name in run_values(run))
    for name in names:
        if name not in known:
            # People remember the part after the slash: `accuracy` of `test/accuracy`.
            same_end = [other for other in known if other.rpartition("/")[2] == name]
            close = same_end or get_close_matches(name, known)
            suggestion = f"; is it {' or '.join(close)}" if close else ""
            raise InputError(
                f"no run has a setting or metric {name!r}{suggestion}",
                hint="sentiment compare --json",
            )


def _number(value: str | float) -> float | None:
    """Return a value as a number; None if it is a word or NaN."""
    try:
        number = float(value)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _sort_key(value: str | float) -> tuple[int, float, str]:
    """Return a key that sorts numbers by size, and words after them."""
    number = _number(value)
    return (1, 0.0, str(value).casefold()) if number is None else (0, number, "")
