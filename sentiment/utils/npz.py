"""Read NumPy arrays from files that may be damaged or hostile."""

import io
import math
import zipfile
from pathlib import Path

import numpy as np

from sentiment.utils.files import read_errors


def read_array(path: Path, *, hint: str) -> np.ndarray:
    """Return the array in `path`, mapped into memory rather than read."""
    with read_errors(path, hint=hint):
        return np.load(path, mmap_mode="r", allow_pickle=False)


def read_arrays(path: Path, *, hint: str, most: int | None = None) -> dict[str, np.ndarray]:
    """Return the arrays in the archive `path` by name; nothing is unpacked to the disk.

    most: bytes that they may take, whatever the archive says of itself; else as many as it has
    itself, as none of it is compressed.
    """
    with read_errors(path, hint=hint), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        size = sum(member.file_size for member in members)
        if size > (path.stat().st_size if most is None else most):
            raise ValueError(f"its arrays would take {size:,} bytes")
        return {member.filename.removesuffix(".npy"): _array(archive, member) for member in members}


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    # Of these two alone no more is unpacked than was asked for.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member.filename} is compressed in another way than NumPy does")
    with archive.open(member) as file:
        content = io.BytesIO(file.read(member.file_size))
    if np.lib.format.read_magic(content) != (1, 0):
        raise ValueError(f"{member.filename} is no array of format 1.0")
    shape, _, kind = np.lib.format.read_array_header_1_0(content)
    if kind.hasobject:
        raise ValueError(f"{member.filename} holds objects of Python, and no numbers")
    # Before NumPy takes as much memory as the header claims.
    if math.prod(shape) * kind.itemsize != member.file_size - content.tell():
        raise ValueError(f"{member.filename} does not hold the {shape} numbers that it claims")
    content.seek(0)
    return np.load(content, allow_pickle=False)
