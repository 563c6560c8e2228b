"""Properties that are computed once, whichever thread asks first."""

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Value = TypeVar("Value")


class locked_property(Generic[Value]):  # noqa: N801, a decorator like `cached_property`
    """Like `functools.cached_property`, but a thread waits while another one computes the value.

    What the computation raises is raised in that thread; the next one tries again.
    """

    def __init__(self, compute: Callable[[Any], Value]):
        self._compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "locked_property[Value]": ...

    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...

    def __get__(self, instance: object | None, owner: type) -> "locked_property[Value] | Value":
        if instance is None:
            return self
        values = instance.__dict__
        # A value that is there already is found in this dictionary without a call.
        with values.setdefault(f"{self._name} lock", threading.Lock()):
            if self._name not in values:
                values[self._name] = self._compute(instance)
        value: Value = values[self._name]
        return value
