"""A training on disk as it stands after an epoch, so that another process can go on from there.

Knows files, arrays and JSON; knows nothing of networks or of what the state means.

The checkpoints of a run are folders `epoch-0001`, `epoch-0002`, … of which the newest two are
kept. Each holds `state.json`, `arrays.npz` (no pickles) and `checkpoint.json`: `format` (1) and
`files`, the size and SHA-256 of the other two. Each appears whole or not at all. `.lock` is held by
the process that trains, and let go by the operating system however that process ends.
"""

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentiment import files
from sentiment.errors import DamagedFileError, InputError, MissingFileError

FORMAT = 1
LAST = "last"  # names the run whose checkpoint is the newest
_KEPT = 2  # checkpoints of a run: where the newest is damaged there is the one before
_EPOCHS = "epoch-[0-9]*"
_REMEDY = "sentiment train"


@dataclass(frozen=True)
class Checkpoint:
    """A training as it stood after `epoch`. state: JSON's types; arrays: by name."""

    epoch: int
    state: dict[str, Any]
    arrays: dict[str, np.ndarray]


class Writer:
    """Writes the checkpoints of one run to `folder`."""

    def __init__(self, folder: Path):
        self._folder = folder

    def write(self, epoch: int, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Write a checkpoint, whole or not at all; of those before it one is kept."""
        with files.whole_folder(self._folder / f"epoch-{epoch:04d}") as aside:
            files.write_json(aside / "state.json", state)
            # Not compressed: weights hardly shrink, and it would take seconds.
            np.savez(aside / "arrays.npz", **arrays)  # type: ignore[arg-type]
            record = {"format": FORMAT, "files": files.record(aside)}
            files.write_json(aside / "checkpoint.json", record)
        # A process that was killed while it wrote has left a folder with a dot before its name.
        for old in [*_folders(self._folder)[_KEPT:], *self._folder.glob(f".{_EPOCHS}")]:
            shutil.rmtree(old, ignore_errors=True)

    def remove(self) -> None:
        """Remove all checkpoints of the run: it has ended well."""
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def writing(folder: Path) -> Iterator[Writer]:
    """Give a writer of checkpoints to `folder`; raise InputError where another process has one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise InputError(f"can't write in {folder}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{folder.name} is being trained by another process") from error
        try:
            yield Writer(folder)
        finally:
            if not _folders(folder):
                shutil.rmtree(folder, ignore_errors=True)


def exists(folder: Path) -> bool:
    """Tell whether `folder` holds checkpoints, be they damaged."""
    return bool(_folders(folder))


def newest(folder: Path, say: Callable[[str], None]) -> Checkpoint:
    """Return the newest checkpoint of a run that is whole; `say` which ones are damaged.

    Raises DamagedFileError where none is whole.
    """
    for path in _folders(folder):
        try:
            return read(path)
        except DamagedFileError as error:
            say(f"{error.fact}: going back to the checkpoint before it")
    raise DamagedFileError(f"no checkpoint in {folder} is whole", remedy=_REMEDY)


def read(path: Path) -> Checkpoint:
    """Read one checkpoint; raise DamagedFileError where it is not what was written."""
    record = files.read_json(path / "checkpoint.json", remedy=_REMEDY)
    if record.get("format") != FORMAT:
        raise DamagedFileError(
            f"{path} is of checkpoint format {record.get('format')!r}; this program reads {FORMAT}",
            remedy=_REMEDY,
        )
    for name in ("state.json", "arrays.npz"):
        recorded = record.get("files")
        stated = recorded.get(name) if isinstance(recorded, dict) else None
        files.check(path / name, stated if isinstance(stated, dict) else {}, remedy=_REMEDY)
    state = files.read_json(path / "state.json", remedy=_REMEDY)
    with (
        files.readable(path / "arrays.npz", remedy=_REMEDY),
        np.load(path / "arrays.npz", allow_pickle=False) as stored,
    ):
        return Checkpoint(int(path.name.partition("-")[2]), state, dict(stored))


def find(checkpoints: Path, named: str) -> Path:
    """Return the folder of the run `named` so, or of the newest checkpoint for `last`.

    Raises MissingFileError, which lists the runs that can be resumed.
    """
    if named and "/" not in named and exists(checkpoints / named):
        return checkpoints / named
    held = {path: _folders(path) for path in checkpoints.glob("[!.]*")}
    by_time = sorted((found[0].stat().st_mtime_ns, path) for path, found in held.items() if found)
    runs = [path.name for _, path in reversed(by_time)]
    if named == LAST and runs:
        return checkpoints / runs[0]
    known = f"; there are checkpoints of {', '.join(runs)}" if runs else ""
    what = "no training" if named == LAST else f"no training called {named!r}"
    raise MissingFileError(
        f"{what} can be resumed{known}",
        remedy=f"sentiment train --resume {runs[0]}" if runs else _REMEDY,
    )


def _folders(folder: Path) -> list[Path]:
    """Return the checkpoints in `folder`, the newest first."""
    return sorted(folder.glob(_EPOCHS), reverse=True)
