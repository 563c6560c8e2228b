"""Files that somebody forged, with digests that fit, are refused by name or are harmless."""

import io
import json
import zipfile

import numpy as np
import pytest

from sentiment.errors import DamagedFileError
from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier
from sentiment.utils import files
from tests.helpers.build import tiny_bundle


@pytest.fixture
def model(tmp_path):
    return tiny_bundle(tmp_path / "tiny").folder


def npy(array):
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def archive(*members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in members:
            file.writestr(name, content)
    return out.getvalue()


def reseal(folder):
    """Record the digests that the files of a bundle have now."""
    path = folder / "bundle.json"
    content = json.loads(path.read_text("utf-8"))
    content["files"] = {name: files.checksums(folder)[name] for name in content["files"]}
    path.write_text(json.dumps(files.add_checksum(content)), "utf-8")


ONE = npy(np.zeros((1, 1), "f4"))
ARRAYS = {
    "a zip": archive(("a.npy", ONE)),
    "no dimension": npy(np.array(1.0)),
    "objects": npy(np.array([None, {}], object)),
    "text": npy(np.array(["a", "b"])),
    "complex": npy(np.zeros((3, 2), "c8")),
    "fields": npy(np.zeros(3, [("a", "f4"), ("b", "i8")])),
    "nothing": b"",
    "version 9": b"\x93NUMPY\x09\x00" + bytes(200),
}


@pytest.mark.parametrize("name", ["embedding.npy", "ngrams.npy"])
@pytest.mark.parametrize("kind", ARRAYS)
def test_a_forged_array_is_refused_by_its_name(model, name, kind):
    (model / name).write_bytes(ARRAYS[kind])
    reseal(model)
    with pytest.raises(DamagedFileError, match=str(model)) as refused:
        Classifier(bundle.read(model)).predict(["good"])
    assert name.removesuffix(".npy") in refused.value.fact


@pytest.mark.parametrize("kind", ["swapped bytes", "columns first"])
def test_another_layout_of_the_same_numbers_is_refused_or_answers_the_same(model, kind):
    expected = Classifier(bundle.read(model)).predict(["a good film"])
    table = np.load(model / "embedding.npy")
    changed = table.astype(">f2") if kind == "swapped bytes" else np.asfortranarray(table)
    (model / "embedding.npy").write_bytes(npy(changed))
    reseal(model)
    if kind == "swapped bytes":
        with pytest.raises(DamagedFileError, match="expected embedding of float16, got >f2"):
            bundle.read(model)
    else:
        np.testing.assert_array_equal(
            Classifier(bundle.read(model)).predict(["a good film"]), expected
        )


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_an_array_twice_or_one_too_many_is_refused(model):
    with zipfile.ZipFile(model / "weights.npz") as whole:
        members = [(info.filename, whole.read(info)) for info in whole.infolist()]
    for extra, reason in ((members[0], "twice"), (("more.npy", ONE), "expected more of shape")):
        (model / "weights.npz").write_bytes(archive(*members, extra))
        reseal(model)
        with pytest.raises(DamagedFileError, match=reason):
            bundle.read(model)


def test_a_word_that_is_there_twice_is_refused(model):
    words = (model / "words.txt").read_text("utf-8").split("\n")
    (model / "words.txt").write_text("\n".join([words[1], *words[1:]]), "utf-8")
    reseal(model)
    with pytest.raises(DamagedFileError, match=r"words\.txt can't be read: it has a word twice"):
        bundle.read(model)


@pytest.mark.parametrize("first", [-(2**63), -1])
def test_keys_of_ngrams_that_no_words_have_change_no_answer(model, first):
    expected = Classifier(bundle.read(model)).predict(["a good film"])
    keys = np.load(model / "ngrams.npy")
    keys = np.concatenate([keys[:-1], [2**63 - 1]])
    (model / "ngrams.npy").write_bytes(npy(keys))
    reseal(model)
    assert np.isfinite(Classifier(bundle.read(model)).predict(["a good film"])).all()
    (model / "ngrams.npy").write_bytes(npy(keys[::-1].copy()))
    reseal(model)
    with pytest.raises(DamagedFileError, match="no ascending int64 keys"):
        bundle.read(model)
    (model / "ngrams.npy").write_bytes(npy(np.concatenate([[first], keys[1:]])))
    reseal(model)
    assert np.isfinite(Classifier(bundle.read(model)).predict(["a good film"])).all()
    assert expected.shape == (1,)
