import re

import numpy as np
import pytest

from sentiment.config import PrepareSettings
from sentiment.data import labelled_files, prepared, sources
from sentiment.data.prepare import key_settings, prepare, recorded_settings
from sentiment.data.sources import Reviews, SourceRequest
from sentiment.errors import InputError, MissingFileError
from sentiment.utils.paths import ProjectPaths

ROWS = [("good, fine", 1), ("bad\nindeed", 0), ('so "so"', 1)]


def load(path, **settings):
    """Return the splits of a data set with these settings."""
    request = SourceRequest(PrepareSettings(dataset=str(path), **settings), ProjectPaths(path))
    return sources.find_source(str(path)).load(request)


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
def test_every_labelled_format_gives_the_same_reviews(tmp_path, name, text):
    reviews = labelled_files.read_labelled(write(tmp_path / name, text))
    assert list(zip(reviews.texts, reviews.labels.tolist(), strict=True)) == ROWS


def test_columns_can_be_named(tmp_path):
    path = write(tmp_path / "a.csv", "review,stars,text\nfine,1,other\n")
    assert labelled_files.read_labelled(path, "review", "stars").texts == ["fine"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "text,label\n", "no column 'label'; it has text"),
        ("a.csv", "", "no column 'text'; it has no header"),
        ("a.csv", "text,label\n", "holds no rows"),
        ("a.csv", "txt,label\na,1\n", "no column 'text'; it has txt, label"),
        ("a.csv", "text,label\na,1\nb\n", "line 3: no column 'label'"),
        (
            "a.csv",
            "text,label\na,maybe\n",
            "column label: it is not certain which labels are positive and which",
        ),
        ("a.csv", 'text,label\n"a,1\n', "line 2: a quote opens a cell and nothing closes it"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{', "line 2: not JSON"),
        ("a.jsonl", "[1]\n", "line 1: expected a JSON object"),
        ("a.jsonl", '{"text": null, "label": 1}\n', "line 1: no text in column 'text'"),
        ("a.jsonl", '{"text": true, "label": 1}\n', "line 1: no text in column 'text'"),
        ("a.jsonl", '{"text": "a"}\n', "line 1: no column 'label'; it has text"),
        ("a.jsonl", "[" * 100_000, "line 1: not JSON"),
    ],
)
def test_an_error_names_the_line(tmp_path, name, text, message):
    with pytest.raises(InputError, match=re.escape(message)):
        labelled_files.read_labelled(write(tmp_path / name, text))


def test_a_file_that_is_not_utf_8_is_an_error(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\ncaf\u00e9,1\n", "latin-1")
    with pytest.raises(InputError, match=r"line 2: not UTF-8 text \(byte 3"):
        labelled_files.read_labelled(path)


def test_an_absent_file_is_missing(tmp_path):
    with pytest.raises(MissingFileError, match="no file"):
        labelled_files.read_labelled(tmp_path / "a.csv")


def test_a_file_is_always_split_the_same_way(tmp_path):
    rows = "".join(f"text {n},{n % 2}\n" for n in range(50))
    path = write(tmp_path / "a.csv", "text,label\n" + rows)
    first, second = (load(path) for _ in range(2))
    assert first["test"].texts == second["test"].texts
    assert (len(first["train"].texts), len(first["test"].texts)) == (40, 10)
    assert len({*first["train"].texts, *first["test"].texts}) == 50
    for split in first.values():
        assert [int(text.split()[1]) % 2 for text in split.texts] == split.labels.tolist()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,1\nb,0\n", "has 2 labelled rows with 2 different texts: a training needs at least 10"),
        ("a,1\nb,0\n" * 10, "has 20 labelled rows with 2 different texts"),
        ("".join(f"t{n},1\n" for n in range(20)), "has 20 labelled rows, all positive"),
    ],
)
def test_a_file_with_too_little_to_learn_from_is_an_error(tmp_path, rows, message):
    path = write(tmp_path / "a.csv", "text,label\n" + rows)
    with pytest.raises(InputError, match=message):
        load(path)


def test_the_sample_is_balanced_and_its_texts_are_unique():
    splits = sources.load_sample()
    counts = {name: np.bincount(split.labels + 1).tolist() for name, split in splits.items()}
    assert counts == {"train": [0, 120, 120], "test": [0, 40, 40], "unsupervised": [40]}
    assert len({text for split in splits.values() for text in split.texts}) == 360


def test_read_texts_gives_a_column_or_the_lines(tmp_path):
    table = write(tmp_path / "a.tsv", "n\treview\n1\tA fine film.\n2\t\n")
    assert list(labelled_files.read_texts(table, "review")) == ["A fine film.", ""]
    lines = write(tmp_path / "a.txt", "\ufeffA fine film.\r\n\nOne\u2028text\r more")
    assert list(labelled_files.read_texts(lines)) == ["A fine film.", "", "One\u2028text\r more"]
    assert list(labelled_files.read_texts(table)) == ["A fine film.", ""]  # the usual name
    with pytest.raises(InputError, match="no column 'title'; it has n, review"):
        list(labelled_files.read_texts(table, "title"))
    (tmp_path / "b.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(InputError, match="not UTF-8 text"):
        list(labelled_files.read_texts(tmp_path / "b.txt"))


@pytest.fixture
def shouts(monkeypatch):
    """Register the data source `shouts`, and return the requests that it gets."""
    monkeypatch.setattr(sources, "SOURCES", dict(sources.SOURCES))
    requests = []

    @sources.data_source("shouts", identity=lambda request: "shouts:2")
    def load_shouts(request):
        requests.append(request)
        texts = ["good good", "bad bad"]
        return dict.fromkeys(("train", "test"), Reviews(texts, np.array([1, 0], np.int8)))

    return requests


def test_a_registered_source_can_be_prepared(shouts, tmp_path):
    settings, paths = PrepareSettings(dataset="shouts"), ProjectPaths(tmp_path)
    dataset, is_new = prepare(settings, paths)
    assert is_new and len(shouts) == 1 and shouts[0].paths == paths
    assert dataset.tokenizer.words == ["bad", "good"]
    assert dataset.split("test").text(0) == "good good"
    # The identity of the content is in the key, the name alone in the folder's name.
    recorded = vars(settings) | {"dataset": "shouts:2"}
    key = prepared.settings_key(key_settings(sources.find_source("shouts"), recorded))
    assert dataset.folder == tmp_path / "data" / "prepared" / f"shouts-{key}"
    assert dataset.settings["dataset"] == "shouts:2"
    assert not prepare(settings, paths)[1] and len(shouts) == 1


def key(path, **settings):
    """Return the key of a prepared data set."""
    settings = PrepareSettings(dataset=str(path), **settings)
    request = SourceRequest(settings, ProjectPaths(path))
    source = sources.find_source(str(path))
    return prepared.settings_key(key_settings(source, recorded_settings(source, request)))


def test_the_key_of_the_sample_does_not_change(tmp_path):
    assert key("sample") == key("sample", test_share=0.3) == key("sample", on_error="skip")
    assert prepare(PrepareSettings(dataset="sample"), ProjectPaths(tmp_path))[0].folder.name == (
        "sample-84530550"
    )


def test_the_key_of_a_file_changes_with_what_changes_its_splits(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\n" + "good,1\nbad,0\n" * 10)
    first, second = (write(tmp_path / f"{n}.csv", f"text,label\na,{n}\n") for n in (0, 1))
    stars = {"positive": "4,5", "negative": "1"}
    keys = [
        key(path),
        key(path, test_share=0.3),
        key(path, **stars),
        key(path, on_error="skip"),
        key(path, test=str(first)),
        key(path, test=str(second)),
    ]
    assert len(set(keys)) == len(keys)
    assert key(path, **stars) == key(path, positive="5.0, 4", negative="1")
    assert key(path, test=str(first), test_share=0.3) == key(path, test=str(first))


def test_settings_of_labelled_rows_are_refused_for_other_sources():
    for option in ({"positive": "1", "negative": "0"}, {"test": "a.csv"}):
        with pytest.raises(InputError, match="sample has labels and test reviews of its own"):
            key("sample", **option)


@pytest.mark.parametrize("name", ["sample", "a.csv", "folder/name", ""])
def test_the_name_of_a_source_is_new_and_no_path(name):
    with pytest.raises(ValueError, match="expected a new name"):
        sources.data_source(name)


@pytest.mark.parametrize("name", ["absent.csv", "a" * 5000, "."])
def test_an_unknown_dataset_is_missing(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(MissingFileError) as caught:
        prepare(PrepareSettings(dataset=str(path)), ProjectPaths(tmp_path))
    assert caught.value.fact == (
        f"no dataset {path}: it is not imdb, sample, tfds:NAME, a readable file or a folder with "
        "pos and neg"
    )
