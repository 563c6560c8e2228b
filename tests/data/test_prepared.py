import json
from dataclasses import asdict

import numpy as np
import pytest

from sentiment.config import PrepareSettings
from sentiment.data import prepared, sources
from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.prepare import key_settings, prepare
from sentiment.errors import DamagedFileError
from sentiment.recipe import default_recipe
from sentiment.utils import files
from sentiment.utils.paths import ProjectPaths


@pytest.fixture
def dataset(tmp_path):
    return prepare(PrepareSettings(dataset="sample"), ProjectPaths(tmp_path))[0]


def test_splits_hold_texts_labels_and_word_ids(dataset):
    split = dataset.split("train")
    assert len(split) == 240
    encoded = dataset.tokenizer.encode([split.text(row) for row in range(240)])
    np.testing.assert_array_equal(encoded.tokens, split.encoded.tokens)
    np.testing.assert_array_equal(encoded.offsets, split.encoded.offsets)
    assert set(split.labels) == {0, 1} and set(dataset.split("unsupervised").labels) == {-1}


def test_the_command_that_prepares_a_dataset_again_names_what_is_not_the_default():
    default = asdict(default_recipe().prepare)
    assert prepared.prepare_command(default) == "sentiment prepare"
    assert prepared.prepare_command(default | {"header": False, "least_word": 3}) == (
        "sentiment prepare --least-word 3 --no-header"
    )
    # Before there was the setting, words were counted in the training reviews.
    older = {name: value for name, value in default.items() if name != "vocabulary_from"}
    assert prepared.prepare_command(older) == "sentiment prepare --vocabulary-from train"


def test_statistics_match_values_worked_by_hand(tmp_path):
    # Lengths 1, 3 and 0; one token of four is unknown.
    encoded = EncodedTexts(np.array([2, 1, 3, 2], np.int32), np.array([0, 1, 4, 4]))
    stats = prepared.write_split(tmp_path, "test", ["é", "b c d", ""], np.array([1, 0, 1]), encoded)
    assert (stats.reviews, stats.tokens, stats.longest_length) == (3, 4, 3)
    assert (stats.median_length, stats.unknown_share) == (1, 0.25)


def test_the_digest_depends_on_texts_and_labels_alone(tmp_path):
    def digest(texts, labels, tokens):
        encoded = EncodedTexts(np.array(tokens, np.int32), np.array([0, 1, 2]))
        return prepared.write_split(tmp_path, "s", texts, np.array(labels), encoded).digest

    first = digest(["ab", "c"], [1, 0], [2, 3])
    assert first == digest(["ab", "c"], [1, 0], [7, 7])
    assert (
        len({first, digest(["a", "bc"], [1, 0], [2, 3]), digest(["ab", "c"], [0, 1], [2, 3])}) == 3
    )


@pytest.mark.parametrize("part", ["texts", "bounds", "labels", "tokens", "offsets"])
def test_a_damaged_split_is_an_error(dataset, part):
    path = dataset.folder / f"test.{part}.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=f"test.{part}.npy is damaged") as caught:
        prepared.open_dataset(dataset.folder).split("test")
    assert caught.value.hint.startswith("rm -r ")
    prepared.open_dataset(dataset.folder).split("train")


@pytest.mark.parametrize("name", ["words.txt", "ngrams.npy"])
def test_a_damaged_vocabulary_is_an_error(dataset, name):
    (dataset.folder / name).write_bytes(b"")
    with pytest.raises(DamagedFileError, match=name):
        _ = prepared.open_dataset(dataset.folder).tokenizer


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"format": 99}', '{"format": 1, "splits": 2}', "[]", "[" * 10_000]
)
def test_an_incomplete_manifest_is_an_error(dataset, text):
    (dataset.folder / "manifest.json").write_text(text)
    with pytest.raises(DamagedFileError, match=r"manifest\.json"):
        prepared.open_dataset(dataset.folder)


def test_a_damaged_dataset_can_be_prepared_again(dataset, tmp_path):
    path = dataset.folder / "test.tokens.npy"
    path.write_bytes(b"")
    settings = PrepareSettings(dataset="sample")
    repaired, is_new = prepare(settings, ProjectPaths(tmp_path), again=True)
    assert is_new and repaired.folder == dataset.folder
    assert len(repaired.split("test")) == 80


def test_the_key_of_the_default_dataset_stays_the_same():
    # Else every user would have to prepare it again.
    settings = key_settings(sources.find_source("imdb"), vars(PrepareSettings()))
    assert prepared.settings_key(settings) == "4df21bde"


def test_each_change_of_a_setting_changes_the_key():
    base = PrepareSettings()
    keys = {prepared.settings_key(vars(base))}
    for name, value in {"dataset": "sample", "vocabulary": 99, "least_word": 9}.items():
        keys.add(prepared.settings_key(vars(base) | {name: value}))
    assert len(keys) == 4


def test_the_manifest_has_the_keys_and_files_of_format_1(dataset):
    manifest = json.loads((dataset.folder / "manifest.json").read_text())
    assert list(manifest) == [
        "format",
        "rules",
        "settings",
        "vocabulary",
        "splits",
        "files",
        "notes",
        "digest",
    ]
    assert list(manifest["vocabulary"]) == ["words", "ngrams"]
    assert list(manifest["splits"]["test"]) == [
        "reviews", "tokens", "median_length", "95th_percentile_length", "longest_length",
        "unknown_share", "digest", "positive", "negative",
    ]  # fmt: skip
    assert manifest["splits"]["test"]["95th_percentile_length"] == (
        dataset.splits["test"].percentile_95_length
    )
    written = {path.name for path in dataset.folder.iterdir()} - {"manifest.json"}
    assert set(manifest["files"]) == written
    assert manifest["files"]["words.txt"]["sha256"] == files.sha256(dataset.folder / "words.txt")


def test_fewer_reviews_need_fewer_occurrences(tmp_path):
    def words(**settings):
        dataset, _ = prepare(PrepareSettings(dataset="sample", **settings), ProjectPaths(tmp_path))
        return dataset.manifest.vocabulary.words

    # 240 reviews are about a hundredth of 25,000: 10 becomes 2, and so does 200; 300 becomes 3.
    assert words() == words(least_word=200) > words(least_word=300)
    assert words(least_word=1) > words()


def test_a_manifest_without_notes_and_class_counts_can_be_opened(dataset):
    path = dataset.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["notes"], manifest["digest"]
    for name in ("positive", "negative", "on_error", "test", "test_share"):
        del manifest["settings"][name]
    for split in manifest["splits"].values():
        del split["positive"], split["negative"]
    path.write_text(json.dumps(files.add_checksum(manifest)))
    opened = prepared.open_dataset(dataset.folder)
    assert opened.describe() == [] and opened.splits["test"].positive_share is None
    assert dataset.describe()[0] == "train 240 reviews: 50.0 % positive"
