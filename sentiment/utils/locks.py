"""One process at a time at a piece of work.

Knows the standard library; knows nothing of what the work is.
"""

import fcntl
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from sentiment.errors import InputError


@contextmanager
def file_lock(path: Path, work: str) -> Iterator[None]:
    """Hold the lock at `path` while the body does `work`, a phrase such as "writing out.csv".

    Raises InputError, which tells the other process, where one holds it. The system takes a lock
    back from a process that ends in whatever way, so that none is left by the dead.
    """
    file = _open(path)
    try:
        while True:
            try:
                # Not flock: what the body forks would hold that one too, and may outlive this.
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError) as error:
                file.seek(0)
                other = file.read().strip()
                raise InputError(
                    f"{work} is what process {other or 'another'} is doing already",
                    hint=f"wait for it, or end it: kill {other}" if other else None,
                ) from error
            if _is_at(file, path):
                break
            # Who held it has taken it away since: that lock keeps nobody out any more.
            file.close()
            file = _open(path)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
    finally:
        file.close()


def _open(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+", encoding="ascii")
    except OSError as error:
        raise InputError(
            f"can't write in {path.parent}: {error.strerror}",
            hint=f"ls -ld {shlex.quote(str(path.parent))}, which tells who may write there",
        ) from error


def _is_at(file: TextIO, path: Path) -> bool:
    """Tell whether `file` is what others find at `path`."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
