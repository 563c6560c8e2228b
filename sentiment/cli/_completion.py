"""Complete names on the command line: models, recipes, datasets, runs, sweeps.

A shell waits for the answer, so folders and the database are read directly, without MLflow. What
can't be read is left out: there is nobody to tell.
"""

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from sentiment.errors import SentimentError
from sentiment.inference import trained_models
from sentiment.tracking import database
from sentiment.tracking.run_names import bare_name
from sentiment.utils.paths import find_project
from sentiment.utils.resources import shipped_names

_LAST = "last"  # of --resume: the newest one
_DATASETS = ("imdb", "sample")
_DOWNLOADS = "downloads"  # in the folder of TensorFlow Datasets, and no dataset
_MAX_RUNS = 100  # the newest ones
_RUNS = """
    SELECT runs.name FROM runs JOIN experiments USING (experiment_id)
    WHERE runs.lifecycle_stage = 'active' AND experiments.name = ?
    ORDER BY runs.start_time DESC LIMIT ?
"""
_ALIASES = "SELECT name, alias FROM registered_model_aliases ORDER BY name, alias"

Completer = Callable[[typer.Context, str], list[str]]


def _completer(names: Callable[[typer.Context], Iterable[str]]) -> Completer:
    """Make a function that returns those of the names that begin as typed, each once."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            found = dict.fromkeys(names(ctx))
        except (SentimentError, OSError):
            return []
        return [name for name in found if name.startswith(incomplete)]

    return complete


@_completer
def complete_model(ctx: typer.Context) -> list[str]:
    """Return the trained models, the bundled one, and addresses with an alias in MLflow."""
    project = find_project()
    addresses = (f"models:/{name}@{alias}" for name, alias in _query(_ALIASES))
    return [*trained_models.names(project.models), trained_models.BUNDLED, *addresses]


@_completer
def complete_recipe(ctx: typer.Context) -> list[str]:
    """Return the recipes that ship with the package."""
    return shipped_names("sentiment", "recipes")


@_completer
def complete_space(ctx: typer.Context) -> list[str]:
    """Return the search spaces that ship with the package."""
    return shipped_names("sentiment.experiments", "search_spaces")


@_completer
def complete_dataset(ctx: typer.Context) -> list[str]:
    """Return the built-in datasets, and those of TensorFlow Datasets that are on this machine."""
    names = _folders(find_project().tfds)
    return [*_DATASETS, *(f"tfds:{name}" for name in names if name != _DOWNLOADS)]


@_completer
def complete_run(ctx: typer.Context) -> list[str]:
    """Return the names of the newest runs of the experiment."""
    rows = _query(_RUNS, ctx.params.get("experiment"), _MAX_RUNS)
    return [bare_name(name) for (name,) in rows if name]


@_completer
def complete_unfinished_run(ctx: typer.Context) -> list[str]:
    """Return the trainings that can be resumed."""
    return _resumable(find_project().checkpoints)


@_completer
def complete_sweep(ctx: typer.Context) -> list[str]:
    """Return the sweeps that can be resumed."""
    return _resumable(find_project().sweeps)


def _resumable(folder: Path) -> list[str]:
    names = _folders(folder)
    return [_LAST, *names] if names else []


def _folders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("[!.]*") if path.is_dir())


def _query(statement: str, *values: str | int | None) -> list[tuple]:
    """Return rows of the tracking store; none if it is a server or can't be read."""
    path = database.database_path(find_project())
    try:
        return database.query(path, statement, *values) if path else []
    except sqlite3.Error:
        return []
