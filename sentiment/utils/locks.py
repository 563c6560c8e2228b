"""A lock on a file: one process, and one thread of it, at a time does a piece of work."""

import fcntl
import os
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from sentiment.errors import InputError

_in_process: dict[Path, threading.Lock] = {}


class LockedError(InputError):
    """Another process, or another part of this one, holds the lock."""


@contextmanager
def file_lock(path: Path, work: str = "", *, blocking: bool = False) -> Iterator[None]:
    """Hold the lock at `path` while the body does `work`, a phrase such as "writing out.csv".

    The file is removed at the end. The system releases the lock of a process that ends in any
    way, so a dead process leaves none behind. Raises LockedError, naming the process that holds
    the lock, unless `blocking`, which waits for it. Not reentrant.
    """
    path = path.parent.resolve() / path.name
    # The system's lock is of a process: it does not keep apart two parts of one.
    mine = _in_process.setdefault(path, threading.Lock())
    if not mine.acquire(blocking=blocking):
        raise _locked(work, str(os.getpid()))
    try:
        file = _acquire(path, work, blocking=blocking)
        try:
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
        finally:
            file.close()
    finally:
        mine.release()


def _acquire(path: Path, work: str, *, blocking: bool) -> TextIO:
    """Return the locked file that is at `path`."""
    while True:
        file = _open(path)
        try:
            # Not flock: a child that was forked would hold that lock too, and may live longer.
            fcntl.lockf(file, fcntl.LOCK_EX | (0 if blocking else fcntl.LOCK_NB))
        except (BlockingIOError, PermissionError) as error:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            raise _locked(work, holder) from error
        except BaseException:
            file.close()
            raise
        if _is_at(file, path):
            return file
        # The process that held it has removed it since: this lock keeps nobody out any more.
        file.close()


def _locked(work: str, holder: str) -> LockedError:
    return LockedError(
        f"process {holder} is already {work}" if holder else f"another process is already {work}",
        hint=f"wait for it, or end it: kill {holder}" if holder else None,
    )


def _open(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+", encoding="ascii")
    except OSError as error:
        raise InputError(
            f"can't write in {path.parent}: {error.strerror}",
            hint=f"ls -ld {shlex.quote(str(path.parent))}, which shows who may write there",
        ) from error


def _is_at(file: TextIO, path: Path) -> bool:
    """Return True if `file` is what others find at `path`."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
