"""Command-line options made from the declarations of settings.

Knows Typer and `config`: a setting's default, range and meaning are stated there, once.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import Field, fields
from typing import Annotated, Any

import typer

from sentiment.config import ModelSettings, PrepareSettings, Settings, TrainSettings

_PANELS = {PrepareSettings: "Reviews", ModelSettings: "Network", TrainSettings: "Training"}


def takes(command: Callable) -> Callable:
    """Give `command` an option for each field of the settings that its parameters are."""
    own = inspect.signature(command).parameters
    groups = {name: part.annotation for name, part in own.items() if part.annotation in _PANELS}
    parameters = [part for name, part in own.items() if name not in groups]
    for kind in groups.values():
        parameters += [_parameter(declared, _PANELS[kind]) for declared in fields(kind)]

    @functools.wraps(command)
    def parsed(**values: Any) -> Any:
        for name, kind in groups.items():
            values[name] = _collect(kind, values)
        return command(**values)

    parsed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    parsed.__annotations__ = {part.name: part.annotation for part in parameters}
    return parsed


def _collect(kind: type[Settings], values: dict[str, Any]) -> Settings:
    return kind(**{declared.name: values.pop(declared.name) for declared in fields(kind)})


def _parameter(declared: Field, panel: str) -> inspect.Parameter:
    """Return `declared` as a keyword parameter that Typer makes an option of."""
    option = typer.Option(
        help=declared.metadata["meaning"],
        min=declared.metadata["least"],
        max=declared.metadata["most"],
        rich_help_panel=panel,
    )
    return inspect.Parameter(
        declared.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=declared.default,
        annotation=Annotated[declared.type, option],
    )
