"""Read NumPy arrays from files that may be damaged or hostile."""

import io
import math
import zipfile
from pathlib import Path

import numpy as np

from sentiment.utils.files import read_errors


def read_array(path: Path, *, hint: str) -> np.ndarray:
    """Return the array in the .npy file `path`, mapped into memory.

    Raises DamagedFileError if it can't be read.
    """
    with read_errors(path, hint=hint):
        with path.open("rb") as file:
            np.lib.format.read_magic(file)  # NumPy would open an archive of arrays as well
        return np.load(path, mmap_mode="r", allow_pickle=False)


def read_arrays(path: Path, *, hint: str, max_bytes: int | None = None) -> dict[str, np.ndarray]:
    """Return the arrays in the .npz archive `path` by name; nothing is unpacked to the disk.

    max_bytes: size limit for the unpacked arrays; default: the size of the file, because archives
    of this program are not compressed. Raises DamagedFileError if the archive can't be read.
    """
    with read_errors(path, hint=hint), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        size = sum(member.file_size for member in members)
        if size > (path.stat().st_size if max_bytes is None else max_bytes):
            raise ValueError(f"its arrays would take {size:,} bytes")
        arrays: dict[str, np.ndarray] = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in arrays:
                raise ValueError(f"it has {name} twice")
            arrays[name] = _array(archive, member)
        return arrays


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    # With other compressions, zipfile may unpack more bytes at once than it was asked for.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member.filename} has a compression that NumPy never writes")
    with archive.open(member) as file:
        content = io.BytesIO(file.read(member.file_size))
    if np.lib.format.read_magic(content) != (1, 0):
        raise ValueError(f"{member.filename} is not an array of format 1.0")
    shape, _, dtype = np.lib.format.read_array_header_1_0(content)
    if dtype.hasobject:
        raise ValueError(f"{member.filename} holds Python objects, not numbers")
    # Checked before NumPy allocates as much memory as the header claims.
    if math.prod(shape) * dtype.itemsize != member.file_size - content.tell():
        raise ValueError(f"{member.filename} does not hold the {shape} numbers that it claims")
    content.seek(0)
    return np.load(content, allow_pickle=False)
