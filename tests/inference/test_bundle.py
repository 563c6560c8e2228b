import json
import shlex
from dataclasses import replace

import numpy as np
import pytest

from sentiment.errors import DamagedFileError, MissingFileError
from sentiment.inference import bundle, manifest, resolve
from sentiment.inference.manifest import DataInfo, RunInfo
from sentiment.inference.trained_models import newest_model
from sentiment.inference.weights import weight_shapes
from sentiment.utils import files
from tests.helpers.build import TINY, tiny_bundle


@pytest.fixture
def tiny(tmp_path):
    return tiny_bundle(tmp_path / "models" / "first")


def bundle_json(folder):
    return json.loads((folder / "bundle.json").read_text("utf-8"))


def rewrite(folder, name, write):
    """Change a file and its recorded digest, as somebody who forges a bundle would."""
    write(folder / name)
    content = bundle_json(folder)
    content["files"][name] = files.checksums(folder)[name]
    files.write_json(folder / "bundle.json", files.add_checksum(content))


def damaged_hint(folder):
    return f"rm -r {shlex.quote(str(folder))}, or --model with another model"


def assert_damaged(folder, fact):
    """Check that the bundle in `folder` is refused as damaged, with `fact` and a hint."""
    with pytest.raises(DamagedFileError) as caught:
        bundle.read(folder)
    assert caught.value.fact.startswith(f"{folder}{fact}")
    assert caught.value.hint == damaged_hint(folder)


def test_a_bundle_that_is_written_is_read_back(tiny):
    read = bundle.read(tiny.folder)
    assert read.settings == TINY and read.name == "first"
    np.testing.assert_array_equal(read.embedding, tiny.embedding)
    assert read.weights.keys() == weight_shapes(TINY).keys()
    assert read.embedding.dtype == np.float16
    assert isinstance(read.embedding, np.memmap)


def test_the_manifest_has_a_type_for_each_part(tiny):
    read = bundle.read(tiny.folder).manifest
    assert read.run == RunInfo("", "first") and read.run.experiment == ""
    assert read.data == DataInfo("tiny", "tiny-00000000") and read.data.digests == {}
    assert (read.created, read.temperature) == ("2026-01-01T00:00:00+00:00", 1.25)
    assert read.settings == {"model": vars(TINY)} and read.metrics == {} == read.measured_on
    assert read.files.keys() == {"words.txt", "ngrams.npy", "embedding.npy", "weights.npz"}


def test_a_bundle_is_written_from_a_manifest(tiny, tmp_path):
    changed = replace(tiny.manifest, run=RunInfo("7", "second", "mine"), files={})
    written = bundle.write(
        tmp_path / "second",
        tokenizer=tiny.tokenizer,
        embedding=tiny.embedding,
        weights=tiny.weights,
        manifest=changed,
    )
    assert written.manifest == replace(changed, files=tiny.manifest.files)
    assert bundle_json(written.folder)["run"] == {"id": "7", "name": "second", "experiment": "mine"}


def test_the_manifest_of_the_bundled_model_survives_a_round_trip():
    content = bundle_json(resolve.PRETRAINED)
    read = manifest.from_json(content)
    assert read.data.digests["test"] == read.measured_on["test"]
    assert files.add_checksum(manifest.to_json(read)) == content


def test_old_bundles_open_and_stay_as_they_are_but_for_what_is_updated(tiny):
    """Without experiment, digests, measured_on and digest, as bundles once were."""
    content = bundle_json(tiny.folder)
    assert not {"experiment", "digests"} & {*content["run"], *content["data"]}
    assert "measured_on" not in content
    del content["digest"]
    files.write_json(tiny.folder / "bundle.json", content)
    old = bundle.read(tiny.folder)
    assert old.manifest == tiny.manifest
    bundle.update_manifest(old, metrics={"test/accuracy": 0.5})
    updated = bundle_json(tiny.folder)
    assert updated == files.add_checksum(content | {"metrics": {"test/accuracy": 0.5}})


def test_keys_that_this_version_does_not_know_survive_an_update(tiny):
    content = bundle_json(tiny.folder)
    content |= {"license": "MIT", "other": [1], "run": content["run"] | {"host": "a"}}
    content["data"]["rows"] = {"train": 3}
    files.write_json(tiny.folder / "bundle.json", files.add_checksum(content))
    bundle.update_manifest(bundle.read(tiny.folder), temperature=2)
    updated = bundle_json(tiny.folder)
    assert updated == files.add_checksum(content | {"temperature": 2})


def test_the_shapes_of_all_weights_by_hand():
    # Two directions of three units: six values enter the second layer, and the classifier.
    settings = replace(TINY, layers=2, bidirectional=True)
    expected = {"classifier.kernel": (6, 1), "classifier.bias": (1,)}
    for number, input_size in ((1, 2), (2, 6)):
        for direction in ("forward", "backward"):
            prefix = f"rnn_{number}.{direction}"
            expected[f"{prefix}.kernel"] = (input_size, 3)
            expected[f"{prefix}.recurrent_kernel"] = (3, 3)
            expected[f"{prefix}.bias"] = (3,)
    assert weight_shapes(settings) == expected


@pytest.mark.parametrize("name", ["words.txt", "ngrams.npy", "embedding.npy", "weights.npz"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing"])
def test_a_damaged_file_is_refused_by_name(tiny, name, damage):
    path = tiny.folder / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[:-1] if damage == "truncated" else content)
    missing = damage == "missing"
    assert_damaged(tiny.folder, f"/{name} is {'missing' if missing else 'damaged: its digest'}")


BAND = {"low": 0.3, "high": 0.7, "sentences": 2000, "coverage": 0.5, "accuracy": 0.91}


def nested(depth):
    """Return lists in each other."""
    return [nested(depth - 1)] if depth else []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 3}, "has bundle format 3; this program reads format 2$"),
        ({"temperature": 0}, "not a positive number"),
        ({"temperature": -1}, "temperature -1 is not a positive number"),
        ({"temperature": float("nan")}, "not a positive number"),
        ({"temperature": float("inf")}, "not a positive number"),
        ({"temperature": 5e-324}, "not a positive number"),
        ({"temperature": 10**400}, "temperature is not a number$"),
        ({"temperature": True}, "temperature is not a number$"),
        ({"temperature": None}, "not valid: temperature is not a number$"),
        ({"run": {"id": "", "name": "a\nb"}}, "not valid: run.name has line ends"),
        ({"run": {"id": "", "name": "a\0b"}}, "not valid: run.name has line ends"),
        ({"run": {"id": "", "name": "\ud800"}}, "not valid: run.name has line ends"),
        ({"data": {"dataset": "a", "folder": "../x"}}, "data.folder is not the name of a folder$"),
        ({"metrics": {"a": "1"}}, "not valid: metrics.a is not a number$"),
        ({"rules": 2**70}, "not valid: rules is not a whole number$"),
        ({"other": nested(60)}, "can't be read: it is nested deeper than 50"),
        ({"settings": {}}, "not valid: settings.model is not an object$"),
        ({"settings": None}, "not valid: settings is not an object$"),
        ({"settings": {"model": {"units": 0}}}, "not valid: --units must be from 1 to 1024"),
        ({"settings": {"model": {"units": 10**9}}}, "not valid: --units must be from 1 to 1024"),
        ({"settings": {"model": {"unitz": 1}}}, "not valid: .*unitz"),
        ({"files": {}}, "not valid: words.txt is missing from files$"),
        ({"run": None}, "not valid: run is not an object$"),
        ({"run": {"id": ""}}, "not valid: name is missing from run$"),
        ({"data": {"dataset": "a", "folder": 1}}, "not valid: data.folder is not a string$"),
        ({"created": 2026}, "not valid: created is not a string$"),
        ({"metrics": 1}, "not valid: metrics is not an object$"),
        ({"measured_on": "x"}, "not valid: measured_on is not an object$"),
        (
            {"files": dict.fromkeys(bundle._FILES, "x")},
            "not valid: files.words.txt is not an object$",
        ),
        ({"settings": {"model": vars(TINY) | {"layers": 1.0}}}, "layers must be of type int"),
        ({"neutral_band": {"low": 0.3}}, "not valid: high is missing from neutral_band$"),
        ({"neutral_band": BAND | {"low": 0.6}}, "0.6 to 0.7 is not a band around 0.5$"),
        ({"neutral_band": BAND | {"high": float("nan")}}, "nan is not a band around 0.5$"),
        ({"neutral_band": BAND | {"coverage": 2}}, "a share in neutral_band is not 0 to 1"),
        ({"neutral_band": BAND | {"accuracy": -0.1}}, "a share in neutral_band is not 0 to 1"),
        ({"neutral_band": BAND | {"sentences": -1}}, "its sentences are below 0$"),
    ],
)
def test_a_manifest_that_is_newer_or_not_valid_is_refused(tiny, changes, message):
    content = bundle_json(tiny.folder)
    (tiny.folder / "bundle.json").write_text(json.dumps(content | changes))
    with pytest.raises(DamagedFileError, match=message) as caught:
        bundle.read(tiny.folder)
    verb = "has" if "format" in changes else "can't" if message.startswith("can't") else "is"
    assert caught.value.fact.startswith(f"{tiny.folder}/bundle.json {verb} ")
    newer, hint = changes.get("format") == 3, damaged_hint(tiny.folder)
    assert caught.value.hint == ("a newer version of sentiment-rnn" if newer else hint)


@pytest.mark.parametrize(
    "name", ["created", "settings", "run", "data", "temperature", "metrics", "files"]
)
def test_a_manifest_without_a_part_is_refused(tiny, name):
    content = bundle_json(tiny.folder)
    del content[name]
    (tiny.folder / "bundle.json").write_text(json.dumps(content))
    missing = "is not an object" if name in ("run", "data") else "is missing from bundle.json"
    assert_damaged(tiny.folder, f"/bundle.json is not valid: {name} {missing}")


def test_a_band_of_neutral_probabilities_survives_a_round_trip(tiny):
    assert tiny.manifest.neutral_band is None and "neutral_band" not in bundle_json(tiny.folder)
    band = manifest.NeutralBand(**BAND)
    updated = bundle.update_manifest(tiny, neutral_band=band)
    assert bundle_json(tiny.folder)["neutral_band"] == BAND
    assert bundle.read(tiny.folder).manifest == updated.manifest
    assert updated.manifest.neutral_band == band


def test_a_manifest_that_is_changed_by_hand_is_refused(tiny):
    content = bundle_json(tiny.folder)
    (tiny.folder / "bundle.json").write_text(json.dumps(content | {"temperature": 2}))
    assert_damaged(tiny.folder, "/bundle.json is damaged: its digest is not the one recorded")
    (tiny.folder / "bundle.json").write_text("{")
    assert_damaged(tiny.folder, "/bundle.json can't be read: ")


@pytest.mark.parametrize("temperature", [0.25, 1, 40])
def test_any_positive_temperature_is_valid(tiny, temperature):
    bundle.update_manifest(tiny, temperature=temperature)
    assert bundle.read(tiny.folder).temperature == temperature


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
        ("ngrams.npy", np.zeros(2, "i8"), "/ngrams.npy holds no ascending int64 keys"),
        ("ngrams.npy", np.array(7), "/ngrams.npy holds no ascending int64 keys"),
    ],
)
def test_a_forged_bundle_is_refused(tiny, name, change, message):
    def write(path):
        if name == "weights.npz":
            np.savez(path, **(tiny.weights | change))
        else:
            np.save(path, change, allow_pickle=True)

    rewrite(tiny.folder, name, write)
    assert_damaged(tiny.folder, message)


def test_the_hint_depends_on_whether_the_bundle_or_the_program_is_older(tiny):
    content = bundle_json(tiny.folder)
    for version, hint in ((3, "a newer version of sentiment-rnn"), (1, damaged_hint(tiny.folder))):
        (tiny.folder / "bundle.json").write_text(json.dumps(content | {"format": version}))
        with pytest.raises(DamagedFileError) as caught:
            bundle.read(tiny.folder)
        assert caught.value.hint == hint


def test_a_folder_without_a_bundle_is_missing_not_damaged(tmp_path):
    with pytest.raises(MissingFileError, match="no model in") as caught:
        bundle.read(tmp_path)
    assert caught.value.hint == "sentiment train"


def test_the_newest_bundle_was_created_last_and_half_written_ones_do_not_count(tmp_path):
    assert newest_model(tmp_path, small=True) is None
    tiny_bundle(tmp_path / "b", seed=2)
    tiny_bundle(tmp_path / "a", seed=3)
    tiny_bundle(tmp_path / "c", seed=1)
    tiny_bundle(tmp_path / ".d.half", seed=9)
    (tmp_path / "undated").mkdir()
    files.write_json(tmp_path / "undated" / "bundle.json", {})
    assert newest_model(tmp_path, small=True).folder == tmp_path / "a"
    for damage, message in (
        ('{"created": "3000", "digest": ""}', "is damaged"),
        ("", "can't be read"),
    ):
        (tmp_path / "undated" / "bundle.json").write_text(damage)
        with pytest.raises(DamagedFileError) as caught:
            newest_model(tmp_path, small=True)
        assert caught.value.fact.startswith(f"{tmp_path}/undated/bundle.json {message}")
        assert caught.value.hint.startswith(f"rm -r {tmp_path}/undated")


def test_metrics_are_added_without_touching_the_rest(tiny):
    bundle.update_manifest(tiny, metrics={"test/accuracy": 0.5}, measured_on={"test": "0f"})
    read = bundle.read(tiny.folder).manifest
    expected = replace(tiny.manifest, metrics={"test/accuracy": 0.5}, measured_on={"test": "0f"})
    assert read == expected
