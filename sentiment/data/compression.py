"""Compress what is written, in pieces that stand for themselves."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from sentiment.data.text_stream import zstandard

Compress = Callable[[bytes], bytes]

# By suffix. In each of these formats, compressed pieces one after the other are a file.
COMPRESSORS: dict[str, Callable[[], Compress]] = {
    ".gz": lambda: lambda data: gzip.compress(data, 6, mtime=0),
    ".bz2": lambda: bz2.compress,
    ".xz": lambda: lzma.compress,
    ".zst": lambda: zstandard().ZstdCompressor().compress,
}


def without_compression(path: Path) -> Path:
    """Return `path` without the suffix of a compression."""
    return path.with_suffix("") if path.suffix.lower() in COMPRESSORS else path


class CompressedFile:
    """A file that is compressed piece by piece, so that writing can resume after each `flush`."""

    def __init__(self, file: BinaryIO, compress: Compress):
        self._file, self._compress, self._pending = file, compress, b""

    def write(self, data: bytes) -> int:
        """Write bytes."""
        self._pending += data
        return len(data)

    def flush(self) -> None:
        """End the current piece."""
        if self._pending:
            self._file.write(self._compress(self._pending))
            self._pending = b""
        self._file.flush()


def compressed(file: BinaryIO, path: Path) -> BinaryIO | CompressedFile:
    """Return a file that compresses what goes to `file`, if the suffix of `path` says so."""
    make = COMPRESSORS.get(path.suffix.lower())
    return CompressedFile(file, make()) if make else file
