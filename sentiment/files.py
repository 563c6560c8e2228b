"""Write files whole or not at all, and tell whether they are still what was written.

Knows the standard library and NumPy's file format; knows nothing of what the files mean.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.errors import DamagedFileError, InputError


def digest(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the size in bytes and the digest of each file in `folder`, by name."""
    return {
        path.name: {"bytes": path.stat().st_size, "sha256": digest(path)}
        for path in sorted(folder.iterdir())
    }


def check(path: Path, recorded: dict[str, Any], *, remedy: str) -> None:
    """Raise DamagedFileError unless `path` has the size and digest recorded for it."""
    if not path.is_file():
        raise DamagedFileError(f"{path} is missing", remedy=remedy)
    if path.stat().st_size != recorded.get("bytes") or digest(path) != recorded.get("sha256"):
        raise DamagedFileError(
            f"{path} is damaged: its digest is not the one recorded", remedy=remedy
        )


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """Return `content` with `digest`, the SHA-256 of all else in it."""
    return {**content, "digest": _seal(content)}


def check_seal(path: Path, content: dict[str, Any], *, remedy: str) -> None:
    """Raise DamagedFileError where `content`, read from `path`, is not what was sealed.

    Where it has no digest, as before there were any, nothing can be said of it.
    """
    if "digest" in content and content["digest"] != _seal(content):
        raise DamagedFileError(
            f"{path} is damaged: its digest is not the one recorded", remedy=remedy
        )


def _seal(content: dict[str, Any]) -> str:
    """Return the SHA-256 of all but `digest` as JSON, keys sorted, whatever its file's spaces."""
    rest = {name: value for name, value in content.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def write_json(path: Path, content: Any) -> None:
    """Write `content` to `path` at one stroke: a reader sees the old file or the new one."""
    with whole_file(path) as aside, aside.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, ensure_ascii=False)
        file.write("\n")


def read_json(path: Path, *, remedy: str) -> dict[str, Any]:
    """Return the object in `path`; raise DamagedFileError where there is none."""
    with readable(path, remedy=remedy):
        content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise DamagedFileError(f"{path} holds no JSON object", remedy=remedy)
    return content


@contextmanager
def readable(path: Path, *, remedy: str) -> Iterator[None]:
    """Raise DamagedFileError where the body, which does nothing but read, can't make sense of it.

    The readers of JSON, of arrays and of archives raise a dozen kinds of errors over bytes that
    nobody has written: RecursionError, zlib.error, NotImplementedError, MemoryError, TokenError.
    """
    try:
        yield
    except Exception as error:
        raise DamagedFileError(f"{path} can't be read: {error}", remedy=remedy) from error


def read_array(path: Path, *, remedy: str) -> np.ndarray:
    """Return the array in `path`, mapped into memory rather than read."""
    with readable(path, remedy=remedy):
        return np.load(path, mmap_mode="r", allow_pickle=False)


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Give a path beside `target` to write to, and give it that name once it is written.

    Where writing fails nothing is left of it, and a file that was there before stays.
    """
    if target.is_dir():
        raise InputError(f"{target} is a folder", remedy="the same with the name of a file in it")
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise InputError(f"can't write in {target.parent}: {error.strerror}") from error
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
def whole_folder(target: Path) -> Iterator[Path]:
    """Give a folder to fill beside `target`, and give it that name once it is filled.

    Where filling fails nothing is left. Where `target` exists by then, it is replaced.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    except OSError as error:
        raise InputError(f"can't write in {target.parent}: {error.strerror}") from error
    try:
        yield aside
        aside.chmod(0o755)
        for path in aside.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        _sync(aside)
        if target.exists():
            shutil.rmtree(target)
        aside.replace(target)
        _sync(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Have the names in `folder` on the disk, where a loss of power leaves them."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
