"""Read search spaces: the settings that a sweep tries, and the values of each, from TOML files.

A search space has the tables of a recipe. Each setting has a list of choices or a range,
`{ low = …, high = … }`. With `log = true` values are drawn from the range on a logarithmic scale.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sentiment.config import setting_field
from sentiment.errors import InputError
from sentiment.recipe import TABLES, Recipe
from sentiment.utils.resources import read_shipped_or_file, shipped_names
from sentiment.utils.text import shown_name

Value = bool | int | float | str
_HINT = "sentiment sweep --show-space"
_SHIPPED = ("sentiment.experiments", "search_spaces")  # package and folder
_TOO_LARGE = 1e300  # for a float
_RANGE_KEYS = {"low", "high", "log"}


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; integers if both are integers."""

    low: float
    high: float
    log: bool = False

    def __str__(self) -> str:
        return f"{self.low} to {self.high}{', log scale' * self.log}"

    @property
    def is_integer(self) -> bool:
        """True if the values are integers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def limits(self) -> tuple[Value, ...]:
        """The lowest and the highest value: if they are valid, all values are."""
        return self.low, self.high

    def __contains__(self, value: Any) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Choices:
    """A list of values."""

    values: tuple[Value, ...]

    def __str__(self) -> str:
        return " | ".join(map(str, self.values))

    @property
    def limits(self) -> tuple[Value, ...]:
        """All values: each has to be checked."""
        return self.values

    def __contains__(self, value: Any) -> bool:
        return value in self.values


@dataclass(frozen=True)
class SearchSpace:
    """The values to try for each setting, by its table and name; `text` is the TOML."""

    settings: dict[tuple[str, str], Range | Choices]
    text: str

    def check(self, recipe: Recipe) -> None:
        """Raise InputError if a value of this space is impossible for `recipe`."""
        for (table, name), domain in self.settings.items():
            for value in domain.limits:
                try:
                    replace(getattr(recipe, table), **{name: value})
                except InputError as error:
                    raise InputError(f"the search space: {error.fact}", hint=_HINT) from error

    def apply(self, recipe: Recipe, values: Mapping[str, Value]) -> Recipe:
        """Return `recipe` with `values`, by the names of settings, instead of its own."""
        changed: dict[str, dict[str, Value]] = {table: {} for table in TABLES}
        for table, name in self.settings:
            changed[table][name] = values[name]
        parts: dict[str, Any] = {
            table: replace(getattr(recipe, table), **changed[table]) for table in TABLES
        }
        return replace(recipe, **parts)

    def values_of(self, recipe: Recipe) -> dict[str, Value] | None:
        """Return the values of `recipe`; None if one is outside this space."""
        values = {name: getattr(getattr(recipe, table), name) for table, name in self.settings}
        inside = all(values[name] in domain for (_, name), domain in self.settings.items())
        return values if inside else None


def shipped_spaces() -> list[str]:
    """Return the names of the spaces that ship with the package."""
    return shipped_names(*_SHIPPED)


def load_space(name: str) -> SearchSpace:
    """Return the shipped space `name`, else the space in the file `name`.

    Raises MissingFileError if there is neither, and InputError if the file has another form.
    """
    text = read_shipped_or_file(*_SHIPPED, name, what="search space", hint=_HINT)
    return parse(text, name)


def parse(text: str, name: str) -> SearchSpace:
    """Return the space in `text`; `name` is for messages."""
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} is not TOML: {error}", hint=_HINT) from error
    settings: dict[tuple[str, str], Range | Choices] = {}
    for table, domains in content.items():
        if table not in TABLES or not isinstance(domains, dict):
            raise InputError(
                f"{name}: {shown_name(table)} is none of the tables {', '.join(TABLES)}", hint=_HINT
            )
        for setting, domain in domains.items():
            settings[table, setting] = _parse_domain(
                f"{name}: {shown_name(setting)}", table, setting, domain
            )
    if not settings:
        raise InputError(f"{name} names no setting to try", hint=_HINT)
    return SearchSpace(settings, text)


def _parse_domain(label: str, table: str, setting: str, content: Any) -> Range | Choices:
    """Return the values of a setting; `label` begins messages."""
    try:
        declared = setting_field(type(getattr(Recipe(), table)), setting)
    except StopIteration:
        raise InputError(f"{label} is no setting of [{table}]", hint=_HINT) from None
    if isinstance(content, list) and content:
        return Choices(tuple(content))
    is_range = isinstance(content, dict) and {"low", "high"} <= content.keys() <= _RANGE_KEYS
    if not is_range or type(declared.default) not in (int, float):
        raise InputError(
            f"{label} needs a list of choices, or for a number {{ low = …, high = … }}",
            hint=_HINT,
        )
    domain = Range(**content)
    are_numbers = all(type(limit) in (int, float) for limit in domain.limits)
    are_numbers = are_numbers and max(abs(domain.low), abs(domain.high)) < _TOO_LARGE
    if not are_numbers or type(domain.log) is not bool or not domain.low < domain.high:
        raise InputError(f"{label}: low must be a number below high", hint=_HINT)
    if domain.log and domain.low <= 0:
        raise InputError(f"{label}: with log = true, low must be above 0", hint=_HINT)
    if isinstance(declared.default, float):
        return replace(domain, low=float(domain.low), high=float(domain.high))
    return domain
