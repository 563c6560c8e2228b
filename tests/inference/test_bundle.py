import json
from dataclasses import replace

import numpy as np
import pytest

from sentiment.errors import DamagedFileError, MissingFileError
from sentiment.inference import bundle
from sentiment.inference.weights import weight_shapes
from sentiment.utils import files
from tests.helpers.build import TINY, tiny_bundle


@pytest.fixture
def made(tmp_path):
    return tiny_bundle(tmp_path / "models" / "first")


def rewrite(folder, name, write):
    """Change a file and record the new digests, as somebody who forges a bundle would."""
    write(folder / name)
    record = json.loads((folder / "bundle.json").read_text())
    record["files"][name] = files.checksums(folder)[name]
    files.write_json(folder / "bundle.json", files.add_checksum(record))


def test_what_is_written_is_read_back(made):
    read = bundle.read(made.folder)
    assert read.settings == TINY and read.name == "first"
    np.testing.assert_array_equal(read.embedding, made.embedding)
    assert read.weights.keys() == weight_shapes(TINY).keys()
    assert read.embedding.dtype == np.float16
    assert isinstance(read.embedding, np.memmap)


def refused(folder, fact):
    """Tell that the bundle in `folder` is damaged, what is said of it, and what to type."""
    with pytest.raises(DamagedFileError) as caught:
        bundle.read(folder)
    assert caught.value.fact.startswith(f"{folder}{fact}")
    assert caught.value.hint == "sentiment train"


def test_the_shapes_of_all_weights_by_hand():
    # Two directions of three units: six enter the second layer, and the classifier.
    settings = replace(TINY, layers=2, bidirectional=True)
    expected = {"classifier.kernel": (6, 1), "classifier.bias": (1,)}
    for number, entering in ((1, 2), (2, 6)):
        for direction in ("forward", "backward"):
            prefix = f"rnn_{number}.{direction}"
            expected[f"{prefix}.kernel"] = (entering, 3)
            expected[f"{prefix}.recurrent_kernel"] = (3, 3)
            expected[f"{prefix}.bias"] = (3,)
    assert weight_shapes(settings) == expected


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
    missing = damage == "missing"
    refused(made.folder, f"/{name} is {'missing' if missing else 'damaged: its digest'}")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 3}, "of bundle format 3; this program reads 2"),
        ({"temperature": 0}, "not a positive number"),
        ({"temperature": -1}, "temperature -1 is not a positive number"),
        ({"temperature": float("nan")}, "not a positive number"),
        ({"temperature": float("inf")}, "not a positive number"),
        ({"temperature": None}, "incomplete"),
        ({"settings": {}}, "incomplete"),
        ({"settings": {"model": {"units": 0}}}, "incomplete"),
        ({"settings": {"model": {"unitz": 1}}}, "incomplete"),
        ({"files": {}}, "incomplete"),
        ({"run": None}, "incomplete"),
        ({"created": 2026}, "incomplete: created, run and data are not all texts$"),
        (
            {"files": dict.fromkeys(bundle._PARTS, "x")},
            "incomplete: metrics and files are not all tables$",
        ),
        ({"settings": {"model": vars(TINY) | {"layers": 1.0}}}, "layers must be of type int"),
    ],
)
def test_a_record_that_is_newer_or_incomplete_is_refused(made, changes, message):
    record = json.loads((made.folder / "bundle.json").read_text())
    (made.folder / "bundle.json").write_text(json.dumps(record | changes))
    with pytest.raises(DamagedFileError, match=message) as caught:
        bundle.read(made.folder)
    assert caught.value.fact.startswith(f"{made.folder}/bundle.json is ")
    newer = changes.get("format") == 3
    assert caught.value.hint == ("pip install --upgrade sentiment" if newer else "sentiment train")


def test_a_record_that_is_changed_by_hand_is_refused(made):
    record = json.loads((made.folder / "bundle.json").read_text())
    (made.folder / "bundle.json").write_text(json.dumps(record | {"temperature": 2}))
    refused(made.folder, "/bundle.json is damaged: its digest is not the one recorded")
    (made.folder / "bundle.json").write_text("{")
    refused(made.folder, "/bundle.json can't be read: ")


@pytest.mark.parametrize("temperature", [0.25, 1, 40])
def test_any_positive_temperature_will_do(made, temperature):
    bundle.update_manifest(made, temperature=temperature)
    assert bundle.read(made.folder).temperature == temperature


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "weights.npz",
            {"classifier.bias": np.zeros(2, "f4")},
            r": expected classifier.bias of shape (1,), got (2,)",
        ),
        (
            "weights.npz",
            {"classifier.bias": np.array([np.nan], "f4")},
            ": a weight of classifier.bias is not a finite number",
        ),
        ("weights.npz", {"classifier.bias": np.array([{}])}, "/weights.npz can't be read: "),
        (
            "weights.npz",
            {"classifier.bias": np.array(["a"])},
            ": expected classifier.bias of float32, got <U1",
        ),
        ("weights.npz", {"extra": np.zeros(1, "f4")}, ": expected extra of shape None, got (1,)"),
        (
            "embedding.npy",
            np.zeros((3, 2), "f4"),
            ": expected embedding of shape (18, 2), got (3, 2)",
        ),
        ("embedding.npy", np.zeros((18, 2), "f4"), ": expected embedding of float16, got float32"),
        ("embedding.npy", np.full((18, 2), np.inf, "f2"), ": a weight of embedding is not"),
        (
            "embedding.npy",
            np.ones((18, 2), "f2"),
            ": row 0 of embedding, the padding, is not zeros",
        ),
        ("embedding.npy", np.array([{}]), "/embedding.npy can't be read: "),
        ("ngrams.npy", np.array([{}]), "/ngrams.npy can't be read: "),
        ("ngrams.npy", np.zeros(2, "i8"), "/ngrams.npy holds no ascending row"),
        ("ngrams.npy", np.array(7), "/ngrams.npy holds no ascending row"),
    ],
)
def test_a_forged_bundle_is_refused(made, name, change, message):
    def write(path):
        if name == "weights.npz":
            np.savez(path, **(made.weights | change))
        else:
            np.save(path, change, allow_pickle=True)

    rewrite(made.folder, name, write)
    refused(made.folder, message)


def test_the_remedy_depends_on_which_of_the_two_is_older(made):
    record = json.loads((made.folder / "bundle.json").read_text())
    for found, hint in ((3, "pip install --upgrade sentiment"), (1, "sentiment train")):
        (made.folder / "bundle.json").write_text(json.dumps(record | {"format": found}))
        with pytest.raises(DamagedFileError) as caught:
            bundle.read(made.folder)
        assert caught.value.hint == hint


def test_a_folder_without_a_bundle_is_missing_not_damaged(tmp_path):
    with pytest.raises(MissingFileError, match="no model in") as caught:
        bundle.read(tmp_path)
    assert caught.value.hint == "sentiment train"


def test_the_newest_is_the_last_created_and_half_written_ones_do_not_count(tmp_path):
    with pytest.raises(MissingFileError) as caught:
        bundle.newest_bundle(tmp_path)
    assert caught.value.fact == f"no trained model in {tmp_path}"
    assert caught.value.hint == "sentiment train"
    tiny_bundle(tmp_path / "b", seed=2)
    tiny_bundle(tmp_path / "a", seed=3)
    tiny_bundle(tmp_path / "c", seed=1)
    tiny_bundle(tmp_path / ".d.half", seed=9)
    (tmp_path / "undated").mkdir()
    files.write_json(tmp_path / "undated" / "bundle.json", {})
    assert bundle.newest_bundle(tmp_path) == tmp_path / "a"
    for damage, said in (
        ('{"created": "3000", "digest": ""}', "is damaged"),
        ("", "can't be read"),
    ):
        (tmp_path / "undated" / "bundle.json").write_text(damage)
        with pytest.raises(DamagedFileError) as caught:
            bundle.newest_bundle(tmp_path)
        assert caught.value.fact.startswith(f"{tmp_path}/undated/bundle.json {said}")
        assert caught.value.hint == "sentiment train"


def test_measures_are_added_without_touching_the_rest(made):
    bundle.update_manifest(made, metrics={"test/accuracy": 0.5})
    read = bundle.read(made.folder)
    assert read.record["metrics"] == {"test/accuracy": 0.5}
    assert read.record["files"] == made.record["files"]
