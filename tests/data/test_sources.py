import re

import numpy as np
import pytest

from sentiment.data import sources
from sentiment.errors import InputError, MissingFileError

ROWS = [("good, fine", 1), ("bad\nindeed", 0), ('so "so"', 1)]


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", 'text,label\n"good, fine",pos\n"bad\nindeed",neg\n"so ""so""",1\n'),
        (
            "a.CSV",
            '\ufefflabel,text\nPositive,"good, fine"\nNEG,"bad\nindeed"\n 1 ,"so ""so"""\n',
        ),
        ("a.tsv", 'text\tlabel\ngood, fine\t1\n"bad\nindeed"\t0\n"so ""so"""\tpositive\n'),
        (
            "a.jsonl",
            '{"text": "good, fine", "label": 1}\n\n{"text": "bad\\nindeed", "label": "neg"}\n'
            '{"text": "so \\"so\\"", "label": "pos", "more": null}\n',
        ),
    ],
)
def test_every_format_gives_the_same_reviews(tmp_path, name, text):
    found = sources.read_labelled(write(tmp_path / name, text))
    assert list(zip(found.texts, found.labels.tolist(), strict=True)) == ROWS


def test_columns_can_be_named(tmp_path):
    path = write(tmp_path / "a.csv", "review,stars,text\nfine,1,other\n")
    assert sources.read_labelled(path, "review", "stars").texts == ["fine"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "text,label\n", "expected a name that ends in .csv, .tsv or .jsonl"),
        ("a.csv", "", "holds no rows"),
        ("a.csv", "text,label\n", "holds no rows"),
        ("a.csv", "txt,label\na,1\n", "line 2: no column 'text'; it has txt, label"),
        ("a.csv", "text,label\na,1\nb\n", "line 3: no column 'label'"),
        ("a.csv", "text,label\na,maybe\n", "line 2: label 'maybe' is none of pos/neg"),
        ("a.csv", 'text,label\n"a,1\n', "line 2: unexpected end of data"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{', "line 2: not JSON"),
        ("a.jsonl", "[1]\n", "line 1: expected a JSON object"),
        ("a.jsonl", '{"text": null, "label": 1}\n', "line 1: no column 'text'"),
        ("a.jsonl", '{"text": "a", "label": true}\n', "line 1: no column 'label'"),
        ("a.jsonl", "[" * 100_000, "line 1: not JSON"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, name, text, message):
    with pytest.raises(InputError, match=re.escape(message)):
        sources.read_labelled(write(tmp_path / name, text))


def test_a_file_that_is_not_utf_8_is_refused(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\ncaf\u00e9,1\n", "latin-1")
    with pytest.raises(InputError, match=r"line 2: not UTF-8 text \(byte 3"):
        sources.read_labelled(path)


def test_a_file_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(MissingFileError, match="no file"):
        sources.read_labelled(tmp_path / "a.csv")


def test_a_file_is_split_once_and_for_all(tmp_path):
    rows = "".join(f"text {n},{n % 2}\n" for n in range(50))
    path = write(tmp_path / "a.csv", "text,label\n" + rows)
    first, again = (sources.load_file(path, "text", "label") for _ in range(2))
    assert first["test"].texts == again["test"].texts
    assert (len(first["train"].texts), len(first["test"].texts)) == (40, 10)
    assert len({*first["train"].texts, *first["test"].texts}) == 50
    for split in first.values():
        assert [int(text.split()[1]) % 2 for text in split.texts] == split.labels.tolist()


@pytest.mark.parametrize("rows", ["a,1\nb,0\n", "".join(f"t{n},1\n" for n in range(20))])
def test_too_little_to_learn_from_is_refused(tmp_path, rows):
    path = write(tmp_path / "a.csv", "text,label\n" + rows)
    with pytest.raises(InputError, match="too little to learn from"):
        sources.load_file(path, "text", "label")


def test_the_sample_is_balanced_and_nothing_is_in_two_splits():
    found = sources.load_sample()
    counts = {name: np.bincount(split.labels + 1).tolist() for name, split in found.items()}
    assert counts == {"train": [0, 120, 120], "test": [0, 40, 40], "unsupervised": [40]}
    assert len({text for split in found.values() for text in split.texts}) == 360


def test_texts_alone_come_from_a_column_or_line_by_line(tmp_path):
    table = write(tmp_path / "a.tsv", "n\tsaid\n1\tA fine film.\n2\t\n")
    assert list(sources.read_texts(table, "said")) == ["A fine film.", ""]
    lines = write(tmp_path / "a.txt", "\ufeffA fine film.\r\n\nOne\u2028text\r more")
    assert list(sources.read_texts(lines)) == ["A fine film.", "", "One\u2028text\r more"]
    with pytest.raises(InputError, match="line 2: no column 'text'; it has n, said"):
        list(sources.read_texts(table))
    (tmp_path / "b.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(InputError, match="not UTF-8 text"):
        list(sources.read_texts(tmp_path / "b.txt"))
