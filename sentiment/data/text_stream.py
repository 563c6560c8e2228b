"""Open a file of texts as a stream of UTF-8 lines, whatever its compression and encoding."""

import bz2
import codecs
import gzip
import io
import lzma
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from sentiment.errors import InputError, UnavailableError

_PREFIX = 1 << 16  # bytes that decide about encoding and line ends
_BLOCK = 1 << 18  # bytes that are decoded at once
_ZSTD_BLOCK = 1 << 10  # bytes that are unpacked at once, to up to 32 MiB
# UTF-32 first: its mark for little endian begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8 = ("utf-8", "utf8", "utf-8-sig", "utf_8", "ascii", "us-ascii")
# What can't be decoded becomes a byte that is no UTF-8, so that a reader finds it in its line.
_UNDECODABLE = "sentiment.undecodable"
codecs.register_error(_UNDECODABLE, lambda error: ("\udcff", error.end))  # type: ignore[attr-defined]


def zstandard() -> Any:
    """Return the module zstandard; raise UnavailableError if it is not installed."""
    try:
        import zstandard
    except ImportError as error:
        raise UnavailableError(
            ".zst files need zstandard, which is not installed", hint="pip install zstandard"
        ) from error
    return zstandard


# By their first bytes, as browsers decompress some downloads without renaming them.
_COMPRESSIONS: tuple[tuple[re.Pattern[bytes], Callable[[BinaryIO], Any]], ...] = (
    (re.compile(b"\x1f\x8b\x08"), lambda file: gzip.GzipFile(fileobj=file)),
    (re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"), bz2.BZ2File),
    (re.compile(b"\xfd7zXZ\x00"), lzma.LZMAFile),
    (re.compile(re.escape(b"\x28\xb5\x2f\xfd")), lambda file: io.BufferedReader(_Zstd(file))),
)


@contextmanager
def _damage_errors(name: str) -> Iterator[None]:
    """Turn what decompressors raise, each its own errors, into InputError."""
    try:
        yield
    except Exception as error:
        raise InputError(f"{name}: the compressed data is damaged ({error})") from error


class TextStream:
    """Lines of a file as UTF-8, each with its line end.

    encoding: that of the file; name: what messages call it. Old Mac line ends, carriage returns
    alone, become newlines.
    """

    def __init__(self, file: BinaryIO, encoding: str | None = None, *, name: str = "input"):
        """Read `file` from where it is; without `encoding`, by its byte-order mark or as UTF-8.

        Raises InputError for an unknown encoding.
        """
        self._file, self.name = file, name
        self._offset = 0  # bytes of UTF-8 that were read
        self._errors: Callable[[], AbstractContextManager[None]] = nullcontext
        start, stream = _peek(file, _PREFIX, seekable=file.seekable())
        for magic, opener in _COMPRESSIONS:
            if magic.match(start):
                stream, self._errors = opener(stream), partial(_damage_errors, name)
                with self._errors():
                    start, stream = _peek(stream, _PREFIX, seekable=False)
        mark = next((name for mark, name in _MARKS if start.startswith(mark)), None)
        if not mark and not encoding and _looks_like_utf16(start):
            raise InputError(
                f"{name} seems to be UTF-16 without a byte-order mark", hint="--encoding utf-16"
            )
        self.encoding = mark or _lookup(encoding or "utf-8")
        if self.encoding not in _UTF8:
            # Without a mark Python refuses these two; Windows writes them in little endian.
            unmarked = not mark and self.encoding in ("utf-16", "utf-32")
            decoding = f"{self.encoding}-le" if unmarked else self.encoding
            recoder = _Recoder(stream, decoding, codecs.BOM_UTF8 if mark else b"")
            start, stream = _peek(io.BufferedReader(recoder), _PREFIX, seekable=False)
        if b"\n" not in start and b"\r" in start[:-1]:
            stream = io.BufferedReader(_OldMacLines(stream))
            start = start.replace(b"\r", b"\n")
        self.start = start  # the first bytes, as UTF-8
        self._stream = stream

    def readline(self, limit: int) -> bytes:
        """Return the next line, or its first `limit` bytes; empty at the end.

        Raises InputError if compressed data is damaged.
        """
        return self._read(self._stream.readline, limit)

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, or fewer at the end; raise as `readline` does."""
        return self._read(self._stream.read, size)

    def _read(self, read: Callable[[int], bytes], size: int) -> bytes:
        with self._errors():
            data = read(size)
        self._offset += len(data)
        return data

    def skip_to(self, offset: int) -> None:
        """Go forward to `offset`, in bytes of UTF-8 from the start."""
        if self._stream is self._file:
            self._stream.seek(offset)
            self._offset = offset
        while self._offset < offset and self.read(min(offset - self._offset, _BLOCK)):
            pass

    def position(self) -> int:
        """Return how many bytes of the file itself have been read, for progress."""
        return self._file.tell() if self._file.seekable() else self._offset


def decoding_hint(path: Path, encoding: str) -> str:
    """Return what to type for a file at `path` that can't be decoded in `encoding`."""
    name = shlex.quote(str(path))
    other = "utf-8" if encoding not in _UTF8 else "cp1252"
    return (
        f"--encoding {other} if that is its encoding (or latin-1, utf-16, …), or convert it: "
        f"iconv -f {other.upper()} -t UTF-8 {name} > {shlex.quote('utf8-' + path.name)}"
    )


def _looks_like_utf16(start: bytes) -> bool:
    """Return True if every other byte is zero, as in Latin text in UTF-16."""
    first, second = start[:400:2], start[1:400:2]
    return len(second) > 3 and max(second) == 0 and min(first) > 0


def _lookup(encoding: str) -> str:
    """Return the standard name of an encoding."""
    try:
        codec = codecs.lookup(encoding)
        "".encode(encoding)  # refuses codecs that are not of text, such as base64
    except LookupError as error:
        raise InputError(
            f"unknown encoding {encoding!r}",
            hint="--encoding with cp1252, latin-1 or utf-16, say",
        ) from error
    return codec.name


def _peek(stream: Any, size: int, *, seekable: bool) -> tuple[bytes, Any]:
    """Return the first bytes of `stream`, and a stream that begins with them."""
    start = stream.read(size)
    if seekable:
        stream.seek(0)
        return start, stream
    return start, io.BufferedReader(_Joined(start, stream))


class _Joined(io.RawIOBase):
    """Some bytes, and then those of a stream."""

    def __init__(self, start: bytes, stream: Any):
        self._start, self._stream = start, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._start:
            block, self._start = self._start[: len(buffer)], self._start[len(buffer) :]
        else:
            block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)


class _Zstd(io.RawIOBase):
    """What a .zst file holds. Unlike the package's own reader, it notices if the end is missing."""

    def __init__(self, stream: Any):
        self._stream, self._decompressor = stream, zstandard().ZstdDecompressor()
        self._frame: Any = None
        self._pending: bytes | memoryview = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._pending:
            left = self._frame.unused_data if self._frame and self._frame.eof else b""
            block = left or self._stream.read(_ZSTD_BLOCK)
            if not block:
                if self._frame and not self._frame.eof:
                    raise EOFError("the end is missing")
                return 0
            if self._frame is None or self._frame.eof:
                self._frame = self._decompressor.decompressobj()
            # A view, as 32 MiB are not copied for each 8 KiB that are taken from them.
            self._pending = memoryview(self._frame.decompress(block))
        block, self._pending = self._pending[: len(buffer)], self._pending[len(buffer) :]
        buffer[: len(block)] = block
        return len(block)


class _Recoder(io.RawIOBase):
    """The text of a stream as UTF-8, with `start` before it."""

    def __init__(self, stream: Any, encoding: str, start: bytes):
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(errors=_UNDECODABLE)
        self._pending, self._ended = start, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._pending and not self._ended:
            block = self._stream.read(_BLOCK)
            self._ended = not block
            text = self._decoder.decode(block, final=self._ended)
            self._pending = text.encode("utf-8", "surrogateescape")
        block, self._pending = self._pending[: len(buffer)], self._pending[len(buffer) :]
        buffer[: len(block)] = block
        return len(block)


class _OldMacLines(io.RawIOBase):
    """The bytes of a stream with newlines in place of carriage returns."""

    def __init__(self, stream: Any):
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._stream.read(len(buffer)).replace(b"\r", b"\n")
        buffer[: len(block)] = block
        return len(block)
