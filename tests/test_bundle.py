import json

import numpy as np
import pytest
from build import TINY, tiny_bundle

from sentiment import bundle, files
from sentiment.errors import DamagedFileError, MissingFileError


@pytest.fixture
def made(tmp_path):
    return tiny_bundle(tmp_path / "models" / "first")


def rewrite(folder, name, write):
    """Change a file and record the new digests, as somebody who forges a bundle would."""
    write(folder / name)
    record = json.loads((folder / "bundle.json").read_text())
    record["files"][name] = files.record(folder)[name]
    files.write_json(folder / "bundle.json", files.sealed(record))


def test_what_is_written_is_read_back(made):
    read = bundle.read(made.folder)
    assert read.settings == TINY and read.name == "first"
    np.testing.assert_array_equal(read.embedding, made.embedding)
    assert read.weights.keys() == bundle.weight_shapes(TINY).keys()
    assert read.embedding.dtype == np.float16
    assert isinstance(read.embedding, np.memmap)


@pytest.mark.parametrize("name", ["words.txt", "ngrams.npy", "embedding.npy", "weights.npz"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing"])
def test_a_damaged_part_is_refused_by_name(made, name, damage):
    path = made.folder / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[:-1] if damage == "truncated" else content)
    with pytest.raises(DamagedFileError, match=name):
        bundle.read(made.folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 3}, "of bundle format 3; this program reads 2"),
        ({"temperature": 0}, "not a positive number"),
        ({"temperature": float("nan")}, "not a positive number"),
        ({"temperature": None}, "incomplete"),
        ({"settings": {}}, "incomplete"),
        ({"settings": {"model": {"units": 0}}}, "incomplete"),
        ({"settings": {"model": {"unitz": 1}}}, "incomplete"),
        ({"files": {}}, "incomplete"),
        ({"run": None}, "incomplete"),
        ({"created": 2026}, "not all texts"),
        ({"files": dict.fromkeys(bundle._PARTS, "x")}, "not all tables"),
        ({"settings": {"model": vars(TINY) | {"layers": 1.0}}}, "layers must be of type int"),
    ],
)
def test_a_record_that_is_newer_or_incomplete_is_refused(made, changes, message):
    record = json.loads((made.folder / "bundle.json").read_text())
    (made.folder / "bundle.json").write_text(json.dumps(record | changes))
    with pytest.raises(DamagedFileError, match=message):
        bundle.read(made.folder)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "weights.npz",
            {"classifier.bias": np.zeros(2, "f4")},
            "expected classifier.bias of shape",
        ),
        ("weights.npz", {"classifier.bias": np.array([np.nan], "f4")}, "not a finite number"),
        ("weights.npz", {"classifier.bias": np.array([{}])}, r"weights\.npz can't be read"),
        (
            "weights.npz",
            {"classifier.bias": np.array(["a"])},
            "expected classifier.bias of float32",
        ),
        ("weights.npz", {"extra": np.zeros(1, "f4")}, "expected extra of shape None"),
        ("embedding.npy", np.zeros((3, 2), "f4"), "expected embedding of shape"),
        ("embedding.npy", np.zeros((18, 2), "f4"), "expected embedding of float16"),
        ("embedding.npy", np.full((18, 2), np.inf, "f2"), "not a finite number"),
        ("embedding.npy", np.ones((18, 2), "f2"), "row 0 of embedding, the padding, is not zeros"),
        ("ngrams.npy", np.array([{}]), r"ngrams\.npy can't be read"),
        ("ngrams.npy", np.zeros(2, "i8"), r"ngrams\.npy holds no ascending row"),
        ("ngrams.npy", np.array(7), r"ngrams\.npy holds no ascending row"),
    ],
)
def test_a_forged_bundle_is_refused(made, name, change, message):
    def write(path):
        if name == "weights.npz":
            np.savez(path, **(made.weights | change))
        else:
            np.save(path, change, allow_pickle=True)

    rewrite(made.folder, name, write)
    with pytest.raises(DamagedFileError, match=message):
        bundle.read(made.folder)


def test_the_remedy_depends_on_which_of_the_two_is_older(made):
    record = json.loads((made.folder / "bundle.json").read_text())
    for found, remedy in ((3, "pip install --upgrade sentiment"), (1, "sentiment train")):
        (made.folder / "bundle.json").write_text(json.dumps(record | {"format": found}))
        with pytest.raises(DamagedFileError) as caught:
            bundle.read(made.folder)
        assert caught.value.remedy == remedy


def test_a_folder_without_a_bundle_is_missing_not_damaged(tmp_path):
    with pytest.raises(MissingFileError, match="no model in") as caught:
        bundle.read(tmp_path)
    assert caught.value.remedy == "sentiment train"


def test_the_newest_is_the_last_created_and_half_written_ones_do_not_count(tmp_path):
    with pytest.raises(MissingFileError, match="no trained model"):
        bundle.newest(tmp_path)
    tiny_bundle(tmp_path / "b", seed=2)
    tiny_bundle(tmp_path / "a", seed=3)
    tiny_bundle(tmp_path / "c", seed=1)
    tiny_bundle(tmp_path / ".d.half", seed=9)
    assert bundle.newest(tmp_path) == tmp_path / "a"


def test_measures_are_added_without_touching_the_rest(made):
    bundle.update_record(made, metrics={"test/accuracy": 0.5})
    read = bundle.read(made.folder)
    assert read.record["metrics"] == {"test/accuracy": 0.5}
    assert read.record["files"] == made.record["files"]
