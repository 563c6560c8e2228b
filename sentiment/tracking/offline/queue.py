"""What a run has to say to a store that does not take it now, kept on disk until it is sent.

Knows files; knows nothing of MLflow or of how anything is sent.

A spool is a folder of `data/spool`, for one run, named after the moment of its making:
- `spool.json`, of the process that writes it: `id` (a run made from the spool is tagged with it),
  `uri` of the store, `name`, `ended` (nothing more is to come), `writer` (tags that name that
  process);
- `run.json`, of the process that sends it: `run_id`, the run's id in the store, once it is known;
- `000001-start`, `000002-epoch`, …: a folder for each operation that is not sent yet, with
  `operation.json` (`kind`, `time` in ms and what belongs to it) and perhaps `arrays.npz`;
  `begun` in it says that some of it may be there already;
- `bundles/000002/bundle`: the model that belongs to an operation;
- `trouble`: why the last attempt to send has failed; `lock`, held by the process that sends.
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.errors import DamagedFileError
from sentiment.tracking import process
from sentiment.utils import files, npz
from sentiment.utils.locks import LockedError, file_lock
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.timestamps import epoch_milliseconds

_HINT = "remove that folder, with what it holds of its run"
_BEGUN = "begun"
_MOST_ARRAYS = 1 << 28  # bytes of an operation's arrays; ours have a hundredth of that


@dataclass(frozen=True)
class Operation:
    """Something that was said of a run, by its number."""

    number: int
    folder: Path
    said: dict[str, Any]

    @property
    def kind(self) -> str:
        """The name of the operation."""
        return self.said["kind"]

    @property
    def time(self) -> int:
        """When it was said, in milliseconds since 1970."""
        return self.said["time"]

    @property
    def bundle(self) -> Path:
        """The folder of the model that belongs to it."""
        return self.folder.parent / "bundles" / f"{self.number:06d}" / "bundle"

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that belong to it."""
        return npz.read_arrays(self.folder / "arrays.npz", hint=_HINT, max_bytes=_MOST_ARRAYS)

    def begin(self) -> bool:
        """Mark it as begun; return whether it was before, so that some of it may be there."""
        mark = self.folder / _BEGUN
        if mark.exists():
            return True
        with mark.open("wb") as file:
            os.fsync(file.fileno())
        return False


class OfflineQueue:
    """The operations of one run that are not sent yet, in the order in which they were said."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._last = max((number for number, _ in self._kept()), default=0)

    @classmethod
    def create(
        cls, paths: ProjectPaths, *, uri: str, name: str, run_id: str = ""
    ) -> "OfflineQueue":
        """Make an empty spool, of a run that is to be made or of one with an id already."""
        paths.spool.mkdir(parents=True, exist_ok=True)
        paths.spool.chmod(0o700)  # the address of a server may hold a password
        unique = uuid.uuid4().hex
        place = paths.spool / f"{epoch_milliseconds()}-{unique[:8]}"
        header = {"id": run_id or unique, "uri": uri, "name": name, "ended": False}
        with files.atomic_dir(place) as folder:
            files.write_json(folder / "spool.json", header | {"writer": process.process_tags()})
            if run_id:
                files.write_json(folder / "run.json", {"run_id": run_id})
        return cls(place)

    @property
    def header(self) -> dict[str, Any]:
        """What `spool.json` says."""
        return files.read_json(self.folder / "spool.json", hint=_HINT)

    def note(self, **changes: Any) -> None:
        """Change what `spool.json` says."""
        files.write_json(self.folder / "spool.json", self.header | changes)

    @property
    def run_id(self) -> str:
        """The run's id in the store; empty before it is known."""
        path = self.folder / "run.json"
        return files.read_json(path, hint=_HINT)["run_id"] if path.exists() else ""

    @run_id.setter
    def run_id(self, known: str) -> None:
        if known != self.run_id:
            files.write_json(self.folder / "run.json", {"run_id": known})

    def is_of(self, run_id: str) -> bool:
        """Tell whether that is the run's id in the store or here; of a damaged spool it isn't."""
        with suppress(DamagedFileError):
            return run_id in (self.header["id"], self.run_id)
        return False

    @property
    def trouble(self) -> str:
        """Why the last attempt to send has failed; empty where it has not."""
        try:
            return (self.folder / "trouble").read_text("utf-8")
        except OSError:
            return ""

    @trouble.setter
    def trouble(self, text: str) -> None:
        with suppress(OSError):  # of a full disk others will speak
            if text:
                (self.folder / "trouble").write_text(text, "utf-8")
            else:
                (self.folder / "trouble").unlink(missing_ok=True)

    def record(
        self,
        kind: str,
        *,
        arrays: dict[str, np.ndarray] | None = None,
        bundle: Path | None = None,
        begun: bool = False,
        **said: Any,
    ) -> None:
        """Add an operation, whole or not at all; where it is `begun` some may be there already."""
        self._last += 1
        name = f"{self._last:06d}-{kind}"
        operation = {"kind": kind, "time": epoch_milliseconds(), **said}
        if bundle is not None:
            kept = Operation(self._last, self.folder / name, operation).bundle
            with files.atomic_dir(kept) as folder:
                shutil.copytree(bundle, folder, dirs_exist_ok=True)
        with files.atomic_dir(self.folder / name) as folder:
            if begun:
                (folder / _BEGUN).touch()
            if arrays is not None:
                np.savez_compressed(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]
            files.write_json(folder / "operation.json", operation)

    def pending(self) -> int:
        """Return how many operations are not sent yet."""
        return len(self._kept())

    def operations(self) -> Iterator[Operation]:
        """Yield what is not sent yet, and what is said meanwhile."""
        while kept := self._kept():
            yield _operation(*min(kept))

    def bundles(self) -> dict[int, Path]:
        """Return for each epoch whose model is not sent yet the folder of its bundle."""
        kept = [_operation(*found) for found in sorted(self._kept()) if "-epoch" in found[1].name]
        return {operation.said["step"]: operation.bundle for operation in kept}

    def sent(self, operation: Operation) -> None:
        """Forget an operation that has been sent, at one stroke."""
        gone = self.folder / f".sent.{operation.number:06d}"
        shutil.rmtree(gone, ignore_errors=True)
        operation.folder.rename(gone)
        shutil.rmtree(gone)
        shutil.rmtree(operation.bundle.parent, ignore_errors=True)

    def remove(self) -> None:
        """Take the spool away, whatever it holds."""
        shutil.rmtree(self.folder)

    def settle(self) -> bool:
        """Take the spool away if all is said and sent; return whether it was."""
        if not self.folder.parent.is_dir():
            return True
        with _changing(self.folder.parent):
            if not self.folder.is_dir():
                return True
            header = self.header
            over = header["ended"] or process.is_alive(header["writer"]) is False
            if self.pending() or not over:
                return False
            self.remove()
            return True

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Give whether nobody else sends it; until the body ends nobody else will."""
        with ExitStack() as stack:
            mine = self.folder.is_dir()  # else it has been sent and removed
            if mine:
                try:
                    stack.enter_context(file_lock(self.folder / "lock"))
                except LockedError:
                    mine = False
            yield mine

    def _kept(self) -> list[tuple[int, Path]]:
        return [(int(path.name[:6]), path) for path in self.folder.glob("[0-9]*-*")]


def _operation(number: int, folder: Path) -> Operation:
    return Operation(number, folder, files.read_json(folder / "operation.json", hint=_HINT))


@contextmanager
def find_queue(paths: ProjectPaths, run_id: str) -> Iterator[OfflineQueue | None]:
    """Give the spool of a run by its own id or the spool's, if there is one.

    Nobody takes it away before the body ends.
    """
    if not paths.spool.is_dir():
        yield None
        return
    with _changing(paths.spool):
        yield next((spool for spool in list_queues(paths) if spool.is_of(run_id)), None)


@contextmanager
def _changing(folder: Path) -> Iterator[None]:
    """Let one process at a time say which spools there are; none takes longer than an instant."""
    with file_lock(folder / ".lock", blocking=True):
        yield


def list_queues(paths: ProjectPaths) -> list[OfflineQueue]:
    """Return all spools, the oldest first."""
    return [OfflineQueue(path.parent) for path in sorted(paths.spool.glob("[!.]*/spool.json"))]
