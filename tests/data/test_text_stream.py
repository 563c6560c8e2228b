"""Files in other encodings, with other line ends, and compressed."""

import bz2
import gzip
import io
import lzma
from pathlib import Path

import pytest

from sentiment.data import formats
from sentiment.data.compression import COMPRESSORS, compressed
from sentiment.data.readers import ReadOptions
from sentiment.data.text_stream import TextStream, decoding_hint
from sentiment.errors import InputError

zstandard = pytest.importorskip("zstandard")
COMPRESS = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
}


class Pipe(io.RawIOBase):
    """Bytes that come a few at a time and can't be read again."""

    def __init__(self, data):
        self._data = data

    def readable(self):
        return True

    def readinto(self, buffer):
        size = min(len(buffer), 7)
        block, self._data = self._data[:size], self._data[size:]
        buffer[: len(block)] = block
        return len(block)


def lines(file, encoding=None):
    stream = TextStream(file, encoding)
    return list(iter(lambda: stream.readline(1 << 20), b""))


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le"])
def test_every_encoding_compression_and_line_end_gives_the_same_lines(
    encoding, compression, newline
):
    text = newline.join(["text,é", "a,🎬", ""])
    data = COMPRESS[compression](text.encode(encoding))
    named = "utf-16-le" if encoding == "utf-16-le" else None
    mark = b"" if encoding in ("utf-8", "utf-16-le") else b"\xef\xbb\xbf"
    end = "\n" if newline == "\r" else newline
    expected = [mark + f"text,é{end}".encode(), f"a,🎬{end}".encode()]
    assert lines(io.BytesIO(data), named) == expected
    assert lines(io.BufferedReader(Pipe(data), 16), named) == expected


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_an_encoding_can_be_named(encoding):
    assert lines(io.BytesIO("café\n".encode(encoding)), encoding) == ["café\n".encode()]


def test_utf16_without_a_mark_is_recognised_and_can_be_named():
    data = "text\ngood\n".encode("utf-16-le")
    with pytest.raises(InputError) as caught:
        TextStream(io.BytesIO(data), name="a.csv")
    assert caught.value.fact == "a.csv seems to be UTF-16 without a byte-order mark"
    assert lines(io.BytesIO(data), "utf-16") == [b"text\n", b"good\n"]


def test_what_an_encoding_lacks_is_found_in_its_line():
    reader = formats.make_reader(
        Path("a.txt"), io.BytesIO(b"caf\xe9\n\x81\n"), ReadOptions(encoding="cp1252")
    )
    good, bad = reader.rows()
    assert good.fields == {"text": "café"}
    assert bad.wrong == "not CP1252 text"


@pytest.mark.parametrize("encoding", ["klingon", "base64", "rot13"])
def test_an_unknown_encoding_is_an_error(encoding):
    with pytest.raises(InputError, match="unknown encoding"):
        TextStream(io.BytesIO(b"a\n"), encoding)


def test_both_ways_out_are_named_for_a_file_that_is_not_utf8(tmp_path):
    hint = decoding_hint(tmp_path / "a b.csv", "utf-8")
    assert "--encoding cp1252" in hint
    assert f"iconv -f CP1252 -t UTF-8 '{tmp_path}/a b.csv' > 'utf8-a b.csv'" in hint


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_damaged_compression_is_an_error(suffix):
    data = COMPRESS[suffix](bytes(range(256)).hex().encode() * 999 + b"\n")
    damaged = data[: len(data) // 2] + b"\x00" * 8 + data[len(data) // 2 + 8 : -4]
    with pytest.raises(InputError, match="compressed data is damaged"):
        lines(io.BytesIO(damaged))


def test_a_plain_file_with_the_suffix_of_a_compression_is_read():
    reader = formats.make_reader(Path("a.csv.gz"), io.BytesIO(b"text\ngood\n"))
    assert [row.fields for row in reader.rows()] == [{"text": "good"}]


@pytest.mark.parametrize("compression", COMPRESS)
def test_reading_goes_on_at_an_offset(compression):
    data = COMPRESS[compression]("\n".join(f"é {n}" for n in range(5000)).encode("utf-16"))
    first = TextStream(io.BytesIO(data))
    read = [first.readline(99) for _ in range(3000)]
    second = TextStream(io.BytesIO(data))
    second.readline(99)
    second.skip_to(sum(map(len, read)))
    assert second.readline(99) == "é 3000\n".encode()


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_what_is_written_in_pieces_is_read_as_one(suffix):
    out = io.BytesIO()
    file = compressed(out, Path(f"a{suffix}"))
    for n in range(3):
        file.write(f"line {n}\n".encode())
        file.flush()
    assert lines(io.BytesIO(out.getvalue())) == [b"line 0\n", b"line 1\n", b"line 2\n"]
