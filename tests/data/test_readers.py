import io
import json
from pathlib import Path

import pytest

from sentiment.data import formats, readers
from sentiment.errors import InputError


def read(suffix, data):
    return formats.make_reader(Path(f"a{suffix}"), io.BytesIO(data))


def write(suffix, data, names, *values):
    """Return a file with columns `names` added, and `values` in them for each row."""
    reader = read(suffix, data)
    writer = formats.make_writer(Path(f"a{suffix}"), reader, names)
    return writer.head + writer.chunk(list(reader.rows()), values) + writer.tail()


def test_csv_cells_keep_their_quotes_order_and_line_ends():
    data = b'\xef\xbb\xbf"id",text\r\n007,"a ""b""\r\nc"\r\n1e5,plain\r\n'
    written = write(".csv", data, ["label", "probability"], ["x", 0.5], [None, None])
    assert written == (
        b'\xef\xbb\xbf"id",text,label,probability\r\n'
        b'007,"a ""b""\r\nc",x,0.500000\r\n1e5,plain,,\r\n'
    )


def test_a_missing_line_end_is_added_to_the_last_row_of_a_tsv_file():
    written = write(".tsv", b"text\tn\na, b\t1", ["label"], ["x"])
    assert written == b"text\tn\tlabel\na, b\t1\tx\n"


def test_json_numbers_keys_and_spaces_do_not_change():
    data = b'{"text": "a",  "n": 1.10, "n": 12345678901234567890}\n\n{ }\n'
    names = ["label", "probability", "warnings"]
    written = write(".jsonl", data, names, ["x", 0.5, ["cut"]], [None, None, []])
    assert written == (
        b'{"text": "a",  "n": 1.10, "n": 12345678901234567890, '
        b'"label": "x", "probability": 0.5, "warnings": ["cut"]}\n'
        b'{"label": null, "probability": null, "warnings": []}\n'
    )


def test_an_existing_field_of_an_object_is_not_overwritten():
    written = write(".jsonl", b'{"label": "mine"}\n', ["label", "probability"], ["x", 0.5])
    assert json.loads(written) == {"label": "mine", "probability": 0.5}


def test_lines_of_text_follow_their_values():
    data = b"\xef\xbb\xbfgood\r\nbad"
    written = write(".txt", data, ["l", "p"], ["x", 0.25], [None, None])
    assert written == b"x  0.2500  good\n-  -  bad\n"


@pytest.mark.parametrize(
    ("suffix", "data", "line", "message", "repaired"),
    [
        (".csv", b"text,n\na,1\nb\nc,3\n", 3, "no column 'n'", b"b,\n"),
        (".csv", b"text,n\na,1\nb,2,3\nc,3\n", 3, "3 fields", b'b,"2,3"\n'),
        (".csv", b'text,n\n"a\nb",1\nx"y,2\n"b"c,2\nc,3\n', 5, "follows", b'"""b""c,2",\n'),
        (".csv", b'text,n\na,1\n"b,2\nc,3\n', 3, "nothing closes", b'"""b,2",\n'),
        (".csv", b"text,n\na,1\ncaf\xe9,2\nc,3\n", 3, "not UTF-8", b"caf\xe9,2\n"),
        (".jsonl", b'{"a": 1}\n\n{"a"\n{"a": 2}\n', 3, "not JSON", b'{"unread": "{\\"a\\""}'),
        (".jsonl", b'{"a": 1}\n[2]\n{"a": 2}\n', 2, "expected a JSON object", b'{"unread": "[2]"}'),
        (".jsonl", b"{}\n\xe9\n{}\n", 2, "not UTF-8", b'{"unread": "\xef\xbf\xbd"}'),
        (".txt", b"a\ncaf\xe9\nb\n", 2, "not UTF-8", b"caf\xe9"),
    ],
)  # fmt: skip
def test_a_bad_row_has_a_line_and_an_error_and_the_next_row_is_read(
    suffix, data, line, message, repaired
):
    rows = list(read(suffix, data).rows())
    (bad,) = [row for row in rows if row.wrong]
    assert (bad.line, bad.raw) == (line, repaired)
    assert message in bad.wrong
    assert rows[-1] is not bad


@pytest.mark.parametrize("data", [b"caf\xe9,n\na,1\n", b'"text,n\na,1\n'])
def test_an_unreadable_header_is_an_error(data):
    with pytest.raises(InputError, match=r"a\.csv, line 1"):
        read(".csv", data)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".txt"])
def test_reading_continues_where_a_chunk_ended(suffix, monkeypatch):
    monkeypatch.setattr(readers, "CHUNK_ROWS", 3)
    cell = '{{"text": "row {}"}}\n' if suffix == ".jsonl" else '"row\n {}"\n'
    data = "".join(cell.format(n) for n in range(8)).encode()
    data = b"text\n" + data if suffix == ".csv" else data
    all_rows = list(read(suffix, data).rows())
    first = read(suffix, data)
    chunk = next(first.chunks())
    second = read(suffix, data)
    second.go_to(first.offset, first.line)
    assert len(chunk) == 3
    assert chunk + list(second.rows()) == all_rows


def test_a_chunk_of_long_rows_ends_early(monkeypatch):
    monkeypatch.setattr(readers, "CHUNK_BYTES", 100)
    sizes = [len(chunk) for chunk in read(".txt", b"x" * 60 + b"\n" + b"y" * 60 + b"\nz").chunks()]
    assert sizes == [2, 1]
