"""Checkpoints on disk: the state of a training after an epoch, for another process to resume.

The checkpoints of a run are folders `epoch-0001`, `epoch-0002`, …; the newest two remain. Each
has `state.json`, `arrays.npz` (no pickles) and `checkpoint.json`: `format` (1), `files`, the size
and SHA-256 of the other two, and `digest`, its own, computed as a bundle's is. Each appears and
disappears as a whole. The process that trains locks a file beside the folder.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.errors import DamagedFileError, MissingFileError
from sentiment.utils import files, names, npz
from sentiment.utils.locks import file_lock

FORMAT = 1
LAST = "last"  # stands for the run with the newest checkpoint
_MAX_CHECKPOINTS = 2  # of a run: if the newest is damaged, the one before it serves
_EPOCHS = "epoch-[0-9]*"
_HINT = "sentiment train"


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after `epoch`. state: JSON's types; arrays: by name."""

    epoch: int
    state: dict[str, Any]
    arrays: dict[str, np.ndarray]


class CheckpointWriter:
    """Writes the checkpoints of one run to `folder`."""

    def __init__(self, folder: Path):
        self._folder = folder

    def write(self, epoch: int, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Write a checkpoint as a whole or not at all; delete all but the one before it."""
        with files.atomic_dir(self._folder / f"epoch-{epoch:04d}") as tmp:
            files.write_json(tmp / "state.json", state)
            # Not compressed: weights hardly shrink, and it would take seconds.
            np.savez(tmp / "arrays.npz", **arrays)  # type: ignore[arg-type]
            record = {"format": FORMAT, "files": files.checksums(tmp)}
            files.write_json(tmp / "checkpoint.json", files.add_checksum(record))
        for old in _checkpoints(self._folder)[_MAX_CHECKPOINTS:]:
            files.remove_dir(old)
        # A process that was killed while writing leaves a folder with a dot before its name.
        for unfinished in self._folder.glob(f".{_EPOCHS}"):
            shutil.rmtree(unfinished, ignore_errors=True)

    def remove(self) -> None:
        """Remove all checkpoints of the run."""
        files.remove_dir(self._folder)


@contextmanager
def open_writer(folder: Path) -> Iterator[CheckpointWriter]:
    """Yield a writer for `folder`; raise InputError if another process has one."""
    # The lock is not in the folder, which may be removed while it is locked.
    with file_lock(folder.with_name(f".{folder.name}.lock"), f"training {folder.name}"):
        try:
            yield CheckpointWriter(folder)
        finally:
            if not exists(folder):
                files.remove_dir(folder)


def exists(folder: Path) -> bool:
    """Return True if `folder` has checkpoints, damaged ones included."""
    return bool(_checkpoints(folder))


def newest(folder: Path, notify: Callable[[str], None]) -> Checkpoint:
    """Return the newest undamaged checkpoint of a run; `notify` of each damaged one.

    Raises DamagedFileError if all are damaged.
    """
    for path in _checkpoints(folder):
        try:
            return read(path)
        except DamagedFileError as error:
            notify(f"{error.fact}: using the checkpoint before it")
    raise DamagedFileError(f"all checkpoints in {folder} are damaged", hint=_HINT)


def read(path: Path) -> Checkpoint:
    """Read one checkpoint; raise DamagedFileError if it differs from what was written."""
    record_path = path / "checkpoint.json"
    record = files.read_json(record_path, hint=_HINT)
    if record.get("format") != FORMAT:
        raise DamagedFileError(
            f"{record_path} has format {record.get('format')!r}; this program reads {FORMAT}",
            hint=_HINT,
        )
    files.verify_checksum(record_path, record, hint=_HINT)
    for name in ("state.json", "arrays.npz"):
        recorded = record.get("files")
        checksum = recorded.get(name) if isinstance(recorded, dict) else None
        files.verify_file(path / name, checksum if isinstance(checksum, dict) else {}, hint=_HINT)
    state = files.read_json(path / "state.json", hint=_HINT)
    arrays = npz.read_arrays(path / "arrays.npz", hint=_HINT)
    return Checkpoint(int(path.name.partition("-")[2]), state, arrays)


def find(checkpoints: Path, name: str) -> Path:
    """Return the folder of the run `name`; for `last`, of the run with the newest checkpoint.

    Raises MissingFileError, which lists the runs that can be resumed.
    """
    folder = names.path_inside(checkpoints, name, "a run name", hint=_HINT)
    if exists(folder):
        return folder
    by_run = {folder: _checkpoints(folder) for folder in checkpoints.glob("[!.]*")}
    by_time = sorted(
        (paths[0].stat().st_mtime_ns, folder) for folder, paths in by_run.items() if paths
    )
    runs = [folder.name for _, folder in reversed(by_time)]
    if name == LAST and runs:
        return checkpoints / runs[0]
    known = f"; there are checkpoints of {', '.join(runs)}" if runs else ""
    wanted = "no training" if name == LAST else f"no training called {name!r}"
    raise MissingFileError(
        f"{wanted} can be resumed{known}",
        hint=f"sentiment train --resume {runs[0]}" if runs else _HINT,
    )


def _checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in `folder`, the newest first."""
    return sorted(folder.glob(_EPOCHS), reverse=True)
