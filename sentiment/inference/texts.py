"""Check that what a program passes is texts, and say what it is otherwise."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_MAX_NAMES = 20  # names of columns in a message


def check_text(text: Any) -> str:
    """Return `text`; raise TypeError, which says what it is, if it is no string."""
    if isinstance(text, str):
        return text
    hint = _column_hint(text)
    if not hint and _is_series(text):
        hint = ": `predict` and `classify` take several texts"
    raise TypeError(f"expected one text, got {_describe(text)}{hint}")


def check_texts(texts: Any) -> Iterator[str]:
    """Yield each string of `texts`, such as a list, a generator, a 1-d array or a pandas Series.

    Raises TypeError, which says what it is, if `texts` is no such thing; and when it comes to one
    that is no string, with its number from 1.
    """
    if isinstance(texts, str):
        raise TypeError("expected texts, got one string: pass a list of strings")
    if not _is_series(texts):
        raise TypeError(f"expected texts, got {_describe(texts)}{_column_hint(texts)}")
    # Among strings NumPy makes the string "nan" of NaN.
    from_numpy = getattr(getattr(texts, "dtype", None), "kind", "") == "U"
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise TypeError(f"text {number} is {_describe(text)}")
        if from_numpy and text == "nan":
            raise TypeError(f"text {number} is NaN")
        yield text


def _is_series(texts: Any) -> bool:
    """Return True if iterating over `texts` gives one text after the other."""
    if isinstance(texts, bytes | bytearray | Mapping) or column_names(texts) is not None:
        return False
    return isinstance(texts, Iterable) and getattr(texts, "ndim", 1) == 1


def column_names(value: Any) -> list[Any] | None:
    """Return the names of a table's columns or of a dictionary's keys; None for anything else.

    Tables are recognised by their attribute, as in pandas and Polars, or in Arrow: no library of
    tables is imported.
    """
    if isinstance(value, Mapping):
        return list(value)
    for attribute in ("column_names", "columns"):
        names = getattr(value, attribute, None)
        if isinstance(names, Iterable):
            return list(names)
    return None


def listed(names: list[Any]) -> str:
    """Return the first 20 names of columns, for a message."""
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return (", ".join(str(name)[:40] for name in names[:_MAX_NAMES]) or "none") + more


def _column_hint(value: Any) -> str:
    """Return how to pass one column of a table; empty for anything else."""
    names = column_names(value)
    if names is None:
        return ""
    variable = "values" if isinstance(value, Mapping) else "frame"
    if names.count("text") == 1:
        return f': pass {variable}["text"]'
    return f": pass one of them, as {variable}[NAME]"


def _describe(value: Any) -> str:
    """Return what a value is: its type, and its columns, its shape or its beginning."""
    names, kind = column_names(value), type(value).__name__
    if names is not None:
        part = "keys" if isinstance(value, Mapping) else "columns"
        return f"{kind} with the {part} {listed(names)}"
    if isinstance(value, bytes | bytearray):
        return f"{kind}, which must be decoded first"
    if isinstance(value, Iterable):
        dimensions = getattr(value, "ndim", 1)
        return kind if dimensions == 1 else f"{kind} of {dimensions} dimensions"
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "None" if value is None else "NaN"
    return f"{str(value)[:40]} ({kind})"
