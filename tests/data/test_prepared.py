import json

import numpy as np
import pytest

from sentiment.config import PrepareSettings
from sentiment.data import prepared
from sentiment.data.prepare import prepare
from sentiment.data.tokenizer import EncodedTexts
from sentiment.errors import DamagedFileError
from sentiment.utils import files
from sentiment.utils.paths import ProjectPaths


@pytest.fixture
def made(tmp_path):
    return prepare(PrepareSettings(dataset="sample"), ProjectPaths(tmp_path))[0]


def test_splits_hold_texts_labels_and_word_ids(made):
    split = made.split("train")
    assert len(split) == 240
    again = made.tokenizer.encode([split.text(row) for row in range(240)])
    np.testing.assert_array_equal(again.tokens, split.encoded.tokens)
    np.testing.assert_array_equal(again.offsets, split.encoded.offsets)
    assert set(split.labels) == {0, 1} and set(made.split("unsupervised").labels) == {-1}


def test_statistics_by_hand(tmp_path):
    # Lengths 1, 3 and 0; one token of four is unknown.
    encoded = EncodedTexts(np.array([2, 1, 3, 2], np.int32), np.array([0, 1, 4, 4]))
    stats = prepared.write_split(tmp_path, "test", ["é", "b c d", ""], np.array([1, 0, 1]), encoded)
    assert (stats["reviews"], stats["tokens"], stats["longest_length"]) == (3, 4, 3)
    assert (stats["median_length"], stats["unknown_share"]) == (1, 0.25)


def test_the_digest_depends_on_texts_and_labels_alone(tmp_path):
    def digest(texts, labels, tokens):
        encoded = EncodedTexts(np.array(tokens, np.int32), np.array([0, 1, 2]))
        return prepared.write_split(tmp_path, "s", texts, np.array(labels), encoded)["digest"]

    first = digest(["ab", "c"], [1, 0], [2, 3])
    assert first == digest(["ab", "c"], [1, 0], [7, 7])
    assert (
        len({first, digest(["a", "bc"], [1, 0], [2, 3]), digest(["ab", "c"], [0, 1], [2, 3])}) == 3
    )


@pytest.mark.parametrize("part", ["texts", "bounds", "labels", "tokens", "offsets"])
def test_a_damaged_split_is_refused(made, part):
    path = made.folder / f"test.{part}.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=f"test.{part}.npy is damaged") as caught:
        prepared.open_dataset(made.folder).split("test")
    assert caught.value.hint == "sentiment prepare --again"
    prepared.open_dataset(made.folder).split("train")


@pytest.mark.parametrize("name", ["words.txt", "ngrams.npy"])
def test_a_damaged_vocabulary_is_refused(made, name):
    (made.folder / name).write_bytes(b"")
    with pytest.raises(DamagedFileError, match=name):
        _ = prepared.open_dataset(made.folder).tokenizer


@pytest.mark.parametrize("text", ["{", "{}", '{"format": 99}', "[]", "[" * 10_000])
def test_a_manifest_that_is_not_whole_is_refused(made, text):
    (made.folder / "manifest.json").write_text(text)
    with pytest.raises(DamagedFileError, match=r"manifest\.json"):
        prepared.open_dataset(made.folder)


def test_a_damaged_set_can_be_made_again(made, tmp_path):
    path = made.folder / "test.tokens.npy"
    path.write_bytes(b"")
    settings = PrepareSettings(dataset="sample")
    again, new = prepare(settings, ProjectPaths(tmp_path), again=True)
    assert new and again.folder == made.folder
    assert len(again.split("test")) == 80


def test_every_setting_makes_a_set_of_its_own():
    base = PrepareSettings()
    keys = {prepared.settings_key(vars(base))}
    for name, value in {"dataset": "sample", "vocabulary": 99, "least_word": 9}.items():
        keys.add(prepared.settings_key(vars(base) | {name: value}))
    assert len(keys) == 4


def test_the_record_names_every_file(made):
    manifest = json.loads((made.folder / "manifest.json").read_text())
    written = {path.name for path in made.folder.iterdir()} - {"manifest.json"}
    assert set(manifest["files"]) == written
    assert manifest["files"]["words.txt"]["sha256"] == files.sha256(made.folder / "words.txt")


def test_fewer_reviews_ask_for_fewer_occurrences(tmp_path):
    def words(**settings):
        made, _ = prepare(PrepareSettings(dataset="sample", **settings), ProjectPaths(tmp_path))
        return made.manifest["vocabulary"]["words"]

    # 240 reviews are about a hundredth of 25,000: 10 becomes 2, and so does 200; 300 becomes 3.
    assert words() == words(least_word=200) > words(least_word=300)
    assert words(least_word=1) > words()
