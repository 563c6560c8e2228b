"""Exported models answer as the package does, in a process that lacks it."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sentiment.config import ModelSettings
from sentiment.errors import InputError, UnavailableError
from sentiment.exporting.formats import FORMATS
from sentiment.inference import bundle
from sentiment.inference.cells import CELLS
from sentiment.inference.classifier import Classifier
from sentiment.inference.resolve import PRETRAINED
from tests.helpers.build import TINY, tiny_bundle

READER = Path(__file__).with_name("reader.py")
# One of each kind of network that a bundle can hold.
KINDS = {
    "default": ModelSettings(units=3, embedding=4),
    "words": dataclasses.replace(TINY, ngrams=1),
    "bigrams": dataclasses.replace(TINY, ngrams=2),
    "deep": ModelSettings(units=3, embedding=2, layers=3),
    "mean": ModelSettings(units=3, embedding=2, layers=2, readout="mean"),
    "max": ModelSettings(units=3, embedding=2, readout="max"),
    "one_way_max": dataclasses.replace(TINY, readout="max"),
    "one_way_mean": dataclasses.replace(TINY, readout="mean"),
    "once": dataclasses.replace(TINY, repeats=False),
    "negation": ModelSettings(units=3, embedding=2, negation=True, repeats=False),
    "short": dataclasses.replace(TINY, longest_review=4, negation=True),
}
TEXTS = [
    "a good film with a good heart",
    "bad",
    "a bad film, a bad heart: none good, none bad! But good",
    "never seen words",
    "a zebra good film, a zebra bad film",  # an unknown word begins no n-gram
    "none of it: good film with a heart, bad film with none",
    "<br />A GOOD film &amp; a b&aacute;d heart :-) ⭐ 7/10",
]


def answers(format, folder, texts=TEXTS):
    """Return what a process without this package reads in the exported folders of `folder`."""
    done = subprocess.run(
        [sys.executable, "-I", str(READER), format, str(folder)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        cwd="/",
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """One model of each kind, and the bundled one, which is merged from several."""
    home = tmp_path_factory.mktemp("models")
    tiny = {
        name: tiny_bundle(home / name, settings, seed)
        for seed, (name, settings) in enumerate(KINDS.items())
    }
    return tiny | {"merged": bundle.read(PRETRAINED)}


@pytest.mark.parametrize("format", ["keras", "onnx"])
def test_all_kinds_of_models_answer_alike_without_the_package(models, tmp_path, format):
    if format == "onnx":
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
    for name, model in models.items():
        FORMATS[format](model, tmp_path / name)
    found = answers(format, tmp_path)
    assert found.keys() == models.keys()
    for name, model in models.items():
        check_answers(found[name], model)


def check_answers(found, model):
    classifier = Classifier(model)
    encoded = classifier.encode(TEXTS)
    assert found["lengths"] == encoded.lengths.tolist()
    final, states = classifier.final_states(encoded), classifier.states(encoded)
    close = {"rtol": 0, "atol": 1e-5, "err_msg": model.name}
    np.testing.assert_allclose(found["state"], final, **close)
    logits = classifier.logits(final)
    np.testing.assert_allclose(np.ravel(found["logit"]), logits, **close)
    np.testing.assert_allclose(
        np.ravel(found["probability"]), classifier.probabilities(final), **close
    )
    for row, start, end in zip(
        found["states"], encoded.offsets[:-1], encoded.offsets[1:], strict=True
    ):
        np.testing.assert_allclose(row[: end - start], states[start:end], **close)
    assert np.ptp(logits) > 0.01  # the texts differ, or equality would mean little


def test_a_safetensors_file_holds_the_arrays_of_the_bundle(models, tmp_path):
    pytest.importorskip("safetensors")
    for name in ("default", "deep"):
        FORMATS["safetensors"](models[name], tmp_path / name)
    found = answers("safetensors", tmp_path)
    for name, arrays in found.items():
        model = models[name]
        expected = {"embedding": model.embedding, **model.weights}
        assert arrays.keys() - {"lengths"} == expected.keys()
        for key, array in expected.items():
            np.testing.assert_array_equal(np.array(arrays[key], array.dtype), array)


def test_a_safetensors_file_byte_by_byte(models, tmp_path):
    FORMATS["safetensors"](models["words"], tmp_path / "words")
    data = (tmp_path / "words" / "model.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    assert size % 8 == 0
    header = json.loads(data[8 : 8 + size])
    entry = header["classifier.bias"]
    assert (entry["dtype"], entry["shape"]) == ("F32", [1])
    start, end = entry["data_offsets"]
    bias = np.frombuffer(data[8 + size :][start:end], "<f4")
    np.testing.assert_array_equal(bias, models["words"].weights["classifier.bias"])
    assert end == len(data) - 8 - size


def test_a_text_without_a_token_has_the_initial_state_in_onnx(models, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    for name in ("default", "mean", "one_way_max"):
        FORMATS["onnx"](models[name], tmp_path / name)
    for name, found in answers("onnx", tmp_path, ["a good film", "..."]).items():
        expected = Classifier(models[name]).predict(["a good film", ""])
        np.testing.assert_allclose(np.ravel(found["probability"]), expected, rtol=0, atol=1e-6)
        assert not np.any(found["state"][1]) and not np.any(found["states"][1])


@pytest.mark.parametrize("format", ["keras", "onnx", "safetensors"])
def test_a_folder_that_holds_something_is_left_alone(models, tmp_path, format):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("private")
    with pytest.raises(InputError, match="mine exists already"):
        FORMATS[format](models["words"], tmp_path / "mine")
    assert names(tmp_path) == ["mine"] and names(tmp_path / "mine") == ["diary.txt"]


@pytest.mark.parametrize("format", ["keras", "onnx", "safetensors"])
def test_another_cell_than_a_simple_rnn_is_refused(monkeypatch, tmp_path, format):
    monkeypatch.setitem(CELLS, "gru", dataclasses.replace(CELLS["simple_rnn"]))
    model = tiny_bundle(tmp_path / "model", dataclasses.replace(TINY, cell="gru"))
    with pytest.raises(InputError, match="the cells of model are 'gru'"):
        FORMATS[format](model, tmp_path / "out")
    assert names(tmp_path) == ["model"]


def test_without_onnx_the_message_says_what_to_install(models, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)  # importing it is an ImportError
    with pytest.raises(UnavailableError, match="onnx, which is not installed") as caught:
        FORMATS["onnx"](models["words"], tmp_path / "out")
    assert caught.value.hint == "pip install onnx"
    assert not names(tmp_path)
