"""Test how rows of files, folders and TFDS become splits."""

import numpy as np
import pytest

from sentiment.config import PrepareSettings
from sentiment.data import sources
from sentiment.data.prepare import prepare
from sentiment.data.reviews import SourceRequest
from sentiment.errors import InputError, UnavailableError
from sentiment.utils.paths import ProjectPaths


def load(dataset, root, **settings):
    """Return the splits of a data set, and its notes."""
    settings = PrepareSettings(dataset=str(dataset), **settings)
    splits = sources.find_source(settings.dataset).load(SourceRequest(settings, ProjectPaths(root)))
    return splits, list(splits["train"].notes)


def table(path, rows, header="text,label"):
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


def numbered(count, labels="10"):
    """Return rows with different texts and these labels in turn."""
    return [f"text {n},{labels[n % len(labels)]}" for n in range(count)]


def test_equal_texts_stay_on_one_side_of_the_split(tmp_path):
    # Case, markup and punctuation do not make another text.
    rng = np.random.default_rng(0)
    forms = ["Text {}", "text {}.", "<b>TEXT</b> {}", "text {}"]
    rows = [f"{form.format(n)},{rng.integers(2)}" for n in range(150) for form in forms]
    splits, notes = load(table(tmp_path / "a.csv", rows), tmp_path)
    numbers = {
        name: {text.strip(".").split()[-1] for text in split.texts}
        for name, split in splits.items()
    }
    assert not numbers["train"] & numbers["test"]
    assert len(splits["test"].texts) == pytest.approx(120, abs=6)
    assert notes[0].startswith("600 rows, 150 texts: equal texts are all in the training")
    assert notes[1].endswith("texts with both labels")


def test_the_split_of_a_file_is_stratified_and_has_the_wanted_share(tmp_path):
    path = table(tmp_path / "a.csv", numbered(100, "1110"))
    for share, counts in ((0.2, [5, 15]), (0.4, [10, 30])):
        splits, notes = load(path, tmp_path, test_share=share)
        assert np.bincount(splits["test"].labels).tolist() == counts
        assert notes == []


def test_a_label_with_one_text_is_in_the_training_reviews_or_an_error(tmp_path):
    path = table(tmp_path / "a.csv", [*numbered(20, "1"), "bad,0"])
    splits, notes = load(path, tmp_path)
    assert 0 in splits["train"].labels and notes == ["all test reviews are positive"]
    with pytest.raises(InputError, match="without its test reviews, has 2 labelled rows, all pos"):
        load(path, tmp_path, test_share=0.9)


def test_rows_with_other_labels_or_none_are_left_out_and_counted(tmp_path):
    rows = [*numbered(20), "so so,Neutral", "hm,neutral", "odd,mixed", "no label,", " ,1", ",2"]
    splits, notes = load(table(tmp_path / "a.csv", rows), tmp_path)
    assert sum(len(split.texts) for split in splits.values()) == 20
    assert notes == [
        "2 rows with label neutral, 1 row with label mixed, 1 row without a label, "
        "2 rows without text left out"
    ]


def test_typed_labels_are_used_and_said(tmp_path):
    path = table(tmp_path / "a.csv", numbered(50, "12345"))
    with pytest.raises(InputError) as caught:
        load(path, tmp_path)
    assert "5 (10 rows)" in caught.value.fact
    assert "--positive 4,5 --negative 1,2" in caught.value.hint
    splits, notes = load(path, tmp_path, positive="4.0,5", negative="1,2")
    assert sum(len(split.texts) for split in splits.values()) == 40
    assert notes == [
        "10 rows with label 3 left out", "labels read as positive: 4, 5; negative: 1, 2"
    ]  # fmt: skip


def test_a_column_split_is_honoured(tmp_path):
    rows = [f"{row},{'train' if n < 16 else 'Test'}" for n, row in enumerate(numbered(20))]
    rows += ["text 3,1,test", "more,,unsup", "text 90,1,valid"]
    splits, notes = load(table(tmp_path / "a.csv", rows, "text,label,split"), tmp_path)
    assert splits["test"].texts == [*(f"text {n}" for n in range(16, 20)), "text 3"]
    assert splits["train"].texts == [*(f"text {n}" for n in range(16)), "text 90"]
    assert splits["unsupervised"].texts == ["more"]
    assert splits["unsupervised"].labels.tolist() == [-1]
    assert notes[0].startswith("the validation reviews are among the training reviews")
    assert notes[1] == "1 of 5 test texts are also training texts"


def test_a_column_split_with_other_values_is_no_split(tmp_path):
    rows = [f"{row},{n % 5}" for n, row in enumerate(numbered(20))]
    splits, _ = load(table(tmp_path / "a.csv", rows, "text,label,split"), tmp_path)
    assert len(splits["test"].texts) == 4


def test_a_test_file_has_the_labels_of_the_training_file(tmp_path):
    path = table(tmp_path / "a.csv", numbered(20, "40"))
    test = table(tmp_path / "test.csv", ["text 0,4", "new,4"])
    splits, notes = load(path, tmp_path, test=str(test))
    assert len(splits["train"].texts) == 20
    assert splits["test"].texts == ["text 0", "new"] and splits["test"].labels.tolist() == [1, 1]
    assert "1 of 2 test texts are also training texts" in notes
    assert "all test reviews are positive" in notes


def test_a_test_file_beside_test_rows_is_an_error(tmp_path):
    rows = [f"{row},{'test' if n < 4 else 'train'}" for n, row in enumerate(numbered(20))]
    path = table(tmp_path / "a.csv", rows, "text,label,split")
    with pytest.raises(InputError, match="has test reviews of its own"):
        load(path, tmp_path, test=str(path))


def test_skipped_rows_are_counted_and_the_first_are_named(tmp_path):
    path = table(tmp_path / "a.csv", [*numbered(20), "broken", "a,b,c", ",", "x"])
    with pytest.raises(InputError, match="line 22") as caught:
        load(path, tmp_path)
    assert caught.value.hint == "--on-error skip leaves out such rows"
    splits, notes = load(path, tmp_path, on_error="skip")
    assert sum(len(split.texts) for split in splits.values()) == 20
    assert notes[0].startswith("3 rows skipped: ") and "line 22: no column 'label'" in notes[0]
    assert "line 23: 3 fields" in notes[0] and "line 25: no column 'label'" in notes[0]
    assert notes[1] == "1 row without text left out"
    more = load(table(tmp_path / "a.csv", [*numbered(20), *"abcd"]), tmp_path, on_error="skip")[1]
    assert more[0].startswith("4 rows skipped: ") and more[0].endswith("; …")


def test_a_column_that_no_row_has_is_an_error_even_if_rows_may_be_skipped(tmp_path):
    path = table(tmp_path / "a.csv", numbered(20), "title,label")
    with pytest.raises(InputError, match="no column 'text'; it has title, label"):
        load(path, tmp_path, on_error="skip")


def folder(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return root


def test_a_folder_in_the_layout_of_aclimdb_is_a_dataset(tmp_path):
    files = {
        f"{part}/{label}/{n}_9.txt": f"{part} {label} {n}"
        for part in ("train", "test") for label in ("pos", "neg") for n in range(6)
    }  # fmt: skip
    files |= {"train/unsup/0_0.txt": "who knows", "train/urls_pos.txt": "http://a", "README": "-"}
    root = folder(tmp_path / "aclImdb", files)
    splits, notes = load(root, tmp_path)
    assert {name: len(split.texts) for name, split in splits.items()} == {
        "train": 12, "test": 12, "unsupervised": 1,
    }  # fmt: skip
    for name in ("train", "test"):
        for text, label in zip(splits[name].texts, splits[name].labels, strict=True):
            assert text.split()[:2] == [name, "pos" if label else "neg"]
    assert notes == []


def test_a_folder_with_pos_and_neg_is_split_as_a_file_is(tmp_path):
    files = {f"{label}/{n}.txt": f"{label} {n}" for label in ("pos", "neg") for n in range(10)}
    root = folder(tmp_path / "mine", files | {"neutral/1.txt": "so so"})
    splits, notes = load(root, tmp_path)
    assert np.bincount(splits["test"].labels).tolist() == [2, 2]
    assert notes == ["1 row with label neutral left out"]
    dataset, _ = prepare(PrepareSettings(dataset=str(root)), ProjectPaths(tmp_path))
    assert dataset.manifest.notes == notes
    assert dataset.describe()[:2] == [
        "train 16 reviews: 50.0 % positive", "test 4 reviews: 50.0 % positive"
    ]  # fmt: skip
    # Content counts, not the time of a file.
    (root / "pos" / "0.txt").write_text("another")
    assert prepare(PrepareSettings(dataset=str(root)), ProjectPaths(tmp_path))[1]


def test_a_text_file_that_is_not_utf_8_is_named(tmp_path):
    files = {f"{label}/{n}.txt": f"{label} {n}" for label in ("pos", "neg") for n in range(10)}
    root = folder(tmp_path / "mine", files)
    (root / "pos" / "bad.txt").write_bytes(b"caf\xe9")
    with pytest.raises(InputError, match=r"bad\.txt: not UTF-8 text \(byte 3\)"):
        load(root, tmp_path)
    assert "bad.txt" in load(root, tmp_path, on_error="skip")[1][0]


@pytest.fixture(scope="module")
def tfds_dir(tmp_path_factory):
    """Return a folder with data sets of TFDS that this function makes."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    root = tmp_path_factory.mktemp("tfds")

    def store(name, features, splits):
        tfds.dataset_builders.store_as_tfds_dataset(
            name=name,
            version="1.0.0",
            data_dir=root,
            features=tfds.features.FeaturesDict(features),
            split_datasets={
                split: tf.data.Dataset.from_tensor_slices(columns)
                for split, columns in splits.items()
            },
            disable_shuffling=True,
        )

    def rows(part, labels):
        return {"sentence": [f"{part} {n}" for n in range(len(labels))], "label": labels}

    text = tfds.features.Text()
    store(
        "tiny_glue",
        {"sentence": text, "label": tfds.features.ClassLabel(names=["negative", "positive"])},
        {"train": rows("train", [0, 1] * 6), "validation": rows("dev", [1, 0]),
         "test": rows("test", [-1] * 3)},
    )  # fmt: skip
    store(
        "tiny_stars",
        {"sentence": text, "title": text, "label": np.int64},
        {"train": {**rows("train", [1, 2, 3, 4, 5] * 8), "title": ["x"] * 40}},
    )
    store(
        "tiny_polarity",
        {"sentence": text, "label": tfds.features.ClassLabel(names=["1", "2"])},
        {"train": rows("train", [0, 1] * 6), "test": rows("test", [1, 0])},
    )
    return root


def test_a_text_data_set_of_tfds_is_a_dataset(tfds_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tfds_dir))
    splits, notes = load("tfds:tiny_glue", tmp_path)
    assert splits["train"].texts == [f"train {n}" for n in range(12)]
    assert splits["train"].labels.tolist() == [0, 1] * 6
    # The test of GLUE has no labels.
    assert splits["test"].texts == ["dev 0", "dev 1"] and splits["test"].labels.tolist() == [1, 0]
    assert notes[0] == "3 rows without a label left out"
    assert notes[1].startswith("the validation reviews are used as the test")
    assert PrepareSettings(dataset="tfds:glue/sst2:2.0.0").name == "glue-sst2"


def test_of_two_numbered_classes_of_tfds_the_second_is_positive(tfds_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tfds_dir))
    splits, notes = load("tfds:tiny_polarity", tmp_path)
    assert splits["test"].labels.tolist() == [1, 0]
    assert notes == ["labels read as positive: 2; negative: 1"]


def test_columns_and_labels_of_tfds_can_be_named(tfds_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tfds_dir))
    with pytest.raises(
        InputError, match=r"no text feature 'text'.* it has (sentence, title|title, sentence)"
    ):
        load("tfds:tiny_stars", tmp_path)
    with pytest.raises(InputError, match="--positive and --negative belong together"):
        load("tfds:tiny_stars", tmp_path, text_column="sentence", positive="5")
    splits, notes = load(
        "tfds:tiny_stars", tmp_path, text_column="sentence", positive="4,5", negative="1,2"
    )
    assert sum(len(split.texts) for split in splits.values()) == 32
    assert "8 rows with label 3 left out" in notes


def test_a_data_set_that_tfds_does_not_know_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(InputError, match="TFDS has no data set no_such_set"):
        load("tfds:no_such_set", tmp_path)
    with pytest.raises(InputError, match="TFDS has no data set glue/no_such_config"):
        load("tfds:glue/no_such_config", tmp_path)


def test_without_network_a_data_set_of_tfds_is_not_available(tmp_path, monkeypatch):
    from sentiment.data import tfds_source

    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(tfds_source, "_STORAGE_URL", "http://127.0.0.1:9")
    with pytest.raises(UnavailableError, match=r"yelp_polarity_reviews.* no network") as caught:
        load("tfds:yelp_polarity_reviews", tmp_path)
    assert "TFDS_DATA_DIR" in caught.value.hint
