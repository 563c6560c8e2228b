"""Command-line options: those that commands share, and those made from settings.

A setting's range and help text are declared once, in `config.py`; its default is that of the recipe
`default`.
"""

import functools
import inspect
import os
import shlex
import sys
from collections.abc import Callable, Collection
from dataclasses import Field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from sentiment.cli._completion import complete_dataset, complete_model, complete_recipe
from sentiment.config import (
    READ_SETTINGS,
    ModelSettings,
    PrepareSettings,
    Settings,
    TrainSettings,
    setting_field,
)
from sentiment.errors import InputError
from sentiment.inference import trained_models

if TYPE_CHECKING:
    from sentiment.data.readers import ReadOptions

FILES = "Files"  # the group of options about files of texts

TextsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TEXT]...", help="texts, or - for standard input with one text per line"
    ),
]
TextColumnOption = Annotated[
    str, typer.Option(metavar="COLUMN", help="column with the text", rich_help_panel=FILES)
]
InputOption = Annotated[
    str | None,
    typer.Option(
        "--input",
        "-i",
        metavar="FILE",
        help="file of texts, or a folder of such files, in any format of `sentiment formats`; "
        "- for standard input, with --format",
        rich_help_panel=FILES,
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        autocompletion=complete_model,
        help="name or folder of a model, name or id of a run, or an address in MLflow such as "
        "models:/sentiment@champion; default: SENTIMENT_MODEL, else the newest model of at least "
        f"{trained_models.MIN_REVIEWS:,} reviews, else pretrained",
    ),
]
ExportFormat = Literal["html", "keras", "onnx", "safetensors"]
ExperimentOption = Annotated[
    str,
    typer.Option(
        metavar="NAME", envvar="MLFLOW_EXPERIMENT_NAME", help="name of the MLflow experiment"
    ),
]
PortOption = Annotated[
    int,
    typer.Option(
        metavar="N", min=1, max=65535, help="port to listen on; any free one if it is taken"
    ),
]
HostOption = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS", help="address to listen on; 0.0.0.0 accepts other machines as well"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="print one JSON object")]

_TYPES: dict[Any, str] = {int: "N", float: "X"}
_METAVARS = {
    "dataset": "DATASET",
    "text_column": "COLUMN",
    "label_column": "COLUMN",
    "format": "FORMAT",
    "delimiter": "CHAR",
    "encoding": "ENCODING",
    "positive": "LABELS",
    "negative": "LABELS",
    "test": "FILE",
    "cell": "CELL",
}
_PANELS = {PrepareSettings: "Reviews", ModelSettings: "Network", TrainSettings: "Training"}

Part = TypeVar("Part", bound=Settings)


def settings_options(command: Callable) -> Callable:
    """Give `command` an option for each setting of its first parameter: one kind, or a recipe.

    When it runs, that parameter is made from the options. A parameter `ctx` gets the context.
    """
    from sentiment import recipe  # here, as `predict` doesn't need it

    first, *others = inspect.signature(command).parameters.values()
    takes_recipe = first.annotation is recipe.Recipe
    takes_context = any(parameter.name == "ctx" for parameter in others)
    kinds = tuple(_PANELS) if takes_recipe else (first.annotation,)
    parameters = [_keyword("ctx", typer.Context, inspect.Parameter.empty)]
    if takes_recipe:
        shipped = ", ".join(recipe.shipped_recipes())
        option = typer.Option(
            metavar="RECIPE",
            autocompletion=complete_recipe,
            help=f"{shipped}, or a TOML file; the options below override it",
        )
        parameters.append(_keyword("recipe", Annotated[str, option], recipe.DEFAULT))
    parameters += [
        _keyword(parameter.name, parameter.annotation, parameter.default)
        for parameter in others
        if parameter.name != "ctx"
    ]
    defaults = recipe.default_recipe()
    parts = [getattr(defaults, table) for table in recipe.TABLES]
    parameters += [
        _option(setting, _PANELS[type(part)], getattr(part, setting.name))
        for part in parts
        if type(part) in kinds
        for setting in fields(part)
    ]

    @functools.wraps(command)
    def run(ctx: typer.Context, **values: Any) -> Any:
        base = recipe.load_recipe(values.pop("recipe")) if takes_recipe else defaults
        parts = {
            table: _override(getattr(base, table), ctx, values)
            for table in recipe.TABLES
            if type(getattr(base, table)) in kinds
        }
        values[first.name] = replace(base, **parts) if takes_recipe else next(iter(parts.values()))
        return command(**values, **({"ctx": ctx} if takes_context else {}))

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def reading_options(command: Callable) -> Callable:
    """Give `command` the options that say how a file is read.

    When it runs, its parameter `reading` is the `ReadOptions` made from them.
    """
    parameters = [
        parameter
        for name, parameter in inspect.signature(command).parameters.items()
        if name != "reading"
    ]
    read = [setting_field(PrepareSettings, name) for name in READ_SETTINGS]
    parameters += [_option(setting, FILES, setting.default) for setting in read]

    @functools.wraps(command)
    def run(*arguments: Any, **values: Any) -> Any:
        from sentiment.data.readers import ReadOptions  # here: `--help` doesn't need it

        given = {name: values.pop(name) for name in READ_SETTINGS if name in values}
        return command(*arguments, **values, reading=ReadOptions(**given))

    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    )
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def typed_parameters(ctx: typer.Context) -> set[str]:
    """Return the names of the parameters that were typed on the command line."""
    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    return {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}


def option_names(ctx: typer.Context, names: set[str]) -> str:
    """Return parameters as they are typed: `as_json` as --json, a false `track` as --no-track.

    An argument, such as `texts`, keeps its name.
    """
    parameters = [parameter for parameter in ctx.command.params if parameter.name in names]
    negated = [ctx.params[parameter.name or ""] is False for parameter in parameters]
    words = [
        (parameter.secondary_opts if no else parameter.opts)[0]
        for parameter, no in zip(parameters, negated, strict=True)
    ]
    return ", ".join(sorted(words))


def refuse_ignored(ctx: typer.Context, names: Collection[str], reason: str) -> None:
    """Raise a usage error if one of the parameters `names` was typed: it would do nothing."""
    if ignored := typed_parameters(ctx) & set(names):
        raise typer.BadParameter(f"{option_names(ctx, ignored)}: {reason}")


def refuse_ignored_reading(ctx: typer.Context, path: Path | None, reading: "ReadOptions") -> None:
    """Raise a usage error if an option that says how a file is read does nothing for `path`."""
    if path is None:
        refuse_ignored(ctx, (*READ_SETTINGS, "text_column"), "only for a file")
        return
    if not typed_parameters(ctx) & {"delimiter", "quoting", "header", "encoding"}:
        return
    from sentiment.data import formats

    name = formats.format_name(path, reading)
    row = formats.FORMATS[name]
    if not row.formulas:
        refuse_ignored(ctx, ("header",), f"{name} files have no header")
    if row.binary or not row.formulas:
        refuse_ignored(ctx, ("delimiter", "quoting"), f"{name} files have no delimiters")
    if row.binary:
        refuse_ignored(ctx, ("encoding",), f"{name} files say their encoding")


def refuse_ignored_rows(ctx: typer.Context, settings: PrepareSettings) -> None:
    """Raise a usage error if an option for the rows of a file was typed, and there is no file."""
    from sentiment.data import prepare, sources

    if not sources.find_source(settings.dataset).labelled_rows:
        names = (*prepare.ROW_SETTINGS, "text_column", "label_column")
        reason = f"the dataset {settings.dataset} has labels and test reviews of its own"
        refuse_ignored(ctx, names, reason)
    elif settings.test:
        refuse_ignored(ctx, ("test_share",), "--test has the test reviews")


def check_text_source(texts: list[str] | None, source: Path | None, example: str) -> None:
    """Raise an error unless texts come from exactly one of arguments, a pipe and a file.

    `example` is the command to suggest.
    """
    if texts and source:
        raise typer.BadParameter("give texts or --input FILE, not both")
    if not texts and source is None and sys.stdin.isatty():
        raise InputError("no text was given", hint=example)
    for text in texts or ():
        if "." in text and os.path.isfile(text):  # noqa: PTH113 - a Path can't hold every text
            raise InputError(
                f"{text} is a file, and not a text", hint=f"--input {shlex.quote(text)}"
            )


def _override(part: Part, ctx: typer.Context, values: dict[str, Any]) -> Part:
    """Return `part` with the settings that were typed; remove all its settings from `values`."""
    given = {setting.name: values.pop(setting.name) for setting in fields(part)}
    sources = {name: ctx.get_parameter_source(name) for name in given}
    changed = {
        name: value
        for name, value in given.items()
        if (source := sources[name]) is not None and source.name != "DEFAULT"
    }
    try:
        return replace(part, **changed)
    except InputError as error:
        raise typer.BadParameter(error.fact) from error


def _option(setting: Field, panel: str, default: Any) -> inspect.Parameter:
    """Return the parameter that Typer turns into the option of a setting."""
    option = typer.Option(
        help=setting.metadata["meaning"],
        metavar=_METAVARS.get(setting.name, _TYPES.get(setting.type)),
        autocompletion=complete_dataset if setting.name == "dataset" else None,
        min=setting.metadata["least"],
        max=setting.metadata["most"],
        rich_help_panel=panel,
    )
    return _keyword(setting.name, Annotated[setting.type, option], default)


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)
