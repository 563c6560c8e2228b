"""What a command holds at once has one limit, whatever it is read from."""

import io
import json
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.config import PrepareSettings
from sentiment.data import (
    encoded_texts,
    held_texts,
    imdb,
    labelled_files,
    ngram_keys,
    readers,
    sources,
    tokenizer,
)
from sentiment.data.prepare import prepare
from sentiment.data.reviews import SourceRequest
from sentiment.errors import InputError
from sentiment.utils.paths import ProjectPaths

ROW = 4 + 49 + 52 + 64  # bytes of a text of four letters with the label `pos`


@pytest.fixture
def room(monkeypatch):
    """Leave room for ten such rows."""
    monkeypatch.setattr(held_texts, "MOST_TEXT", 10 * ROW)


def write(path, rows, label="pos"):
    path.write_text("text,label\n" + "".join(f"film,{label if n % 2 else 'neg'}\n" for n in rows))
    return path


def load(dataset, root, **settings):
    settings = PrepareSettings(dataset=str(dataset), **settings)
    request = SourceRequest(settings, ProjectPaths(root))
    return sources.find_source(settings.dataset).load(request)


def test_a_file_that_fits_is_read_and_one_row_more_is_not(room, tmp_path):
    path = write(tmp_path / "a.csv", range(10))
    assert len(labelled_files.read_labelled(path).texts) == 10
    with pytest.raises(InputError) as caught:
        labelled_files.read_labelled(write(path, range(11)))
    assert caught.value.fact.startswith(f"{path}: the texts take more than 0 MiB of memory")
    assert caught.value.hint == "split it into files of at most 10 rows and give one of them"


@pytest.mark.parametrize("words", [["evaluate", "--no-track", "--data"], ["prepare", "--dataset"]])
def test_a_command_that_would_hold_more_says_so_and_what_to_do(room, home, words):
    # Not even with skip: a measure of the first part alone would be taken for that of the file.
    path = write(home / "a.csv", range(11))
    result = CliRunner().invoke(app, [*words, str(path), "--on-error", "skip"])
    message = " ".join(result.stderr.split())
    assert result.exit_code == 1 and "Traceback" not in message
    assert "a.csv: the texts take more than 0 MiB of memory" in message
    assert "Try: split it into files of at most 10 rows" in message


def test_a_stream_is_read_no_further_than_what_fits(room, tmp_path, monkeypatch):
    class Endless(io.RawIOBase):
        lines = count()

        def readline(self, limit=-1):
            return b"film,pos\n" if next(self.lines) else b"text,label\n"

        def read(self, size=-1):
            return b"text,label\nfilm,pos\n"

        def seekable(self):
            return True

        def seek(self, *_):
            return 0

    monkeypatch.setattr(readers, "open_binary", lambda path: Endless())
    with pytest.raises(InputError, match="all of them have to be held"):
        labelled_files.read_labelled(tmp_path / "a.csv")
    assert next(Endless.lines) < 20


def test_labels_count_too(room, tmp_path):
    path = tmp_path / "a.jsonl"
    labels = ["x" * ROW * 10, {"x": "x" * ROW * 10}, ["x" * ROW * 10]]
    for label in labels:
        path.write_text(json.dumps({"text": "film", "label": label}) + "\n")
        with pytest.raises(InputError, match="take more than"):
            labelled_files.read_labelled(path)


def test_the_test_file_counts_together_with_the_training_file(room, tmp_path):
    train, test = (write(tmp_path / name, range(6)) for name in ("a.csv", "b.csv"))
    with pytest.raises(InputError, match=r"b\.csv: the texts take more than"):
        load(train, tmp_path, test=str(test))


def test_a_folder_of_texts_has_the_limit(room, tmp_path):
    for label in ("pos", "neg"):
        (tmp_path / label).mkdir()
        for number in range(6):
            (tmp_path / label / f"{number}.txt").write_text("film")
    with pytest.raises(InputError, match="the texts take more than"):
        labelled_files.read_labelled(tmp_path)


def test_a_long_text_of_a_folder_is_a_bad_row(tmp_path):
    for label in ("pos", "neg"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.txt").write_text("good\r\nfilm")
    with (tmp_path / "pos" / "2.txt").open("wb") as file:
        file.truncate(readers.LONGEST_ROW + 1)
    with pytest.raises(InputError, match=r"2\.txt: longer than 8 MiB"):
        labelled_files.read_labelled(tmp_path)
    assert labelled_files.read_labelled(tmp_path, on_error="skip").texts == ["good\nfilm"] * 2


def test_imdb_and_other_data_sets_of_tfds_have_the_limit(room, tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    splits = {name: SimpleNamespace(num_examples=6) for name in imdb.IMDB_SPLITS}
    rows = [{"text": b"film", "label": np.int64(n % 2)} for n in range(6)]
    batch = {"text": np.array([b"film"] * 6, object), "label": np.arange(6) % 2}
    features = {"text": tfds.features.Text(), "label": tfds.features.ClassLabel(num_classes=2)}
    info = SimpleNamespace(splits=splits, features=features, full_name="x/1")
    builder = SimpleNamespace(info=info, data_path=tmp_path, as_dataset=None)
    builder.as_dataset = lambda batch_size=None, **_: [batch] if batch_size else rows
    monkeypatch.setattr(tfds, "builder", lambda *_, **__: builder)
    monkeypatch.setattr(tfds, "as_numpy", lambda rows: rows)
    for name in ("imdb", "tfds:x"):
        with pytest.raises(InputError, match=f"^{name}: the texts take more than"):
            load(name, tmp_path)


def test_an_explanation_holds_no_more_than_its_text(home, monkeypatch):
    # Texts that were read ahead would never end.
    class Endless:
        lines = count()

        def readline(self, limit):
            number = next(self.lines)
            assert number < 5, "it reads ahead"
            return b"a good film\n" if number < 3 else b"caf\xe9\n"

    from sentiment.cli import _explanation_view

    stream = SimpleNamespace(buffer=Endless())
    monkeypatch.setattr(_explanation_view, "sys", SimpleNamespace(stdin=stream))
    result = CliRunner().invoke(app, ["predict", "--trace", "--json", "-"])
    assert result.exit_code == 1 and "text 4: not UTF-8" in result.stderr
    assert len(result.stdout.splitlines()) == 3


def test_a_page_is_of_one_text(home):
    result = CliRunner().invoke(app, ["predict", "--html", "x.html", "-"], input="a\nb\nc\n")
    assert result.exit_code == 2 and "got 2 or more" in " ".join(result.stderr.split())


def test_a_training_set_without_end_of_different_words_is_refused(monkeypatch):
    monkeypatch.setattr(tokenizer, "MOST_DIFFERENT", 100)
    options = {"most_words": 9, "least_word": 1, "least_ngram": [1, 1]}
    tokenizer.fit([f"{n} {n}" for n in range(100)], **options)
    with pytest.raises(InputError, match="more than 100 different words"):
        tokenizer.fit((f"word{n}" for n in range(1000)), **options)


def test_ngrams_that_are_counted_in_parts_are_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{n}" for n in rng.integers(0, 30, k)) for k in rng.integers(0, 50, 200)]
    options = {"most_words": 25, "least_word": 2, "least_ngram": [3, 2]}
    whole, encoded = tokenizer.fit(texts, **options)
    monkeypatch.setattr(encoded_texts, "_BLOCK", 70)
    monkeypatch.setattr(ngram_keys, "_COUNTED", 500)
    parts, again = tokenizer.fit(texts, **options)
    assert len(whole.ngrams) > 500 and parts.words == whole.words
    np.testing.assert_array_equal(parts.ngrams, whole.ngrams)
    np.testing.assert_array_equal(again.tokens, encoded.tokens)


def test_features_that_are_made_in_parts_are_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{n}" for n in rng.integers(0, 30, k)) for k in rng.integers(0, 50, 200)]
    vocabulary, encoded = tokenizer.fit(texts, most_words=25, least_word=2, least_ngram=[3, 2])
    rows = rng.permutation(len(texts))

    def made():
        taken = encoded.take(rows).last(20)
        return (
            taken.tokens,
            taken.offsets,
            *(vocabulary.features(taken, 3, repeats=repeats) for repeats in (True, False)),
        )

    whole = made()
    assert np.count_nonzero(whole[2][:, 2]) > 100 and (whole[2] != whole[3]).any()
    monkeypatch.setattr(encoded_texts, "_BLOCK", 30)
    for parts, expected in zip(made(), whole, strict=True):
        np.testing.assert_array_equal(parts, expected)


def test_texts_of_too_many_marks_are_refused(monkeypatch):
    monkeypatch.setattr(tokenizer, "MOST_TOKENS", 10)
    options = {"most_words": 9, "least_word": 1, "least_ngram": [1, 1]}
    vocabulary, _ = tokenizer.fit(["a?!?!", "!!!!!"], **options)
    vocabulary.encode(["a?!?!", "!!!!!!"])  # a few texts among many
    for read in (
        lambda texts: vocabulary.encode(texts, is_split=True),
        lambda texts: tokenizer.fit(texts, **options),
    ):
        read(["a?!?!", "!!!!!"])
        with pytest.raises(InputError, match="more than 10 words and marks"):
            read(["a?!?!", "!!!!!!"])


def test_a_test_split_of_too_many_marks_is_refused(tmp_path, monkeypatch):
    train = [(f"film{number}", number % 2) for number in range(12)]
    for name, rows in (("train", train), ("test", [("!?" * 50, 1), ("bad film", 0)])):
        lines = [f"{text},{label}" for text, label in rows]
        (tmp_path / f"{name}.csv").write_text("\n".join(["text,label", *lines, ""]))
    settings = PrepareSettings(dataset=str(tmp_path / "train.csv"), test=str(tmp_path / "test.csv"))
    monkeypatch.setattr(tokenizer, "MOST_TOKENS", 102)
    prepare(settings, ProjectPaths(tmp_path / "a"))
    monkeypatch.setattr(tokenizer, "MOST_TOKENS", 101)
    with pytest.raises(InputError, match="more than 101 words and marks"):
        prepare(settings, ProjectPaths(tmp_path / "b"))
    assert not [*(tmp_path / "b" / "data" / "prepared").iterdir()]
