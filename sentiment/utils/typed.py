"""Check that what was read from JSON has the types that its dataclass declares."""

import types
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, Literal, Union

_SHOWN = 40  # characters of a wrong value in a message


def check_types(instance: Any) -> None:
    """Raise TypeError, which names the field, unless all fields have their declared types.

    A whole number counts as a float, but no boolean counts as a number. Types that are no types of
    JSON, such as arrays, are not checked. Fields that are dataclasses are checked too.
    """
    hints = typing.get_type_hints(type(instance))
    for part in fields(instance):
        _check(getattr(instance, part.name), hints[part.name], part.name)


def _check(value: Any, expected: Any, name: str) -> None:
    if isinstance(expected, type) and is_dataclass(expected) and isinstance(value, expected):
        check_types(value)
        return
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin in _GENERIC:
        _GENERIC[origin](value, arguments, name)
        return
    if expected in _SCALARS:
        accepted = (int, float) if expected is float else expected
        if not isinstance(value, accepted) or (isinstance(value, bool) and expected is not bool):
            raise _wrong(name, value)


def _check_union(value: Any, choices: tuple[Any, ...], name: str) -> None:
    if not any(_fits(value, choice, name) for choice in choices):
        raise _wrong(name, value)


def _check_literal(value: Any, choices: tuple[Any, ...], name: str) -> None:
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise _wrong(name, value)


def _check_dict(value: Any, arguments: tuple[Any, ...], name: str) -> None:
    if not isinstance(value, dict):
        raise _wrong(name, value)
    for key, item in value.items():
        _check(key, arguments[0], name)
        _check(item, arguments[1], f"{name}.{key}")


def _check_list(value: Any, arguments: tuple[Any, ...], name: str) -> None:
    if not isinstance(value, list | tuple):
        raise _wrong(name, value)
    for item in value:
        _check(item, arguments[0], name)


_SCALARS = (int, float, str, bool, list, dict, type(None))
_GENERIC: dict[Any, Callable[[Any, tuple[Any, ...], str], None]] = {
    Union: _check_union, types.UnionType: _check_union, Literal: _check_literal,
    dict: _check_dict, list: _check_list, tuple: _check_list,
}  # fmt: skip


def _fits(value: Any, expected: Any, name: str) -> bool:
    try:
        _check(value, expected, name)
    except TypeError:
        return False
    return True


def _wrong(name: str, value: Any) -> TypeError:
    # Not `repr` of the whole: a value may be large, or a whole number of a million digits.
    shown = f"a number of {value.bit_length()} bits" if _is_long(value) else ascii(value)[:_SHOWN]
    return TypeError(f"{ascii(name)[1:-1][:_SHOWN]} can't be {shown}")


def _is_long(value: Any) -> bool:
    return isinstance(value, int) and value.bit_length() > 128
