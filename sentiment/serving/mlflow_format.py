"""Read the bodies that MLflow's scoring server takes.

JSON with one of `inputs`, `instances`, `dataframe_split` and `dataframe_records`, or CSV with a
header. A table has its texts in the column `text`, beside which it may have others.
"""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from sentiment.errors import InputError
from sentiment.inference.texts import listed

_COLUMN = "text"
_KEYS = ("inputs", "instances", "dataframe_split", "dataframe_records")
_HINT = 'send {"inputs": ["An unforgettable film."]}'
_CSV_HINT = f"send CSV with a header that has the column {_COLUMN}"


def read_json(body: bytes) -> list[str]:
    """Return the texts of a JSON body; raise InputError, which says what is wrong with it."""
    try:
        content = json.loads(body)
    except RecursionError:
        raise InputError("the body is not valid JSON: it is nested too deep", hint=_HINT) from None
    except ValueError as error:  # of UTF-8 as well, and of a number with thousands of digits
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "it is not UTF-8"
        raise InputError(f"the body is not valid JSON: {reason}", hint=_HINT) from None
    if not isinstance(content, dict):
        raise InputError("the body is not a JSON object", hint=_HINT)
    unknown = [key for key in content if key not in _KEYS]
    if unknown:
        raise InputError(f"unknown field: {listed(unknown)}", hint=_HINT)
    if len(content) != 1:
        raise InputError(f"expected exactly one of {', '.join(_KEYS)}", hint=_HINT)
    ((key, value),) = content.items()
    if key == "dataframe_split":
        return _split(value)
    if isinstance(value, dict) and key == "inputs":
        return _column(list(value), value.values())
    return _records(value, key)


def read_csv(body: bytes) -> list[str]:
    """Return the texts of a CSV body; raise InputError, which says what is wrong with it."""
    try:
        text = body.decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        reason = (
            "is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"has a fault: {error}"
        )
        raise InputError(f"the body {reason}", hint=_CSV_HINT) from None
    rows = [row for row in rows if row]  # a blank line
    if not rows:
        raise InputError("the body is empty", hint=_CSV_HINT)
    header, *cells = rows
    place = _place(header)
    for number, row in enumerate(cells, 1):
        if len(row) != len(header):
            raise InputError(
                f"row {number} has {len(row)} cells, and the header {len(header)}",
                hint="put quotes around texts with commas",
            )
    return [row[place] for row in cells]


def _split(value: Any) -> list[str]:
    """Return the texts of {"columns": […], "data": [[…]]}; an index may be there."""
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise InputError("dataframe_split is no object with columns and data", hint=_HINT)
    rows = value["data"]
    width = len(rows[0]) if rows and isinstance(rows[0], list) else 0
    columns = value.get("columns", list(range(width)))
    if not isinstance(columns, list):
        raise InputError("dataframe_split.columns is not a list", hint=_HINT)
    if not all(isinstance(row, list) and len(row) == len(columns) for row in rows):
        raise InputError("a row of dataframe_split.data is not a list of its cells", hint=_HINT)
    place = _place(columns)
    return _strings([row[place] for row in rows])


def _records(value: Any, key: str) -> list[str]:
    """Return the texts of a list of strings, or of objects with the key `text`."""
    if not isinstance(value, list):
        raise InputError(f"{key} is not a list", hint=_HINT)
    if not value or not isinstance(value[0], dict):
        return _strings(value)
    if not all(isinstance(row, dict) for row in value):
        raise InputError(f"an item of {key} is not an object", hint=_HINT)
    _place(list(value[0]))
    return _strings([row.get(_COLUMN) for row in value])


def _column(names: list[Any], columns: Any) -> list[str]:
    """Return the texts of a table that is given by columns."""
    values = list(columns)[_place(names)]
    if not isinstance(values, list):
        raise InputError(f"inputs.{_COLUMN} is not a list", hint=_HINT)
    return _strings(values)


def _place(names: list[Any]) -> int:
    """Return the index of the column `text`. A column without a name is taken if it is alone."""
    found = [index for index, name in enumerate(names) if name == _COLUMN]
    if len(found) > 1:
        numbers = " and ".join(str(index + 1) for index in found[:2])
        raise InputError(f"two columns {_COLUMN!r} ({numbers}) in {listed(names)}", hint=_HINT)
    if not found and names != [0]:
        raise InputError(f"no column {_COLUMN!r}; it has {listed(names)}", hint=_HINT)
    return found[0] if found else 0


def _strings(values: Sequence[Any]) -> list[str]:
    for number, value in enumerate(values, 1):
        if not isinstance(value, str):
            kind = "null" if value is None else type(value).__name__
            raise InputError(f"text {number} is not a string but {kind}", hint=_HINT)
    return list(values)
