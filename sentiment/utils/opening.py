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
from sentiment.utils import files
from sentiment.utils.paths import absolute

# Windows lacks these three. Without O_NONBLOCK, opening a pipe waits for its other end.
_SAFE = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"))
_BINARY = getattr(os, "O_BINARY", 0)  # Windows: line ends stay as they are
_MAX_LINKS = 40  # one after the other, as in Linux
_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def output_path(path: Path) -> Path:
    """Return the file that is written if a user names `path`: what a link leads to, not the link.

    Raises InputError if that is no file, if links lead in a circle, or if another user has put the
    link into a folder that all may write in: such links lead to files of the one who follows them.
    """
    link = path
    for _ in range(_MAX_LINKS):
        if not link.is_symlink():
            break
        _check_link(link)
        link = link.parent / link.readlink()
    target = absolute(path) if path.is_symlink() else path
    if target.is_dir():
        raise files.folder_error(target)
    check_absent_or_file(target)
    return target


def _check_link(link: Path) -> None:
    """Raise InputError for a link that Linux, with `protected_symlinks`, would not follow."""
    folder = link.parent.stat()
    if folder.st_mode & stat.S_ISVTX and folder.st_mode & stat.S_IWOTH:
        owner = link.lstat().st_uid
        if owner not in (os.geteuid(), folder.st_uid):
            raise _obstacle(link, f"{link} is a link of another user, in a folder that all share")


def open_or_create(path: Path) -> int:
    """Open the file at `path` to read and write, and return its descriptor; create it if need be.

    Raises InputError if something else than a file of one name is there, and OSError as usual.
    """
    return _open(path, os.O_CREAT)


def create(path: Path, mode: int) -> int:
    """Create a file at `path` and return its descriptor; a file that is there is removed first.

    mode: its permissions, of which the umask takes some away. Raises InputError if something else
    than a file is there, and OSError as usual.
    """
    check_absent_or_file(path)
    path.unlink(missing_ok=True)
    return _open(path, os.O_CREAT | os.O_EXCL, mode)


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


def _open(path: Path, flags: int, mode: int = 0o666) -> int:
    check_absent_or_file(path)
    try:
        descriptor = os.open(path, os.O_RDWR | _SAFE | _BINARY | flags, mode)
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
