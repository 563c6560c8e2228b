"""Lock a file, so that one process, and one thread of it, does a piece of work at a time."""

import gc
import os
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from sentiment.errors import InputError
from sentiment.utils import files, opening

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_MAX_PID_DIGITS = 20
_LOCKED_BYTE = 1 << 30
_PAUSE = 0.01  # seconds between two attempts to take a lock that a thread of this process holds
# Who in this process holds each lock. References are weak: an interrupt may come at any line, also
# before an entry is removed. No second lock guards them, as that one would stay locked as well.
_holders: dict[Path, weakref.ref["_Holder"]] = {}


class _Holder:
    """A part of this process that holds a lock."""


class LockedError(InputError):
    """Another process, or another thread of this one, holds the lock."""


@contextmanager
def file_lock(path: Path, work: str = "", *, blocking: bool = False) -> Iterator[None]:
    """Hold the lock at `path` while the body does `work`, a phrase such as "writing out.csv".

    The file is removed at the end. The system releases the lock of a process that dies. If another
    process holds the lock, wait for it if `blocking`, else raise LockedError, which names that
    process. Not reentrant. Raises InputError if `path` can't be a lock: a link, a pipe or a folder.
    """
    path = path.parent.resolve() / path.name
    # The system's lock belongs to a process: it does not exclude other threads of this one.
    holder = _Holder()
    entry = weakref.ref(holder)
    try:
        if not _take(path, entry):
            gc.collect()  # an interrupted holder may be part of a reference cycle
        while not _take(path, entry):
            if not blocking:
                raise _locked(work, str(os.getpid()))
            time.sleep(_PAUSE)
        file = _acquire(path, work, blocking=blocking)
        try:
            try:
                _write_holder(file, path)
                yield
            finally:
                if fcntl is not None:
                    path.unlink(missing_ok=True)
        finally:
            file.close()
            if fcntl is None:  # Windows removes no file that is open, here or in another process
                with suppress(OSError):
                    path.unlink()
    finally:
        if _holders.get(path) is entry:
            del _holders[path]


def _take(path: Path, entry: weakref.ref[_Holder]) -> bool:
    """Return True if the holder of `entry` is now the one in this process that holds the lock."""
    present = _holders.setdefault(path, entry)
    if present() is None:  # left by an interrupt
        _holders.pop(path, None)
    return present is entry


def _acquire(path: Path, work: str, *, blocking: bool) -> TextIO:
    """Lock the file at `path` and return it, open."""
    while True:
        file = _open(path)
        try:
            if not _lock(file, blocking=blocking):
                file.seek(0)
                raise _locked(work, file.read(_MAX_PID_DIGITS).strip())
            if _is_at(file, path):
                return file
        except OSError as error:
            file.close()
            raise InputError(f"can't lock {path}: {error.strerror or error}") from error
        except BaseException:
            file.close()
            raise
        # Its holder has removed this file since, so the lock on it excludes no other process.
        file.close()


def _lock(file: TextIO, *, blocking: bool) -> bool:
    """Take the system's lock on an open file; return False if another process has it.

    The lock ends when the file is closed or the process ends.
    """
    if fcntl is None:
        return _lock_on_windows(file, blocking=blocking)
    try:
        # Not flock: a forked child would hold that lock too, and may live longer.
        fcntl.lockf(file, fcntl.LOCK_EX | (0 if blocking else fcntl.LOCK_NB))
    except (BlockingIOError, PermissionError):
        return False
    return True


def _lock_on_windows(file: TextIO, *, blocking: bool) -> bool:
    """Do the same with a byte behind the end of the file: others can't read a locked one."""
    import msvcrt

    windows: Any = msvcrt
    while True:
        os.lseek(file.fileno(), _LOCKED_BYTE, os.SEEK_SET)
        try:
            windows.locking(file.fileno(), windows.LK_NBLCK, 1)
            return True
        except PermissionError:
            if not blocking:
                return False
            time.sleep(_PAUSE)
        finally:
            os.lseek(file.fileno(), 0, os.SEEK_SET)


def _locked(work: str, holder: str) -> LockedError:
    if not holder.isdecimal():  # nothing yet, or what somebody else has written there
        holder = ""
    return LockedError(
        f"process {holder} is already {work}" if holder else f"another process is already {work}",
        hint=f"wait for it, or end it: kill {holder}" if holder else None,
    )


def _open(path: Path) -> TextIO:
    with files.write_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.fdopen(opening.open_or_create(path), "r+", encoding="ascii", errors="replace")


def _write_holder(file: TextIO, path: Path) -> None:
    """Write the id of this process into the lock, for the message of others."""
    with files.write_errors(path.parent):
        os.ftruncate(file.fileno(), 0)
        # Without the buffer, which would fail again when the file is closed.
        os.write(file.fileno(), f"{os.getpid()}\n".encode())


def _is_at(file: TextIO, path: Path) -> bool:
    """Return True if `file` is still the file at `path`."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False
