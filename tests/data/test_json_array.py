"""Arrays of JSON objects, read one object at a time."""

import io
import json
from pathlib import Path

import pytest

from sentiment.data import formats, json_array
from sentiment.data.readers import LONGEST_ROW
from sentiment.errors import InputError


def read(data, name="a.json"):
    return formats.make_reader(Path(name), io.BytesIO(data))


def test_the_text_of_each_object_is_kept():
    data = b'\xef\xbb\xbf[\n {"text": "a", "n": 1.10},\n {"text":\n  "b]"}\n]\n'
    rows = list(read(data).rows())
    assert [row.raw for row in rows] == [b'{"text": "a", "n": 1.10}', b'{"text":\n  "b]"}']
    assert [(row.line, row.lines) for row in rows] == [(2, 1), (3, 2)]


def test_an_array_is_written_as_an_array():
    reader = read(b'[{"text": "a"}, 3, {"text": "b", "label": 1}]')
    writer = formats.make_writer(Path("a.json"), reader, ["label", "probability", "warnings"])
    values = [["x", 0.5, []], [None, None, []], ["y", 0.25, ["cut"]]]
    written = writer.head + writer.chunk(list(reader.rows()), values) + writer.tail()
    assert json.loads(written) == [
        {"text": "a", "label": "x", "probability": 0.5, "warnings": []},
        {"unread": "3", "label": None, "probability": None, "warnings": []},
        {"text": "b", "label": 1, "probability": 0.25, "warnings": ["cut"]},
    ]
    empty = read(b"[]")
    writer = formats.make_writer(Path("a.json"), empty, ["label"])
    assert list(empty.rows()) == [] and json.loads(writer.head + writer.tail()) == []


@pytest.mark.parametrize("block", [1, 2, 3, 7, 1 << 20])
def test_objects_may_lie_across_the_blocks_that_are_read(block, monkeypatch):
    monkeypatch.setattr(json_array, "_BLOCK", block)
    objects = [{"text": f"é {n}", "n": n, "list": [1, [2]]} for n in range(20)]
    data = json.dumps(objects, indent=1, ensure_ascii=False).encode()
    assert [row.fields for row in read(data).rows()] == objects


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'[{"text": "a"}\n', "line 2: the JSON array is not closed"),
        (b'[{"text": "a"}\n{"text": "b"}]', "line 2: expected , or ] after a value, got '{'"),
        (b'[{"text": "a"},\n{"text": oops}]', "begins in line 2 is not JSON"),
        (b'[{"text": "a"}]\n]', "line 2: expected the end of the file"),
        (b'[{"text": "a"},]', "is not JSON"),
    ],
)
def test_an_array_that_can_not_be_read_on_is_an_error(data, message):
    with pytest.raises(InputError) as caught:
        list(read(data).rows())
    assert message in caught.value.fact


def test_a_json_file_may_have_one_object_a_line():
    rows = read(b'{"text": "a"}\n{"text": "b"}\n').rows()
    assert [row.fields["text"] for row in rows] == ["a", "b"]


@pytest.mark.parametrize("over", [0, 1])
def test_a_value_above_the_limit_is_a_bad_row(over):
    # By its bytes, and although it may end in what was read ahead.
    empty = len('{"text": ""}')
    text = "\u2605" * ((LONGEST_ROW - empty) // 3) + "x" * ((LONGEST_ROW - empty) % 3 + over)
    rows = list(read(f'[{{"text": "{text}"}}, {{"text": "b"}}]'.encode()).rows())
    assert [row.wrong for row in rows] == ["longer than 8 MiB" if over else None, None]
    assert rows[1].fields["text"] == "b" and (len(rows[0].raw) < 100) == bool(over)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_lists_and_objects_of_a_long_row_are_left_out(name):
    values = json.dumps([{}] * 30_000)
    row = f'{{"text": "a", "x": {values}, "y": {{"z": {values}}}, "label": 1}}'
    data = f"[{row}]" if name == "a.json" else row
    (found,) = read(data.encode(), name).rows()
    assert found.fields == {"text": "a", "x": None, "y": None, "label": 1}
    assert found.raw.decode() == row
