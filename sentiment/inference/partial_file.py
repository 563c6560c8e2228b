"""A file in the making that an interrupted job can go on with.

Knows the standard library; knows nothing of what is in the file.
"""

import os
import time
from pathlib import Path
from typing import Any, BinaryIO

from sentiment.errors import InputError, MissingFileError
from sentiment.utils import files

_EVERY = 1.0  # seconds between two records of how far the job is: no more work than that is lost


class PartialFile:
    """`.NAME.part` beside NAME, and `.NAME.part.json`, which tells how much of it holds good.

    `stated` is what must be the same for the job to go on, by a name that a person understands.
    """

    def __init__(self, target: Path, stated: dict[str, Any]):
        # A link stays a link: what it points to is replaced.
        self.target = target.resolve()
        self.path = self.target.with_name(f".{self.target.name}.part")
        self.lock = self.target.with_name(f".{self.target.name}.lock")
        self._record = self.path.with_name(f"{self.path.name}.json")
        self._stated = stated
        self._saved = time.monotonic()

    def begin(self) -> BinaryIO:
        """Open it anew, for writing."""
        self._record.unlink(missing_ok=True)
        with files.write_errors(self.path.parent):
            return self.path.open("w+b")

    def state(self) -> dict[str, Any] | None:
        """Return what was saved last; None where no job was interrupted.

        Raises InputError where that was another job.
        """
        if not (self._record.is_file() and self.path.is_file()):
            return None
        kept = files.read_json(self._record, hint="the command without --resume")
        for name, value in self._stated.items():
            if kept["stated"].get(name) != value:
                raise InputError(
                    f"{self.path} can't be gone on with: {name} differs from the interrupted job's",
                    hint="the command without --resume, which begins anew",
                )
        if self.path.stat().st_size < kept["bytes"]:
            raise MissingFileError(
                f"{self.path} is shorter than its record says",
                hint="the command without --resume, which begins anew",
            )
        return kept["state"] | {"bytes": kept["bytes"]}

    def reopen(self, size: int) -> BinaryIO:
        """Open it to go on after its first `size` bytes."""
        file = self.path.open("r+b")
        file.truncate(size)
        file.seek(size)
        return file

    def save(self, file: BinaryIO, state: dict[str, Any]) -> None:
        """Record now and then that all written to `file` holds good and is told by `state`."""
        if time.monotonic() - self._saved < _EVERY:
            return
        file.flush()
        os.fsync(file.fileno())
        written = {"stated": self._stated, "state": state, "bytes": file.tell()}
        files.write_json(self._record, written)
        self._saved = time.monotonic()

    def finish(self, file: BinaryIO) -> None:
        """Give it its name."""
        file.flush()
        os.fsync(file.fileno())
        file.close()
        self.path.replace(self.target)
        self._record.unlink(missing_ok=True)

    def discard(self) -> None:
        """Leave nothing of it."""
        self.path.unlink(missing_ok=True)
        self._record.unlink(missing_ok=True)

    def resumable(self) -> bool:
        """Tell whether there is something to go on with."""
        return self._record.is_file()
