"""The bodies of MLflow's scoring server are read, or refused by what is wrong with them."""

import json

import pytest

from sentiment.errors import InputError
from sentiment.serving.mlflow_format import read_csv, read_json


@pytest.mark.parametrize(
    "content",
    [
        {"inputs": ["one", "two"]},
        {"inputs": {"title": [1, 2], "text": ["one", "two"]}},
        {"instances": ["one", "two"]},
        {"instances": [{"text": "one"}, {"text": "two", "id": 2}]},
        {"dataframe_records": [{"id": 1, "text": "one"}, {"text": "two"}]},
        {"dataframe_split": {"columns": ["id", "text"], "data": [[1, "one"], [2, "two"]]}},
        {"dataframe_split": {"index": [5, 6], "columns": ["text"], "data": [["one"], ["two"]]}},
        {"dataframe_split": {"data": [["one"], ["two"]]}},
    ],
)
def test_texts_and_tables_are_read(content):
    assert read_json(json.dumps(content).encode()) == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], "the body is not a JSON object"),
        ({}, "expected exactly one of"),
        ({"inputs": [], "instances": []}, "expected exactly one of"),
        ({"texts": ["a"]}, "unknown field: texts"),
        ({"inputs": "a"}, "inputs is not a list"),
        ({"inputs": {"text": "a"}}, "inputs.text is not a list"),
        ({"inputs": {"title": ["a"]}}, "no column 'text'; it has title"),
        ({"inputs": ["a", None]}, "text 2 is not a string but null"),
        ({"inputs": [1]}, "text 1 is not a string but int"),
        ({"inputs": [["a"]]}, "text 1 is not a string but list"),
        ({"dataframe_records": [{"a": "b"}]}, "no column 'text'; it has a"),
        ({"dataframe_records": [{"text": "a"}, {"txt": "b"}]}, "text 2 is not a string but null"),
        ({"dataframe_records": [{"text": "a"}, "b"]}, "an item of dataframe_records is not an"),
        ({"dataframe_split": []}, "dataframe_split is no object"),
        ({"dataframe_split": {"columns": 1, "data": []}}, "dataframe_split.columns is not a list"),
        ({"dataframe_split": {"columns": ["text"], "data": [[]]}}, "a row of dataframe_split.data"),
        ({"dataframe_split": {"data": [["a", "b"]]}}, "no column 'text'; it has 0, 1"),
        (
            {"dataframe_split": {"columns": ["text", "text"], "data": [["a", "b"]]}},
            "two columns 'text' (1 and 2) in text, text",
        ),
    ],
)
def test_anything_else_is_refused(content, message):
    with pytest.raises(InputError) as caught:
        read_json(json.dumps(content).encode())
    assert message in caught.value.fact and caught.value.hint


@pytest.mark.parametrize(
    "body", [b"{", b"", b"\xff", b"[" * 200_000, b'{"inputs": [' + b"1" * 5000 + b"]}"]
)
def test_what_is_no_json_is_refused(body):
    with pytest.raises(InputError, match="not valid JSON"):
        read_json(body)


def test_csv_has_a_header_and_a_column_text():
    assert read_csv(b'id,text\r\n1,"one, or ""1"""\r\n\r\n2,two\r\n') == ['one, or "1"', "two"]
    assert read_csv("\ufefftext\nä\n".encode()) == ["ä"]
    assert read_csv(b"text\n") == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b"a good film\n", "no column 'text'; it has a good film"),
        (b"text,n,text\na,1,b\n", "two columns 'text' (1 and 3)"),
        (b"text\ngood, as ever\n", "row 1 has 2 cells, and the header 1"),
        (b'text\n"open\n', "has a fault"),
        (b"text\n\xff\n", "is not UTF-8"),
    ],
)
def test_csv_of_another_kind_is_refused(body, message):
    with pytest.raises(InputError) as caught:
        read_csv(body)
    assert message in caught.value.fact and caught.value.hint
