"""Search spaces: the settings that a sweep tries, and between which values, in readable files.

Knows TOML, the settings and recipes; knows nothing of how values are chosen.

A space is a TOML file with the tables of a recipe. Each setting in it has a list of choices, or a
range `{ low = …, high = … }`, with `log = true` where values are drawn by their ratios.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sentiment.config import setting_field
from sentiment.errors import InputError
from sentiment.recipe import TABLES, Recipe
from sentiment.utils.resources import read_shipped_or_file, shipped_names

Value = bool | int | float | str
_HINT = "sentiment sweep --show-space"
_SHIPPED = ("sentiment.experiments", "search_spaces")  # package and folder
_RANGE = {"low", "high", "log"}


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; whole ones where both are."""

    low: float
    high: float
    log: bool = False

    def __str__(self) -> str:
        return f"{self.low} to {self.high}{', by ratios' * self.log}"

    @property
    def whole(self) -> bool:
        """Tell whether the numbers are integers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def ends(self) -> tuple[Value, ...]:
        """The values between which all lie."""
        return self.low, self.high


@dataclass(frozen=True)
class Choices:
    """One of some values."""

    values: tuple[Value, ...]

    def __str__(self) -> str:
        return " | ".join(map(str, self.values))

    @property
    def ends(self) -> tuple[Value, ...]:
        """All of them."""
        return self.values


@dataclass(frozen=True)
class SearchSpace:
    """What each setting may be, by the table and the name of the setting."""

    settings: dict[tuple[str, str], Range | Choices]
    text: str

    def check(self, recipe: Recipe) -> None:
        """Raise InputError where a value of this space is impossible for `recipe`."""
        for (table, name), domain in self.settings.items():
            for value in domain.ends:
                try:
                    replace(getattr(recipe, table), **{name: value})
                except InputError as error:
                    raise InputError(f"the search space: {error.fact}", hint=_HINT) from error

    def apply(self, recipe: Recipe, values: Mapping[str, Value]) -> Recipe:
        """Return `recipe` with `values`, by the names of the settings, in place of its own."""
        parts = {
            table: replace(
                getattr(recipe, table),
                **{name: values[name] for of, name in self.settings if of == table},
            )
            for table in TABLES
        }
        return replace(recipe, **parts)

    def values(self, recipe: Recipe) -> dict[str, Value] | None:
        """Return what `recipe` has for each setting; None where one lies outside this space."""
        own = {name: getattr(getattr(recipe, table), name) for table, name in self.settings}
        for (_, name), domain in self.settings.items():
            inside = (
                own[name] in domain.values
                if isinstance(domain, Choices)
                else domain.low <= own[name] <= domain.high
            )
            if not inside:
                return None
        return own


def shipped_spaces() -> list[str]:
    """Return the names of the spaces that come with the package."""
    return shipped_names(*_SHIPPED)


def load_space(name: str) -> SearchSpace:
    """Return the space called `name`, or the one in the file of that name.

    Raises MissingFileError where there is none, and InputError where it is not as described above.
    """
    text = read_shipped_or_file(*_SHIPPED, name, what="search space", hint=_HINT)
    return parse(text, name)


def parse(text: str, name: str) -> SearchSpace:
    """Return the space that `text` describes; `name` is for messages."""
    try:
        stated = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name} is not TOML: {error}", hint=_HINT) from error
    settings: dict[tuple[str, str], Range | Choices] = {}
    for table, domains in stated.items():
        if table not in TABLES or not isinstance(domains, dict):
            raise InputError(
                f"{name}: {table} is none of the tables {', '.join(TABLES)}", hint=_HINT
            )
        for setting, domain in domains.items():
            settings[table, setting] = _domain(f"{name}: {setting}", table, setting, domain)
    if not settings:
        raise InputError(f"{name} names no setting to try", hint=_HINT)
    return SearchSpace(settings, text)


def _domain(where: str, table: str, setting: str, stated: Any) -> Range | Choices:
    kind = type(getattr(Recipe(), table))
    try:
        declared = setting_field(kind, setting)
    except StopIteration:
        raise InputError(f"{where} is no setting of [{table}]", hint=_HINT) from None
    if isinstance(stated, list) and stated:
        return Choices(tuple(stated))
    numbers = isinstance(stated, dict) and {"low", "high"} <= stated.keys() <= _RANGE
    if not numbers or type(declared.default) not in (int, float):
        raise InputError(
            f"{where} needs a list of choices, or for a number {{ low = …, high = … }}",
            hint=_HINT,
        )
    domain = Range(**stated)
    ends = [type(end) in (int, float) for end in domain.ends]
    if not all(ends) or type(domain.log) is not bool or not domain.low < domain.high:
        raise InputError(f"{where}: low must be a number below high", hint=_HINT)
    if domain.log and domain.low <= 0:
        raise InputError(f"{where}: with log = true, low must be above 0", hint=_HINT)
    if isinstance(declared.default, float):
        return replace(domain, low=float(domain.low), high=float(domain.high))
    return domain
