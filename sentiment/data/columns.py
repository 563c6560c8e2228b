"""Find the column of the text in a table: the right one, or an error that names the columns."""

import difflib
import shlex
from collections.abc import Sequence

from sentiment.data.dialect import separator_hint
from sentiment.errors import InputError

_NEAR = -0.6  # see `_distance`
_COMPARED = 10_000  # columns that are compared with a name
_LISTED, _LONGEST = 100, 100  # columns that a message lists, and characters of each
USUAL_NAMES = {
    "text": (
        *("text", "review", "reviewtext", "sentence", "content", "comment", "tweet", "body"),
        "message",
    ),
    "label": (
        *("label", "labels", "sentiment", "polarity", "class", "rating", "stars", "score"),
        *("overall", "target"),
    ),
}


def require_column(columns: Sequence[str], name: str, option: str = "--text-column") -> str:
    """Return `name` if exactly one of `columns` has it.

    option: the option that chooses the column, for the hint. Raises InputError if no column has the
    name, or several have.
    """
    numbers = [str(number) for number, column in enumerate(columns, 1) if column == name]
    if len(numbers) > 1:
        count = "two" if len(numbers) == 2 else str(len(numbers))
        listed = f"{', '.join(numbers[:-1])} and {numbers[-1]}"
        raise InputError(f"{count} columns {name!r} ({listed})", hint="rename all but one of them")
    if not numbers:
        ordered = _nearest_first(columns, name)
        near = ordered[0] if ordered and _distance(ordered[0], name) <= _NEAR else None
        hint = f"{option} {shlex.quote(near) if near is not None else 'NAME'}" if ordered else None
        if len(columns) == 1:
            hint = separator_hint(columns[0]) or hint
        raise InputError(
            f"no column {name!r}; it has {column_list(ordered) or 'no header'}", hint=hint
        )
    return name


def find_column(columns: Sequence[str], wanted: str, what: str = "text") -> str:
    """Return `wanted`, or if that is the default name `what`, the only column with a usual name.

    what: `text` or `label`. Case and blanks around a usual name do not matter. Raises InputError if
    there is no such column, or several.
    """
    option = f"--{what}-column"
    if wanted in columns or wanted != what:
        return require_column(columns, wanted, option)
    usual = [column for column in columns if column.strip().lower() in USUAL_NAMES[what]]
    if len(usual) > 1:
        raise InputError(
            f"several columns may hold the {what}: {', '.join(usual)}",
            hint=f"{option} {shlex.quote(usual[0])}",
        )
    return usual[0] if usual else require_column(columns, wanted, option)


def column_list(names: Sequence[str]) -> str:
    """Return names of columns for a message: the first ones, if there are many."""
    shown = [name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…" for name in names[:_LISTED]]
    more = [f"and {len(names) - _LISTED:,} more"] if len(names) > _LISTED else []
    return ", ".join(shown + more)


def _nearest_first(columns: Sequence[str], name: str) -> list[str]:
    """Return `columns`; those that differ from `name` only by case or blanks, or little, first."""
    # To compare a million names would take a minute.
    near = [column for column in columns[:_COMPARED] if _distance(column, name) <= _NEAR]
    near.sort(key=lambda column: _distance(column, name))
    return [*near, *(column for column in columns if column not in near)]


def _distance(column: str, name: str) -> float:
    """Return how far two names are apart, from -1, which is equal, to 0."""
    if len(column) > _LONGEST:
        return 0.0
    plain, wanted = column.strip().lower(), name.strip().lower()
    return -difflib.SequenceMatcher(None, plain, wanted).ratio()
