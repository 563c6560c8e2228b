import io
import json

import pytest

from sentiment.data import readers, writers
from sentiment.errors import InputError


def read(kind, data):
    return readers.make_reader(readers.Path(f"a{kind}"), io.BytesIO(data))


def written(reader, names, *values):
    writer = writers.make_writer(reader, names)
    return writer.head + writer.chunk(list(reader.rows()), values)


def test_csv_cells_keep_their_quotes_their_order_and_their_line_ends():
    data = b'\xef\xbb\xbf"id",text\r\n007,"a ""b""\r\nc"\r\n1e5,plain\r\n'
    done = written(read(".csv", data), ["label", "probability"], ["x", 0.5], [None, None])
    assert done == (
        b'\xef\xbb\xbf"id",text,label,probability\r\n'
        b'007,"a ""b""\r\nc",x,0.500000\r\n1e5,plain,,\r\n'
    )


def test_tsv_has_tabs_and_a_last_line_without_an_end_gets_one():
    done = written(read(".tsv", b"text\tn\na, b\t1"), ["label"], ["x"])
    assert done == b"text\tn\tlabel\na, b\t1\tx\n"


def test_json_numbers_keys_and_spaces_stay_as_they_were():
    data = b'{"text": "a",  "n": 1.10, "n": 12345678901234567890}\n\n{ }\n'
    names = ["label", "probability", "warnings"]
    done = written(read(".jsonl", data), names, ["x", 0.5, ["cut"]], [None, None, []])
    assert done == (
        b'{"text": "a",  "n": 1.10, "n": 12345678901234567890, '
        b'"label": "x", "probability": 0.5, "warnings": ["cut"]}\n'
        b'{"label": null, "probability": null, "warnings": []}\n'
    )


def test_a_field_that_a_later_object_has_already_is_not_overruled():
    done = written(read(".jsonl", b'{"label": "mine"}\n'), ["label", "probability"], ["x", 0.5])
    assert json.loads(done) == {"label": "mine", "probability": 0.5}


def test_lines_come_after_what_is_said_of_them():
    done = written(read(".txt", b"\xef\xbb\xbfgood\r\nbad"), ["l", "p"], ["x", 0.25], [None, None])
    assert done == b"x  0.2500  good\n-  -  bad\n"


@pytest.mark.parametrize(
    ("kind", "data", "line", "message", "after"),
    [
        (".csv", b"text,n\na,1\nb\nc,3\n", 3, "no column 'n'", b"b,\n"),
        (".csv", b"text,n\na,1\nb,2,3\nc,3\n", 3, "3 fields", b'b,"2,3"\n'),
        (".csv", b'text,n\n"a\nb",1\nx"y,2\n"b"c,2\nc,3\n', 5, "expected", b'"""b""c,2",\n'),
        (".csv", b'text,n\na,1\n"b,2\nc,3\n', 3, "unexpected end", b'"""b,2\nc,3",\n'),
        (".csv", b"text,n\na,1\ncaf\xe9,2\nc,3\n", 3, "not UTF-8", b"caf\xe9,2\n"),
        (".jsonl", b'{"a": 1}\n\n{"a"\n{"a": 2}\n', 3, "not JSON", b'{"unread": "{\\"a\\""}'),
        (".jsonl", b'{"a": 1}\n[2]\n{"a": 2}\n', 2, "expected a JSON object", b'{"unread": "[2]"}'),
        (".jsonl", b"{}\n\xe9\n{}\n", 2, "not UTF-8", b'{"unread": "\xef\xbf\xbd"}'),
        (".txt", b"a\ncaf\xe9\nb\n", 2, "not UTF-8", b"caf\xe9"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_by_its_line_mended_and_the_next_is_read(
    kind, data, line, message, after
):
    rows = list(read(kind, data).rows())
    (bad,) = [row for row in rows if row.wrong]
    assert (bad.line, bad.raw) == (line, after)
    assert message in bad.wrong
    if "end" not in message:
        assert rows[-1] is not bad


@pytest.mark.parametrize("data", [b"caf\xe9,n\na,1\n", b'"text,n\na,1\n'])
def test_a_header_that_cannot_be_read_is_named(data):
    with pytest.raises(InputError, match=r"a\.csv, line 1"):
        read(".csv", data)


@pytest.mark.parametrize("kind", [".csv", ".jsonl", ".txt"])
def test_reading_goes_on_where_a_chunk_ended(kind, monkeypatch):
    monkeypatch.setattr(readers, "CHUNK_ROWS", 3)
    cell = '{{"text": "row {}"}}\n' if kind == ".jsonl" else '"row\n {}"\n'
    data = "".join(cell.format(n) for n in range(8)).encode()
    data = b"text\n" + data if kind == ".csv" else data
    whole = list(read(kind, data).rows())
    first = read(kind, data)
    chunk = next(first.chunks())
    again = read(kind, data)
    again.go_to(first.offset, first.line)
    assert len(chunk) == 3
    assert chunk + list(again.rows()) == whole


def test_a_chunk_ends_where_its_rows_are_long(monkeypatch):
    monkeypatch.setattr(readers, "CHUNK_BYTES", 100)
    sizes = [len(chunk) for chunk in read(".txt", b"x" * 60 + b"\n" + b"y" * 60 + b"\nz").chunks()]
    assert sizes == [2, 1]
