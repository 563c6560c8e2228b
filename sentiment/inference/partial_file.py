"""A partly written file that an interrupted job can resume.

While NAME is written, `.NAME.part` holds its first bytes and `.NAME.part.json` says how many of
them are valid: `bytes`, with `state`, the progress of the job at that point, and `stated`, what
must not change for the job to resume.
"""

import os
import time
from pathlib import Path
from typing import Any, BinaryIO

from sentiment.errors import InputError, MissingFileError
from sentiment.utils import files, opening
from sentiment.utils.typed_json import typed

_SAVE_INTERVAL = 1.0  # seconds between two saves: no more work than that is lost
HINT = "the same command without --resume"


class PartialFile:
    """The file that becomes `target`, and its record.

    `identity` is what must not change for the job to resume, by a name for people.
    """

    def __init__(self, target: Path, identity: dict[str, Any]):
        self.target = opening.output_path(target)
        self.path = files.hidden_path(self.target, ".part")
        self.lock = files.hidden_path(self.target, ".lock")
        self.record = files.hidden_path(self.target, ".part.json")
        self._identity = identity
        self._saved = time.monotonic()

    def begin(self) -> BinaryIO:
        """Open a new file for writing; it is private if it replaces one, which may be private."""
        opening.check_absent_or_file(self.record)
        with files.write_errors(self.path.parent):
            self.record.unlink(missing_ok=True)
            mode = 0o666 if files.permissions(self.target) is None else 0o600
            return os.fdopen(opening.create(self.path, mode), "w+b")

    def state(self) -> dict[str, Any] | None:
        """Return the state saved last, with `bytes`; None if no job was interrupted.

        Raises InputError if the interrupted job was a different one.
        """
        if not (self.record.is_file() and self.path.is_file()):
            return None
        content = files.read_json(self.record, hint=HINT)
        with files.read_errors(self.record, hint=HINT):
            stated = typed(dict[str, Any], content.get("stated"), "stated")
            state = typed(dict[str, Any], content.get("state"), "state")
            size = typed(int, content.get("bytes"), "bytes")
            if size < 0:
                raise ValueError("bytes is below 0")
        for name, value in self._identity.items():
            if stated.get(name) != value:
                raise InputError(f"cannot resume {self.target}: {name} has changed", hint=HINT)
        if self.path.stat().st_size < size:
            raise MissingFileError(
                f"cannot resume {self.target}: {self.path} has lost its end", hint=HINT
            )
        return state | {"bytes": size}

    def reopen(self, size: int) -> BinaryIO:
        """Open the file to write after its first `size` bytes."""
        file = os.fdopen(opening.open_own(self.path), "r+b")
        file.truncate(size)
        file.seek(size)
        return file

    def save(self, file: BinaryIO, state: dict[str, Any]) -> None:
        """Record that all bytes of `file` are valid and `state` describes them; once a second."""
        if time.monotonic() - self._saved < _SAVE_INTERVAL:
            return
        file.flush()
        os.fsync(file.fileno())
        record = {"stated": self._identity, "state": state, "bytes": file.tell()}
        files.write_json(self.record, record)
        self._saved = time.monotonic()

    def finish(self, file: BinaryIO) -> None:
        """Close the file and give it the name of `target`."""
        file.flush()
        os.fsync(file.fileno())
        file.close()
        if (mode := files.permissions(self.target)) is not None:
            self.path.chmod(mode)
        self.path.replace(self.target)
        self.record.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the file and its record; what somebody else has put in their place stays."""
        for path in (self.path, self.record):
            if path.is_file() and not path.is_symlink():
                path.unlink(missing_ok=True)

    def resumable(self) -> bool:
        """Return True if a job was interrupted and can resume."""
        return self.record.is_file()
