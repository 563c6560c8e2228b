"""A training on disk as it stands after an epoch, so that another process can go on from there.

Knows files, arrays and JSON; knows nothing of networks or of what the state means.

The checkpoints of a run are folders `epoch-0001`, `epoch-0002`, … of which the newest two are
kept. Each holds `state.json`, `arrays.npz` (no pickles) and `checkpoint.json`: `format` (1),
`files`, the size and SHA-256 of the other two, and `digest`, its own as a bundle has it. Each
appears whole or not at all, and goes so. The lock beside the folder is held by the process that
trains.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.errors import DamagedFileError, MissingFileError
from sentiment.utils import files, npz
from sentiment.utils.locks import file_lock

FORMAT = 1
LAST = "last"  # names the run whose checkpoint is the newest
_KEPT = 2  # checkpoints of a run: where the newest is damaged there is the one before
_EPOCHS = "epoch-[0-9]*"
_HINT = "sentiment train"


@dataclass(frozen=True)
class Checkpoint:
    """A training as it stood after `epoch`. state: JSON's types; arrays: by name."""

    epoch: int
    state: dict[str, Any]
    arrays: dict[str, np.ndarray]


class CheckpointWriter:
    """Writes the checkpoints of one run to `folder`."""

    def __init__(self, folder: Path):
        self._folder = folder

    def write(self, epoch: int, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Write a checkpoint, whole or not at all; of those before it one is kept."""
        with files.atomic_dir(self._folder / f"epoch-{epoch:04d}") as aside:
            files.write_json(aside / "state.json", state)
            # Not compressed: weights hardly shrink, and it would take seconds.
            np.savez(aside / "arrays.npz", **arrays)  # type: ignore[arg-type]
            record = {"format": FORMAT, "files": files.checksums(aside)}
            files.write_json(aside / "checkpoint.json", files.add_checksum(record))
        for old in _paths(self._folder)[_KEPT:]:
            files.remove_dir(old)
        # A process that was killed while it wrote has left a folder with a dot before its name.
        for left in self._folder.glob(f".{_EPOCHS}"):
            shutil.rmtree(left, ignore_errors=True)

    def remove(self) -> None:
        """Remove all checkpoints of the run: it has ended well."""
        files.remove_dir(self._folder)


@contextmanager
def open_writer(folder: Path) -> Iterator[CheckpointWriter]:
    """Give a writer of checkpoints to `folder`; raise InputError where another process has one."""
    # Not in the folder, which is removed while the lock is held.
    with file_lock(folder.with_name(f".{folder.name}.lock"), f"training {folder.name}"):
        try:
            yield CheckpointWriter(folder)
        finally:
            if not _paths(folder):
                files.remove_dir(folder)


def exists(folder: Path) -> bool:
    """Tell whether `folder` holds checkpoints, be they damaged."""
    return bool(_paths(folder))


def newest(folder: Path, say: Callable[[str], None]) -> Checkpoint:
    """Return the newest checkpoint of a run that is whole; `say` which ones are damaged.

    Raises DamagedFileError where none is whole.
    """
    for path in _paths(folder):
        try:
            return read(path)
        except DamagedFileError as error:
            say(f"{error.fact}: going back to the checkpoint before it")
    raise DamagedFileError(f"no checkpoint in {folder} is whole", hint=_HINT)


def read(path: Path) -> Checkpoint:
    """Read one checkpoint; raise DamagedFileError where it is not what was written."""
    place = path / "checkpoint.json"
    record = files.read_json(place, hint=_HINT)
    if record.get("format") != FORMAT:
        raise DamagedFileError(
            f"{place} is of format {record.get('format')!r}; this program reads {FORMAT}",
            hint=_HINT,
        )
    files.verify_checksum(place, record, hint=_HINT)
    for name in ("state.json", "arrays.npz"):
        recorded = record.get("files")
        stated = recorded.get(name) if isinstance(recorded, dict) else None
        files.verify_file(path / name, stated if isinstance(stated, dict) else {}, hint=_HINT)
    state = files.read_json(path / "state.json", hint=_HINT)
    arrays = npz.read_arrays(path / "arrays.npz", hint=_HINT)
    return Checkpoint(int(path.name.partition("-")[2]), state, arrays)


def find(checkpoints: Path, named: str) -> Path:
    """Return the folder of the run `named` so, or of the newest checkpoint for `last`.

    Raises MissingFileError, which lists the runs that can be resumed.
    """
    if named and "/" not in named and exists(checkpoints / named):
        return checkpoints / named
    held = {path: _paths(path) for path in checkpoints.glob("[!.]*")}
    by_time = sorted((found[0].stat().st_mtime_ns, path) for path, found in held.items() if found)
    runs = [path.name for _, path in reversed(by_time)]
    if named == LAST and runs:
        return checkpoints / runs[0]
    known = f"; there are checkpoints of {', '.join(runs)}" if runs else ""
    what = "no training" if named == LAST else f"no training called {named!r}"
    raise MissingFileError(
        f"{what} can be resumed{known}",
        hint=f"sentiment train --resume {runs[0]}" if runs else _HINT,
    )


def _paths(folder: Path) -> list[Path]:
    """Return the checkpoints in `folder`, the newest first."""
    return sorted(folder.glob(_EPOCHS), reverse=True)
