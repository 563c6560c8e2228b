"""What a run is called, its model's folder too: one name, checked or made.

Knows the settings and where models and checkpoints lie; knows nothing of training.
"""

import os
import shlex
from pathlib import Path

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.errors import InputError
from sentiment.training import checkpoint
from sentiment.utils import files
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.timestamps import name_timestamp

_LONGEST = 200  # bytes: with what goes around it while it is written, it must be a file's name


def check_run_name(paths: ProjectPaths, wanted: str) -> None:
    """Raise InputError where `wanted` can't be a run's name, or is one already."""
    # Names go to terminals, pages and commands to copy: no control characters, no first dash.
    plain = wanted.isprintable() and wanted[:1] not in {"", ".", "-"}
    if not plain or {"/", "\\"} & set(wanted) or len(os.fsencode(wanted)) > _LONGEST:
        shown = ascii(wanted) if len(wanted) <= _LONGEST else f"{len(wanted)} characters"
        raise InputError(
            f"a run name is a plain file name of up to {_LONGEST} bytes, got {shown}",
            hint="sentiment train --name first-try",
        )
    if (paths.models / wanted).exists():
        raise InputError(f"{paths.models / wanted} is there already", hint="choose another --name")
    if checkpoint.exists(paths.checkpoints / wanted):
        raise InputError(
            f"{wanted} has begun and not ended",
            hint=f"sentiment train --resume {shlex.quote(wanted)}, or another --name",
        )


def claim_run_name(
    paths: ProjectPaths, recipe: str, dataset: str, model: ModelSettings, train: TrainSettings
) -> str:
    """Return a name that says the essentials and the moment; `dataset` unless it is the usual.

    No other process is given it: the folder of its checkpoints is there from now on. Raises
    InputError where there can't be one.
    """
    shape = f"{model.layers}x{model.units}" if model.layers > 1 else f"{model.units}"
    ways = "bi" if model.bidirectional else ""
    moment = name_timestamp()
    of = "" if dataset == PrepareSettings().name else f"{_part(dataset)}-"
    name = f"{of}{_part(recipe)}-{ways}rnn{shape}-{model.readout}-seed{train.seed}-{moment}"
    with files.write_errors(paths.checkpoints):
        paths.checkpoints.mkdir(parents=True, exist_ok=True)
        free, tries = name, 1
        while (paths.models / free).exists() or not _made(paths.checkpoints / free):
            tries += 1
            free = f"{name}-{tries}"
    return free


def _made(folder: Path) -> bool:
    """Make a folder; return False where it is there already."""
    try:
        folder.mkdir()
        return True
    except FileExistsError:
        return False


def _part(file: str) -> str:
    """Return of a name that a file gave what a run's name has room for."""
    return "".join(filter(str.isprintable, file))[:20].strip(".- ")
