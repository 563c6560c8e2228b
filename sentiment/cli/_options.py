"""Command-line options made from the declarations of settings.

Knows Typer, `config` and `recipes`: a setting's default, range and meaning are stated there, once.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import Field, fields, replace
from typing import Annotated, Any, TypeVar

import typer

from sentiment import recipe
from sentiment.config import ModelSettings, PrepareSettings, Settings, TrainSettings
from sentiment.errors import InputError
from sentiment.recipe import Recipe

_PANELS = {PrepareSettings: "Reviews", ModelSettings: "Network", TrainSettings: "Training"}
_RECIPE = typer.Option(
    help=f"{', '.join(recipe.shipped_recipes())}, or a file of your own; "
    "the options below override it"
)

Part = TypeVar("Part", bound=Settings)


def settings_options(command: Callable) -> Callable:
    """Give `command` options for its first parameter: a kind of settings, or a whole recipe.

    The command is called with that parameter made of them, and with the context if it takes `ctx`.
    """
    (name, first), *others = inspect.signature(command).parameters.items()
    whole = first.annotation is Recipe
    kinds = tuple(_PANELS) if whole else (first.annotation,)
    listens = any(part == "ctx" for part, _ in others)
    parameters = [_keyword("ctx", typer.Context, inspect.Parameter.empty)]
    if whole:
        parameters.append(_keyword("recipe", Annotated[str, _RECIPE], "default"))
    parameters += [
        part.replace(kind=inspect.Parameter.KEYWORD_ONLY) for name, part in others if name != "ctx"
    ]
    for kind in kinds:
        parameters += [_option(declared, _PANELS[kind]) for declared in fields(kind)]

    @functools.wraps(command)
    def parsed(ctx: typer.Context, **values: Any) -> Any:
        base = recipe.load_recipe(values.pop("recipe")) if whole else Recipe()
        parts = {
            table: _overridden(getattr(base, table), ctx, values)
            for table in recipe.TABLES
            if type(getattr(base, table)) in kinds
        }
        values[name] = replace(base, **parts) if whole else next(iter(parts.values()))
        return command(**values, **({"ctx": ctx} if listens else {}))

    parsed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    parsed.__annotations__ = {part.name: part.annotation for part in parameters}
    return parsed


def typed_parameters(ctx: typer.Context) -> set[str]:
    """Return the names of the parameters that were typed, not left at their defaults."""
    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    return {name for name, found in sources.items() if found and found.name == "COMMANDLINE"}


def option_names(ctx: typer.Context, names: set[str]) -> str:
    """Return parameters as a command line has them: `as_json` as --json, no `track` as --no-track.

    An argument, such as `texts`, has its name alone.
    """
    found = [parameter for parameter in ctx.command.params if parameter.name in names]
    off = [ctx.params[parameter.name or ""] is False for parameter in found]
    words = [
        (parameter.secondary_opts if no else parameter.opts)[0]
        for parameter, no in zip(found, off, strict=True)
    ]
    return ", ".join(sorted(words))


def _overridden(part: Part, ctx: typer.Context, values: dict[str, Any]) -> Part:
    """Return `part` with what was typed in place of its own; take it all out of `values`."""
    given = {declared.name: values.pop(declared.name) for declared in fields(part)}
    sources = {name: ctx.get_parameter_source(name) for name in given}
    typed = {
        name: value
        for name, value in given.items()
        if (source := sources[name]) is not None and source.name != "DEFAULT"
    }
    try:
        return replace(part, **typed)
    except InputError as error:
        raise typer.BadParameter(error.fact) from error


def _option(declared: Field, panel: str) -> inspect.Parameter:
    """Return `declared` as a keyword parameter that Typer makes an option of."""
    option = typer.Option(
        help=declared.metadata["meaning"],
        min=declared.metadata["least"],
        max=declared.metadata["most"],
        rich_help_panel=panel,
    )
    return _keyword(declared.name, Annotated[declared.type, option], declared.default)


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)
