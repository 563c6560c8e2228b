"""Complete names on the command line: models, recipes, datasets, runs, sweeps.

A shell waits for the answer, so folders and the database are read directly, without MLflow. What
can't be read is left out: there is nobody to tell.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import wraps
from pathlib import Path
from urllib.parse import quote

import typer

from sentiment.errors import SentimentError
from sentiment.inference import trained_models
from sentiment.utils.paths import find_project
from sentiment.utils.resources import shipped_names

LAST = "last"  # of --resume: the newest one
_DATASETS = ("imdb", "sample")
_MAX_RUNS = 100  # the newest ones
_WAIT = 1.0  # seconds for a database that is being written
_RUNS = """
    SELECT runs.name FROM runs JOIN experiments USING (experiment_id)
    WHERE runs.lifecycle_stage = 'active' AND experiments.name = ?
    ORDER BY runs.start_time DESC LIMIT ?
"""

Completer = Callable[[typer.Context, str], list[str]]


def _completer(names: Callable[[typer.Context], Iterable[str]]) -> Completer:
    """Make a function that returns all names into one that returns those that begin as typed."""

    @wraps(names)
    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            found = list(dict.fromkeys(names(ctx)))
        except (SentimentError, OSError, sqlite3.Error):
            return []
        return [name for name in found if name.startswith(incomplete)]

    # Typer finds out by the annotations what to pass.
    del complete.__wrapped__
    complete.__annotations__ = {"ctx": typer.Context, "incomplete": str}
    return complete


@_completer
def complete_model(ctx: typer.Context) -> list[str]:
    """Return the trained models and the bundled one."""
    return [*trained_models.names(find_project().models), trained_models.BUNDLED]


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
    folder = find_project().tfds
    return [*_DATASETS, *(f"tfds:{name}" for name in _folders(folder) if name != "downloads")]


@_completer
def complete_run(ctx: typer.Context) -> list[str]:
    """Return the names of the newest runs of the experiment, if the store is on this machine."""
    database = _database()
    if database is None:
        return []
    experiment = ctx.params.get("experiment") or "sentiment"
    with closing(
        sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True, timeout=_WAIT)
    ) as store:
        rows = store.execute(_RUNS, (experiment, _MAX_RUNS)).fetchall()
    return [trained_models.bare_name(name) for (name,) in rows if name]


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
    return [LAST, *names] if names else []


def _folders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("[!.]*") if path.is_dir())


def _database() -> Path | None:
    """Return the SQLite file of the tracking store; None if it is elsewhere or missing."""
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    path = Path(uri.removeprefix("sqlite:///")) if uri else find_project().mlruns / "mlflow.db"
    return path if path.is_file() and "://" not in str(path) else None
