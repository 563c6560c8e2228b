"""Write files whole or not at all, and tell whether they are still what was written.

Knows the standard library and NumPy's file format; knows nothing of what the files mean.
"""

import errno
import hashlib
import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sentiment.errors import DamagedFileError, InputError

_MOST_TEXT = 1 << 28  # bytes of JSON or of words that are read at once: more is none of ours


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the size in bytes and the digest of each file in `folder`, by name."""
    return {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in sorted(folder.iterdir())
    }


def verify_file(path: Path, recorded: dict[str, Any], *, hint: str) -> None:
    """Raise DamagedFileError unless `path` has the size and digest recorded for it."""
    missing = DamagedFileError(f"{path} is missing", hint=hint)
    if not path.is_file():
        raise missing
    try:
        whole = path.stat().st_size == recorded.get("bytes")
        whole = whole and sha256(path) == recorded.get("sha256")
    except FileNotFoundError as error:  # taken away since
        raise missing from error
    if not whole:
        raise DamagedFileError(f"{path} is damaged: its digest is not the one recorded", hint=hint)


def add_checksum(content: dict[str, Any]) -> dict[str, Any]:
    """Return `content` with `digest`, the SHA-256 of all else in it."""
    return {**content, "digest": _seal(content)}


def verify_checksum(path: Path, content: dict[str, Any], *, hint: str) -> None:
    """Raise DamagedFileError where `content`, read from `path`, is not what was sealed.

    Where it has no digest, as before there were any, nothing can be said of it.
    """
    if "digest" in content and content["digest"] != _seal(content):
        raise DamagedFileError(f"{path} is damaged: its digest is not the one recorded", hint=hint)


def _seal(content: dict[str, Any]) -> str:
    """Return the SHA-256 of all but `digest` as JSON, keys sorted, whatever its file's spaces."""
    rest = {name: value for name, value in content.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def write_json(path: Path, content: Any) -> None:
    """Write `content` to `path` at one stroke: a reader sees the old file or the new one."""
    with atomic_file(path) as aside, aside.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, ensure_ascii=False)
        file.write("\n")


def read_json(path: Path, *, hint: str) -> dict[str, Any]:
    """Return the object in `path`; raise DamagedFileError where there is none."""
    with read_errors(path, hint=hint):
        content = json.loads(read_text(path))
    if not isinstance(content, dict):
        raise DamagedFileError(f"{path} holds no JSON object", hint=hint)
    return content


@contextmanager
def read_errors(path: Path, *, hint: str) -> Iterator[None]:
    """Raise DamagedFileError where the body, which does nothing but read, can't make sense of it.

    The readers of JSON, of arrays and of archives raise a dozen kinds of errors over bytes that
    nobody has written: RecursionError, zlib.error, NotImplementedError, MemoryError, TokenError.
    """
    try:
        yield
    except Exception as error:
        raise DamagedFileError(f"{path} can't be read: {error}", hint=hint) from error


def read_text(path: Path) -> str:
    """Return a text of ours; raise ValueError where the file is larger than any of them is."""
    # A pipe would be waited for, and a device never ends.
    if path.exists() and not path.is_file():
        raise ValueError("it is no ordinary file")
    if path.stat().st_size > _MOST_TEXT:
        raise ValueError(f"it is larger than {_MOST_TEXT >> 20} MiB")
    return path.read_text("utf-8")


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Give a path beside `target` to write to, and give it that name once it is written.

    Where writing fails nothing is left of it, and a file that was there before stays. Raises
    InputError where the system takes no more, as on a full disk.
    """
    if target.is_dir():
        raise InputError(f"{target} is a folder", hint="the same with the name of a file in it")
    with write_errors(target.parent):
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        aside = Path(name)
        try:
            yield aside
            os.fsync(handle)
            aside.chmod(0o644)
            aside.replace(target)
        finally:
            os.close(handle)
            aside.unlink(missing_ok=True)


@contextmanager
def atomic_dir(target: Path, *, replace: bool = True) -> Iterator[Path]:
    """Give a folder to fill beside `target`, and give it that name once it is filled.

    Where filling fails nothing is left. Where `target` exists by then, it is replaced, or stays if
    not `replace`. Raises InputError where the system takes no more, as on a full disk.
    """
    with write_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            yield aside
            aside.chmod(0o755)
            for path in aside.iterdir():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            _sync(aside)
            _give_name(aside, target, replace=replace)
            _sync(target.parent)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _give_name(aside: Path, target: Path, *, replace: bool) -> None:
    """Rename a folder, in the place of another where one is there by now."""
    before = aside.with_name(f"{aside.name}.before")
    try:
        if replace and target.is_dir():
            target.replace(before)
        aside.replace(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        # Another process has put its own there: that one stays.
    finally:
        # An interrupt between the two renames takes nothing away.
        if before.exists() and not target.exists():
            before.replace(target)
        shutil.rmtree(before, ignore_errors=True)


def remove_dir(folder: Path) -> None:
    """Remove a folder: from the first moment on nothing has its name, be it removed half."""
    gone = folder.with_name(f".{folder.name}.gone")
    shutil.rmtree(gone, ignore_errors=True)
    with suppress(OSError):  # it isn't there, or can't be removed
        folder.replace(gone)
    shutil.rmtree(gone, ignore_errors=True)


class _UnwritableError(InputError):
    """A folder can't be written in; the cause is the system's error."""


@contextmanager
def write_errors(folder: Path) -> Iterator[None]:
    """Raise InputError where the system does not let the body write in `folder`."""
    try:
        yield
    except (OSError, _UnwritableError) as error:
        # Of a folder within `folder`, which is still nameless, nothing is there any more to name.
        told = error.__cause__ if isinstance(error, _UnwritableError) else error
        number, why = getattr(told, "errno", None), getattr(told, "strerror", None)
        where = shlex.quote(str(folder))
        full = number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None)
        raise _UnwritableError(
            # NumPy tells how much it wrote, and not what kept it from the rest.
            f"can't write in {folder}: {why or 'it takes no more'}",
            hint=f"df -h {where}, which tells what room is left"
            if full
            else f"ls -ld {where}, which tells who may write there",
        ) from told


def _sync(folder: Path) -> None:
    """Have the names in `folder` on the disk, where a loss of power leaves them."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
