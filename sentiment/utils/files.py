"""Write files and folders atomically, and verify that they are unchanged."""

import errno
import hashlib
import json
import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sentiment.errors import DamagedFileError, InputError
from sentiment.utils import typed_json

_MAX_NAME_BYTES = 240  # file systems allow 255; a name made from such a name is longer again
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL
_MAX_TEXT_BYTES = 1 << 28  # no JSON file or vocabulary of this program is larger


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the size and digest of each file in `folder`: name -> {"bytes": …, "sha256": …}."""
    return {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in sorted(folder.iterdir())
    }


def verify_file(path: Path, expected: dict[str, Any], *, hint: str) -> None:
    """Raise DamagedFileError unless `path` has the `expected` size and digest; see `checksums`."""
    missing = DamagedFileError(f"{path} is missing", hint=hint)
    if not path.is_file():
        raise missing
    try:
        unchanged = path.stat().st_size == expected.get("bytes")
        unchanged = unchanged and sha256(path) == expected.get("sha256")
    except FileNotFoundError as error:  # removed since the check above
        raise missing from error
    if not unchanged:
        raise _damaged(path, hint)


def add_checksum(content: dict[str, Any]) -> dict[str, Any]:
    """Return `content` with `digest`, the SHA-256 of everything else in it."""
    return {**content, "digest": _digest(content)}


def verify_checksum(path: Path, content: dict[str, Any], *, hint: str) -> None:
    """Raise DamagedFileError if `content`, read from `path`, does not match its `digest`.

    Content without a digest passes: early versions wrote none.
    """
    if "digest" in content and content["digest"] != _digest(content):
        raise _damaged(path, hint)


def _digest(content: dict[str, Any]) -> str:
    """Return the SHA-256 of all but `digest`, as JSON with sorted keys."""
    rest = {name: value for name, value in content.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _damaged(path: Path, hint: str) -> DamagedFileError:
    return DamagedFileError(f"{path} is damaged: its digest is not the one recorded", hint=hint)


def write_json(path: Path, content: Any) -> None:
    """Write `content` to `path` atomically: a reader sees the old file or the new one."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    with atomic_file(path) as temporary:
        # A file name may hold bytes that are no UTF-8. Escaped, it is JSON and reads as it was.
        temporary.write_text(f"{text}\n", "utf-8", errors="backslashreplace")


def read_json(path: Path, *, hint: str) -> dict[str, Any]:
    """Return the JSON object in `path`; raise DamagedFileError if there is none."""
    with read_errors(path, hint=hint):
        content = json.loads(read_text(path))
        typed_json.check_structure(content)
    if not isinstance(content, dict):
        raise DamagedFileError(f"{path} holds no JSON object", hint=hint)
    return content


@contextmanager
def read_errors(path: Path, *, hint: str) -> Iterator[None]:
    """Turn every error of the body, which only reads `path`, into DamagedFileError.

    On damaged bytes, readers of JSON, arrays and archives raise a dozen kinds of errors, among
    them RecursionError, zlib.error, NotImplementedError, MemoryError and TokenError.
    """
    try:
        yield
    except Exception as error:
        raise DamagedFileError(f"{path} can't be read: {error}", hint=hint) from error


def read_text(path: Path) -> str:
    """Return the text of a file; raise ValueError if it is too large or not a regular file."""
    # Reading a pipe might wait forever, and a device never ends.
    if path.exists() and not path.is_file():
        raise ValueError("it is not a regular file")
    if path.stat().st_size > _MAX_TEXT_BYTES:
        raise ValueError(f"it is larger than {_MAX_TEXT_BYTES >> 20} MiB")
    return path.read_text("utf-8")


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, "utf-8")


def hidden_path(target: Path, suffix: str) -> Path:
    """Return the path beside `target` whose name is that of `target` between a dot and `suffix`.

    A digest takes the place of the end of a name that would be longer than file systems allow.
    """
    name = os.fsencode(target.name)
    room = _MAX_NAME_BYTES - len(suffix) - 1
    if len(name) <= room:
        return target.with_name(f".{target.name}{suffix}")
    digest = hashlib.sha256(name).hexdigest()[:16]
    start = name[: room - len(digest)].decode("utf-8", "ignore")
    return target.with_name(f".{start}{digest}{suffix}")


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Give a temporary path to write to, and rename it to `target` when the body ends.

    A file that is replaced keeps its permissions; a new one has those that the umask allows. If the
    body fails, the temporary file is removed and an existing `target` stays. If `target` is a link,
    the link is replaced. Raises InputError if the system refuses to write, for example when the
    disk is full.
    """
    if target.is_dir():
        raise folder_error(target)
    with write_errors(target.parent):
        mode, temporary = permissions(target), _temporary_path(target)
        # New, so that no link is followed. Private until it has the permissions of the old one.
        os.close(os.open(temporary, _NEW, 0o666 if mode is None else 0o600))
        try:
            yield temporary
            _sync(temporary)
            if mode is not None:
                temporary.chmod(mode)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_dir(target: Path, *, replace: bool = True) -> Iterator[Path]:
    """Give a temporary folder to fill, and rename it to `target` when the body ends.

    Permissions are those of `atomic_file`. If the body fails, the temporary folder is removed. If
    `target` exists by then, it is replaced; with `replace=False` it stays. Raises InputError if the
    system refuses to write, for example when the disk is full.
    """
    with write_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        mode, temporary = permissions(target), _temporary_path(target)
        temporary.mkdir(0o777 if mode is None else 0o700)
        try:
            yield temporary
            if mode is not None:
                temporary.chmod(mode)
            for path in temporary.iterdir():
                _sync(path)
            _sync_dir(temporary)
            _rename_dir(temporary, target, replace=replace)
            _sync_dir(target.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def folder_error(target: Path) -> InputError:
    """Return the error for a folder that was named where a file is to be written."""
    return InputError(f"{target} is a folder", hint="name a file in that folder")


def _temporary_path(target: Path) -> Path:
    return hidden_path(target, f".{os.urandom(4).hex()}")


def permissions(path: Path) -> int | None:
    """Return the permissions of the file or folder at `path`; None if there is none, or a link."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return None if stat.S_ISLNK(status.st_mode) else status.st_mode & 0o777


def _rename_dir(temporary: Path, target: Path, *, replace: bool) -> None:
    """Rename a folder to `target`; if `target` exists, replace it or leave it."""
    before = temporary.with_name(f"{temporary.name}.before")
    try:
        if replace and target.is_dir():
            target.replace(before)
        temporary.replace(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        # Another process has created `target` in the meantime: that one stays.
    finally:
        # After an interrupt between the two renames, the old folder gets its name back.
        if before.exists() and not target.exists():
            before.replace(target)
        shutil.rmtree(before, ignore_errors=True)


def remove_dir(folder: Path) -> None:
    """Remove a folder. It loses its name first, so that no process sees it half removed."""
    unnamed = hidden_path(folder, ".gone")
    shutil.rmtree(unnamed, ignore_errors=True)
    with suppress(OSError):  # it doesn't exist, or can't be removed
        folder.replace(unnamed)
    shutil.rmtree(unnamed, ignore_errors=True)


class _UnwritableError(InputError):
    """A folder can't be written in; `__cause__` is the system's error."""


@contextmanager
def write_errors(folder: Path) -> Iterator[None]:
    """Raise InputError if the system does not let the body write in `folder`."""
    try:
        yield
    except (OSError, _UnwritableError) as error:
        # The error of a nested call may name a temporary folder that no longer exists.
        cause = error.__cause__ if isinstance(error, _UnwritableError) else error
        number, reason = getattr(cause, "errno", None), getattr(cause, "strerror", None)
        # NumPy's error says how many bytes it wrote, but has no number and no reason.
        full = number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None)
        raise _UnwritableError(
            f"can't write in {folder}: {reason or 'disk full'}",
            hint=f"{'df -h' if full else 'ls -ld'} {shlex.quote(str(folder))}",
        ) from cause


def _sync(path: Path) -> None:
    """Write a file to the disk, so that it survives a loss of power."""
    # Windows does that only through a file that is open for writing.
    with path.open("rb" if hasattr(os, "geteuid") else "r+b") as file:
        os.fsync(file.fileno())


def _sync_dir(folder: Path) -> None:
    """Write the names in `folder` to the disk, so that they survive a loss of power."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return  # Windows opens no folders
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
