"""Check values that were read from JSON, which anybody may have written, against types."""

import types
from collections.abc import Iterable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

MAX_DEPTH = 50  # of lists and objects in each other; files of this program have eight
_MAX_INTEGER = 2**63
_NAMES = {str: "a string", bool: "true or false", int: "a whole number", float: "a number"}


def check_structure(content: Any, depth: int = 0) -> None:
    """Raise ValueError if JSON is nested too deep."""
    if depth > MAX_DEPTH:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
    if isinstance(content, dict | list):
        for item in content.values() if isinstance(content, dict) else content:
            check_structure(item, depth + 1)


def typed(kind: Any, value: Any, name: str) -> Any:
    """Return `value` as `kind`; raise ValueError, which names the field, if it is of another type.

    kind: str, bool, int, float, Any, `dict[str, X]`, `list[X]`, `tuple[X, Y]`, a dataclass, which
    is made of an object with its fields, or a union of these. A whole number fits into 64 bits and
    may stand for a float; true and false are no numbers.
    """
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        return _union(arguments, value, name)
    if origin is dict:
        items = _of(dict, value, name, "an object").items()
        return {key: typed(arguments[1], item, f"{name}.{key}") for key, item in items}
    if origin is list:
        items = _of(list, value, name, "a list")
        return [typed(arguments[0], item, f"{name}[{index}]") for index, item in enumerate(items)]
    if origin is tuple:
        items = _of(list, value, name, "a list")
        if len(items) != len(arguments):
            raise ValueError(f"{name} does not have {len(arguments)} items")
        pairs = zip(arguments, items, strict=True)
        return tuple(typed(part, item, f"{name}[{i}]") for i, (part, item) in enumerate(pairs))
    if is_dataclass(kind):
        return _record(kind, value, name)
    if kind is None or kind is type(None):
        return _of(type(None), value, name, "null")
    is_number = type(value) is int and abs(value) < _MAX_INTEGER
    fits = is_number if kind is int else type(value) is kind or (kind is float and is_number)
    if not fits:
        raise ValueError(f"{name} is not {_NAMES[kind]}")
    return value


def check_keys(kind: Any, table: dict[str, Any], name: str) -> None:
    """Raise ValueError if an object has a key that is no field of the dataclass `kind`."""
    known = {field.name for field in fields(kind)}
    for key in table:
        if key not in known:
            raise ValueError(f"{name} has no field {key[:40]!r}")


def check_line(text: str, name: str) -> str:
    """Return `text`; raise ValueError unless it can be shown in a line of a terminal."""
    if not text.isprintable():
        raise ValueError(f"{name} has line ends or other control characters")
    return text


def _record(kind: Any, value: Any, name: str) -> Any:
    table = _of(dict, value, name, "an object")
    hints = get_type_hints(kind)
    for field in fields(kind):
        if field.name not in table and field.default is field.default_factory is MISSING:
            raise ValueError(f"{field.name} is missing from {name}")
    check_keys(kind, table, name)
    return kind(**{key: typed(hints[key], item, f"{name}.{key}") for key, item in table.items()})


def _union(kinds: Iterable[Any], value: Any, name: str) -> Any:
    problem: ValueError | None = None
    for kind in kinds:
        try:
            return typed(kind, value, name)
        except ValueError as error:
            problem = problem or error
    raise problem or ValueError(name)


def _of(kind: type, value: Any, name: str, meaning: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{name or 'it'} is not {meaning}")
    return value
