"""Recipes: named sets of settings in readable files.

Knows TOML and the settings; knows nothing of the command line or of what settings do.

A recipe is a TOML file with the tables `prepare`, `model` and `train`, each holding settings by
their names in `config.py`. What it leaves out keeps its default.
"""

import json
import tomllib
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from sentiment.config import ModelSettings, PrepareSettings, Settings, TrainSettings
from sentiment.errors import InputError, MissingFileError
from sentiment.utils import files
from sentiment.utils.text import escape_json_control

HINT = "sentiment train --show"
TABLES = ("prepare", "model", "train")


@dataclass(frozen=True)
class Recipe:
    """All that shapes a run, under the name of the recipe that it began with."""

    prepare: PrepareSettings = field(default_factory=PrepareSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    name: str = "default"


def shipped_recipes() -> list[str]:
    """Return the names of the recipes that come with the package."""
    folder = resources.files("sentiment").joinpath("recipes")
    return sorted(Path(entry.name).stem for entry in folder.iterdir())


def load_recipe(name: str) -> Recipe:
    """Return the recipe called `name`, or the one in the file of that name.

    Raises MissingFileError where there is none and InputError, naming the setting, where the file
    holds what is none or has the wrong type or an impossible value.
    """
    if name in shipped_recipes():
        text = resources.files("sentiment").joinpath("recipes", f"{name}.toml").read_text("utf-8")
    else:
        try:
            text = files.read_text(Path(name))
        except (OSError, ValueError) as error:
            raise MissingFileError(
                f"no recipe {name}: it is neither a file that can be read nor one of "
                f"{', '.join(shipped_recipes())}",
                hint=HINT,
            ) from error
    try:
        stated = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name} is not TOML: {error}", hint=HINT) from error
    parts: dict[str, Any] = {table: getattr(Recipe(), table) for table in TABLES}
    for table, values in stated.items():
        if table not in parts or not isinstance(values, dict):
            raise InputError(f"{name}: {table} is none of the tables {', '.join(parts)}", hint=HINT)
        parts[table] = _settled(name, table, parts[table], values)
    return Recipe(**parts, name=Path(name).stem)


def _settled(name: str, table: str, part: Settings, values: dict[str, Any]) -> Settings:
    """Return `part` with `values` in place of its own."""
    have = asdict(part)
    for setting, value in values.items():
        if setting not in have:
            raise InputError(f"{name}: [{table}] has no setting {setting}", hint=HINT)
        kind = type(have[setting])
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise InputError(
                f"{name}: {setting} must be of type {kind.__name__}, got {value!r}", hint=HINT
            )
    return replace(part, **values)


def to_toml(recipe: Recipe) -> str:
    """Return `recipe` as a file that `read` reads."""
    lines = []
    for table in TABLES:
        values = asdict(getattr(recipe, table))
        lines += [
            f"[{table}]",
            *(f"{name} = {_stated(value)}" for name, value in values.items()),
            "",
        ]
    return "\n".join(lines)


def _stated(value: Any) -> str:
    """Return a value as TOML, where one of JSON is valid but for a few characters."""
    stated = json.dumps(value, ensure_ascii=False)
    return escape_json_control(stated)
