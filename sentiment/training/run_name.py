"""Choose or check the name of a run, which its model folder has as well."""

import shlex
from pathlib import Path

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.errors import InputError
from sentiment.training import checkpoint
from sentiment.utils import files, names
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.timestamps import name_timestamp

_MAX_PART = 20  # characters of a recipe's or a dataset's name


def check_run_name(paths: ProjectPaths, name: str) -> None:
    """Raise InputError if `name` can't be the name of a run, or is taken."""
    names.check_name(name, "a run name", hint="sentiment train --name first-try")
    if (paths.models / name).exists():
        raise InputError(f"{paths.models / name} already exists", hint="choose another --name")
    if checkpoint.exists(paths.checkpoints / name):
        raise InputError(
            f"the training {name} has started and not finished",
            hint=f"sentiment train --resume {shlex.quote(name)}, or choose another --name",
        )


def claim_run_name(
    paths: ProjectPaths, recipe: str, dataset: str, model: ModelSettings, train: TrainSettings
) -> str:
    """Return a new name made of the main settings and the time.

    It begins with `dataset` unless that is the default. No other process gets the same name: its
    checkpoint folder exists from now on. Raises InputError if that folder can't be created.
    """
    shape = f"{model.layers}x{model.units}" if model.layers > 1 else f"{model.units}"
    direction = "bi" if model.bidirectional else ""
    parts = ["" if dataset == PrepareSettings().name else _shorten(dataset), _shorten(recipe)]
    parts += [f"{direction}rnn{shape}", model.readout, f"seed{train.seed}", name_timestamp()]
    name = "-".join(filter(None, parts))
    with files.write_errors(paths.checkpoints):
        paths.checkpoints.mkdir(parents=True, exist_ok=True)
        free, tries = name, 1
        while (paths.models / free).exists() or not _create(paths.checkpoints / free):
            tries += 1
            free = f"{name}-{tries}"
    return free


def _create(folder: Path) -> bool:
    """Create a folder; return False if it exists already."""
    try:
        folder.mkdir()
        return True
    except FileExistsError:
        return False


def _shorten(name: str) -> str:
    """Return the start of a file's name as a part of a run's name; it may be empty."""
    plain = "".join(filter(str.isprintable, name)).replace("/", "").replace("\\", "")
    return plain[:_MAX_PART].strip(".- ")
