"""Load recipes: named sets of settings in TOML files.

A recipe has the tables `prepare`, `model` and `train`, which hold settings by their names in
`config.py`. Settings that it leaves out are as in the recipe `default`. That one names them all but
the dataset and how files are read; `config.py` has defaults of its own, which are those of models
and checkpoints that were written before a setting existed.
"""

import json
import re
import shlex
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from functools import cache
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from sentiment.config import ModelSettings, PrepareSettings, Settings, TrainSettings
from sentiment.errors import InputError
from sentiment.utils.resources import read_shipped_or_file, shipped_names
from sentiment.utils.text import escape_json_control, shown, shown_name

HINT = "sentiment train --show"
TABLES = ("prepare", "model", "train")
DEFAULT = "default"  # the recipe that commands use if none is named
_SHIPPED = ("sentiment", "recipes")  # package and folder
_DIGEST = re.compile(r":[0-9a-f]{64}$")  # after the name of a file


@dataclass(frozen=True)
class Recipe:
    """All settings of a run, and the name of the recipe that they come from."""

    prepare: PrepareSettings = field(default_factory=PrepareSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    name: str = DEFAULT

    def with_settings(self, **values: Any) -> "Recipe":
        """Return the recipe with other values of some settings, by their names in `config.py`.

        Paths and NumPy's numbers are taken as text and as Python's numbers. Raises TypeError for an
        unknown name, and InputError for a value of the wrong type or out of its range.
        """
        parts = {}
        for table in TABLES:
            part = getattr(self, table)
            own = [setting.name for setting in fields(part) if setting.name in values]
            parts[table] = replace(part, **{name: _plain(values.pop(name)) for name in own})
        for name in values:
            known = [setting.name for part in parts.values() for setting in fields(part)]
            close = get_close_matches(name, known)
            suggestion = f"; is it {' or '.join(close)}" if close else ""
            raise TypeError(f"there is no setting {shown_name(name)}{suggestion}")
        return replace(self, **parts)


def _plain(value: Any) -> Any:
    """Return a path as text, and a NumPy number as one of Python's."""
    if isinstance(value, PathLike):
        return fspath(value)
    return value.item() if hasattr(value, "item") else value


def shipped_recipes() -> list[str]:
    """Return the names of the recipes that ship with the package."""
    return shipped_names(*_SHIPPED)


@cache
def default_recipe() -> Recipe:
    """Return the shipped recipe `default`."""
    return load_recipe(DEFAULT, base=Recipe())


def load_recipe(name: str, *, base: Recipe | None = None) -> Recipe:
    """Return the shipped recipe `name`, else the recipe in the file `name`.

    base: has the settings that it leaves out; None for the recipe `default`. Raises
    MissingFileError if there is neither. Raises InputError, which names the setting, if the file
    has an unknown setting, a value of the wrong type or a value out of range.
    """
    text = read_shipped_or_file(*_SHIPPED, name, what="recipe", hint=HINT)
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} is not TOML: {error}", hint=HINT) from error
    base = base or default_recipe()
    parts: dict[str, Any] = {table: getattr(base, table) for table in TABLES}
    for table, values in content.items():
        if table not in parts or not isinstance(values, dict):
            raise InputError(
                f"{name}: {shown_name(table)} is none of the tables {', '.join(parts)}", hint=HINT
            )
        parts[table] = _with_values(name, table, parts[table], values)
    return Recipe(**parts, name=Path(name).stem)


def _with_values(recipe: str, table: str, settings: Settings, values: dict[str, Any]) -> Settings:
    """Return `settings` with `values` instead of its own."""
    current = asdict(settings)
    for name, value in values.items():
        if name not in current:
            raise InputError(f"{recipe}: [{table}] has no setting {shown_name(name)}", hint=HINT)
        expected = type(current[name])
        if type(value) is not expected and not (expected is float and type(value) is int):
            raise InputError(
                f"{recipe}: {name} must be of type {expected.__name__}, got {shown(value)}",
                hint=HINT,
            )
    return replace(settings, **values)


def changed_settings(recipe: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return those of `settings`, by name, that a recipe has otherwise.

    recipe: its name. One that does not ship is unknown here: `default` stands for it.
    """
    known = load_recipe(recipe) if recipe in shipped_recipes() else default_recipe()
    usual = {
        name: value for table in TABLES for name, value in asdict(getattr(known, table)).items()
    }
    return {
        name: value for name, value in settings.items() if name in usual and value != usual[name]
    }


def without_digest(dataset: str) -> str:
    """Return the name of a data set without the digest of its file, with which it is recorded."""
    return _DIGEST.sub("", dataset)


def train_command(recipe: str, settings: dict[str, Any]) -> str:
    """Return the command that trains with `settings`, by name, as a run records them."""
    words = ["sentiment", "train"]
    if recipe in shipped_recipes() and recipe != DEFAULT:
        words += ["--recipe", recipe]
    for name, value in changed_settings(recipe, settings).items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words += [f"--{option}", without_digest(str(value))]
    return shlex.join(words)


def to_toml(recipe: Recipe) -> str:
    """Return `recipe` as the text of a file that `load_recipe` reads."""
    lines = []
    for table in TABLES:
        values = asdict(getattr(recipe, table))
        lines += [f"[{table}]", *(f"{name} = {_toml(value)}" for name, value in values.items()), ""]
    return "\n".join(lines)


def _toml(value: Any) -> str:
    """Return a value as TOML: JSON is valid TOML once these control characters are escaped."""
    return escape_json_control(json.dumps(value, ensure_ascii=False))
