"""Open files whose names others can guess: what they planted there is never written to.

In a folder that several people write in, such as /tmp, somebody else may have put a link, a pipe or
a file of his own in the place of a lock or of a partly written file.
"""

import os
import shlex
import stat
from contextlib import suppress
from pathlib import Path

from sentiment.errors import InputError

# Windows lacks these three. Without O_NONBLOCK, opening a pipe waits for its other end.
_SAFE = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"))
_BINARY = getattr(os, "O_BINARY", 0)  # Windows: line ends stay as they are
_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_or_create(path: Path) -> int:
    """Open the file at `path` to read and write, and return its descriptor; create it if need be.

    Raises InputError if something else than a file of one name is there, and OSError as usual.
    """
    return _open(path, os.O_CREAT)


def create(path: Path) -> int:
    """Create a file at `path` and return its descriptor; a file that is there is removed first.

    Raises InputError if something else than a file is there, and OSError as usual.
    """
    check_absent_or_file(path)
    path.unlink(missing_ok=True)
    return _open(path, os.O_CREAT | os.O_EXCL)


def open_own(path: Path) -> int:
    """Open the existing file at `path` to read and write, and return its descriptor.

    Raises InputError if it is not a file of one name that this user owns, and OSError as usual.
    """
    descriptor = _open(path, 0)
    if hasattr(os, "geteuid") and os.fstat(descriptor).st_uid != os.geteuid():
        os.close(descriptor)
        raise InputError(f"{path} belongs to another user", hint=f"ls -l {shlex.quote(str(path))}")
    return descriptor


def check_absent_or_file(path: Path) -> None:
    """Raise InputError if there is something at `path` that is not a regular file."""
    with suppress(FileNotFoundError):
        _check_kind(path, path.lstat().st_mode)


def _check_kind(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "no file")
        raise _obstacle(path, f"{path} is {kind}, where this program writes a file")


def _open(path: Path, flags: int) -> int:
    check_absent_or_file(path)
    try:
        descriptor = os.open(path, os.O_RDWR | _SAFE | _BINARY | flags, 0o666)
    except OSError:
        check_absent_or_file(path)  # put there since the first check
        raise
    try:
        status = os.fstat(descriptor)
        _check_kind(path, status.st_mode)
        if status.st_nlink > 1:
            raise _obstacle(path, f"{path} is a link to a file that has another name as well")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _obstacle(path: Path, fact: str) -> InputError:
    return InputError(fact, hint=f"ls -ld {shlex.quote(str(path))}, and remove it if it is useless")
