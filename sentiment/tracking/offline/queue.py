"""Keep what a run logs on disk until the tracking store can take it.

A queue is a folder of `data/spool`, one per run, named after the time of its creation:
- `spool.json`, from the process that logs the run: the fields of QueueHeader;
- `run.json`, from the process that sends: `run_id`, the run's id in the store, once it is known;
- `000001-start`, `000002-epoch`, …: a folder for each operation that is not sent yet, with
  `operation.json` (see operations.py) and, if it has arrays, `arrays.npz`; a file `begun` in it
  says that a part of the operation may be in the store already;
- `damaged-000002-epoch`: an operation that can't be read, set aside so that the rest is sent;
- `bundles/000002/bundle`: the model that belongs to an operation;
- `trouble`: why the last attempt to send failed;
- `lock`, locked by the process that sends.
"""

import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.errors import DamagedFileError, SentimentError
from sentiment.tracking import process
from sentiment.tracking.offline.operations import (
    Epoch,
    Payload,
    Start,
    payload_to_json,
)
from sentiment.tracking.offline.stored_operation import (
    BEGUN,
    HINT,
    Operation,
    bundle_folder,
    read_operation,
    try_read_operation,
)
from sentiment.utils import files
from sentiment.utils.credentials import mask, without_credentials
from sentiment.utils.locks import LockedError, file_lock
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.timestamps import epoch_milliseconds
from sentiment.utils.typed_json import check_line, typed

_DAMAGED = "damaged-"  # before the name of an operation that was set aside
_OPERATION = re.compile(r"\d{6}-[a-z]+", re.ASCII)


@dataclass(frozen=True)
class QueueHeader:
    """The run that a queue belongs to, as `spool.json` has it.

    id: the run's id in the store, or one of the queue's own with which the new run is tagged;
    uri: the address of the store; ended: no operation will be added; writer: the tags of the
    process that adds operations.
    """

    id: str
    uri: str
    name: str
    ended: bool
    writer: dict[str, str]


class OfflineQueue:
    """The operations of one run that are not sent yet, in the order in which they were logged."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._drop_password()
        self._last = max((number for number, _ in self._folders()), default=0)

    @classmethod
    def create(
        cls, paths: ProjectPaths, *, uri: str, name: str, run_id: str = ""
    ) -> "OfflineQueue":
        """Create an empty queue, for a new run or for the one with the id `run_id`."""
        paths.spool.mkdir(parents=True, exist_ok=True)
        paths.spool.chmod(0o700)  # earlier versions wrote passwords of servers
        unique = uuid.uuid4().hex
        path = paths.spool / f"{epoch_milliseconds()}-{unique[:8]}"
        header = QueueHeader(run_id or unique, uri, name, False, process.process_tags())
        with files.atomic_dir(path) as folder:
            files.write_json(folder / "spool.json", asdict(header))
            if run_id:
                files.write_json(folder / "run.json", {"run_id": run_id})
        return cls(path)

    @property
    def header(self) -> QueueHeader:
        """The content of `spool.json`."""
        path = self.folder / "spool.json"
        content = files.read_json(path, hint=HINT)
        with files.read_errors(path, hint=HINT):
            header: QueueHeader = typed(QueueHeader, content, "header")
            for name in ("id", "uri", "name"):
                check_line(content[name], name)
            return header

    def update_header(self, **changes: Any) -> None:
        """Change fields of the header."""
        files.write_json(self.folder / "spool.json", asdict(replace(self.header, **changes)))

    @property
    def run_id(self) -> str:
        """The run's id in the store; empty until it is known."""
        path = self.folder / "run.json"
        if not path.exists():
            return ""
        content = files.read_json(path, hint=HINT)
        with files.read_errors(path, hint=HINT):
            return check_line(typed(str, content.get("run_id"), "run_id"), "run_id")

    @run_id.setter
    def run_id(self, run_id: str) -> None:
        if run_id != self.run_id:
            files.write_json(self.folder / "run.json", {"run_id": run_id})

    def belongs_to(self, run_id: str) -> bool:
        """Return True if that is the run's id, in the store or here; False if damaged."""
        with suppress(DamagedFileError):
            return run_id in (self.header.id, self.run_id)
        return False

    @property
    def last_error(self) -> str:
        """Why the last attempt to send failed; empty if it did not."""
        try:
            return (self.folder / "trouble").read_text("utf-8")
        except OSError:
            return ""

    @last_error.setter
    def last_error(self, text: str) -> None:
        with suppress(OSError):  # a full disk is reported when an operation is written
            if text:
                (self.folder / "trouble").write_text(text, "utf-8")
            else:
                (self.folder / "trouble").unlink(missing_ok=True)

    def append(
        self,
        payload: Payload,
        *,
        arrays: dict[str, np.ndarray] | None = None,
        bundle: Path | None = None,
        begun: bool = False,
    ) -> None:
        """Add an operation, whole or not at all.

        begun: a part of it may be in the store already.
        """
        self._last += 1
        if bundle is not None:
            with files.atomic_dir(bundle_folder(self.folder, self._last)) as folder:
                shutil.copytree(bundle, folder, dirs_exist_ok=True)
        with files.atomic_dir(self.folder / f"{self._last:06d}-{payload.kind}") as folder:
            if begun:
                (folder / BEGUN).touch()
            if arrays is not None:
                np.savez_compressed(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]
            content = payload_to_json(payload, epoch_milliseconds())
            files.write_json(folder / "operation.json", content)

    def pending(self) -> int:
        """Return how many operations are not sent yet."""
        return len(self._folders())

    def operations(self) -> Iterator[Operation]:
        """Yield the operations that are not sent yet, and those that are added meanwhile.

        One that can't be read is set aside, except for the first: without it there is no run.
        """
        while folders := self._folders():
            number, folder = min(folders)
            try:
                yield read_operation(number, folder)
            except DamagedFileError:
                if folder.name.endswith(f"-{Start.kind}"):
                    raise
                self.set_aside(number)

    def last(self) -> Operation | None:
        """Return the newest operation that is not sent yet, None if it can't be read."""
        folders = self._folders()
        return try_read_operation(max(folders)) if folders else None

    def bundles(self) -> dict[int, Path]:
        """Return the folder of each model that is not sent yet, by epoch."""
        folders = [item for item in sorted(self._folders()) if item[1].name.endswith("-epoch")]
        return {
            operation.payload.step: operation.bundle
            for operation in map(try_read_operation, folders)
            if operation is not None and isinstance(operation.payload, Epoch)
        }

    def set_aside(self, number: int) -> None:
        """Keep an operation that can't be read, and never send it."""
        for folder in [path for other, path in self._folders() if other == number]:
            folder.rename(folder.with_name(f"{_DAMAGED}{folder.name}"))

    def damaged(self) -> list[Path]:
        """Return the folders of the operations that were set aside."""
        return sorted(self.folder.glob(f"{_DAMAGED}*"))

    def mark_sent(self, operation: Operation) -> None:
        """Remove an operation that has been sent; it vanishes in one step."""
        removed = self.folder / f".sent.{operation.number:06d}"
        shutil.rmtree(removed, ignore_errors=True)
        operation.folder.rename(removed)
        shutil.rmtree(removed)
        shutil.rmtree(operation.bundle.parent, ignore_errors=True)

    def remove(self) -> None:
        """Remove the queue with all that it holds."""
        shutil.rmtree(self.folder)

    def remove_if_done(self) -> bool:
        """Remove the queue if all is logged and sent; return True if it is removed."""
        if not self.folder.parent.is_dir():
            return True
        with _list_lock(self.folder.parent):
            if not self.folder.is_dir():
                return True
            header = self.header
            complete = header.ended or process.is_alive(header.writer) is False
            if self.pending() or self.damaged() or not complete:
                return False
            self.remove()
            return True

    @contextmanager
    def try_lock(self) -> Iterator[bool]:
        """Lock the queue for sending during the body, if it exists; yield whether it worked."""
        with ExitStack() as stack:
            locked = self.folder.is_dir()  # else it has been sent and removed
            if locked:
                try:
                    stack.enter_context(file_lock(self.folder / "lock"))
                except LockedError:
                    locked = False
            yield locked

    def _drop_password(self) -> None:
        """Remove a password that an earlier version wrote; whoever sends has it set already."""
        path = self.folder / "spool.json"
        # A damaged file is reported where it is used, and one that can't be written stays.
        with suppress(SentimentError, OSError):
            content = files.read_json(path, hint=HINT)
            uri = content.get("uri")
            if isinstance(uri, str) and (bare := without_credentials(uri)) != uri:
                files.write_json(path, content | {"uri": bare})
        if (text := self.last_error) != (masked := mask(text)):
            self.last_error = masked

    def _folders(self) -> list[tuple[int, Path]]:
        """Return the number and the folder of each operation that is not sent yet."""
        return [
            (int(path.name[:6]), path)
            for path in self.folder.glob("[0-9]*-*")
            if _OPERATION.fullmatch(path.name)
        ]


@contextmanager
def find_queue(paths: ProjectPaths, run_id: str) -> Iterator[OfflineQueue | None]:
    """Give the queue of a run, by its id in the store or here, or None.

    No other process removes it during the body.
    """
    if not paths.spool.is_dir():
        yield None
        return
    with _list_lock(paths.spool):
        yield next((queue for queue in list_queues(paths) if queue.belongs_to(run_id)), None)


@contextmanager
def _list_lock(folder: Path) -> Iterator[None]:
    """Let one process at a time find or remove queues; none takes longer than an instant."""
    with file_lock(folder / ".lock", blocking=True):
        yield


def list_queues(paths: ProjectPaths) -> list[OfflineQueue]:
    """Return all queues, the oldest first."""
    return [OfflineQueue(path.parent) for path in sorted(paths.spool.glob("[!.]*/spool.json"))]
