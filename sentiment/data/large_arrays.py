"""Arrays that may be larger than memory."""

import math
import os

import numpy as np

_IN_MEMORY = 1 << 26  # bytes of the largest array that always is in memory


def zeros(shape: tuple[int, ...]) -> np.ndarray:
    """Return an array of zeros, int32, of this shape.

    A large one is a mapped temporary file without a name: the system moves its pages to the disk if
    memory gets scarce, and removes the file with the array. Without room on the disk, or on a
    system that can't reserve it, it is in memory.
    """
    size = math.prod(shape) * np.dtype(np.int32).itemsize
    if size > _IN_MEMORY and hasattr(os, "posix_fallocate"):
        import mmap  # not where a single text is classified
        import tempfile

        try:
            with tempfile.TemporaryFile() as file:
                # A page for which the disk has no room would kill the process when it is written.
                os.posix_fallocate(file.fileno(), 0, size)
                return np.frombuffer(mmap.mmap(file.fileno(), size), np.int32).reshape(shape)
        except OSError:
            pass
    return np.zeros(shape, np.int32)
