"""Measures of a model, and where they are saved."""

import hashlib
import json
import os
import tempfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

import sentiment
from sentiment.cli import app
from sentiment.inference import bundle, resolve
from tests.helpers.build import tiny_bundle

PACKAGE = Path(sentiment.__file__).parent


def digests(folder):
    """Return the SHA-256 of each file below a folder, compiled modules aside."""
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }


@pytest.fixture
def labelled(tmp_path_factory):
    file = tmp_path_factory.mktemp("labelled") / "three.csv"
    file.write_text("text,label\nan unforgettable film,1\ndull,0\nawful,1\n", "utf-8")
    return file


def evaluate(*words):
    result = CliRunner().invoke(app, ["evaluate", "--no-track", *map(str, words)])
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.parametrize("named", ["by default", "by its path", "from its folder", "by a link"])
def test_the_bundled_model_stays_as_it_was_installed(home, labelled, named, monkeypatch):
    before = digests(PACKAGE)
    words = {
        "by default": [],
        "by its path": ["--model", resolve.PRETRAINED],
        "from its folder": ["--model", "pretrained"],
        "by a link": ["--model", home / "link"],
    }[named]
    (home / "link").symlink_to(resolve.PRETRAINED)
    monkeypatch.chdir(PACKAGE if named == "from its folder" else home)
    evaluate("--data", labelled, *words)
    assert digests(PACKAGE) == before
    [saved] = (home / "data" / "evaluations").iterdir()
    content = json.loads(saved.read_text("utf-8"))
    assert content["model"] == str(resolve.PRETRAINED.resolve())
    assert content["weights"] == before[resolve.PRETRAINED / "weights.npz"]
    # Right about the first two: the third is labelled against its words.
    assert content["metrics"]["three/accuracy"] == pytest.approx(2 / 3)
    assert list(content["measured_on"]) == ["three"]


def test_measures_of_one_model_on_several_files_are_together(home, labelled):
    evaluate("--data", labelled)
    other = labelled.with_name("other.csv")
    other.write_bytes(labelled.read_bytes())
    evaluate("--data", other)
    [saved] = (home / "data" / "evaluations").iterdir()
    content = json.loads(saved.read_text("utf-8"))
    assert set(content["measured_on"]) == {"three", "other"}
    assert {"three/accuracy", "other/accuracy"} <= content["metrics"].keys()


def test_a_model_of_the_project_holds_its_measures(home, labelled):
    folder = tiny_bundle(home / "data" / "models" / "tiny").folder
    evaluate("--data", labelled, "--model", "tiny")
    assert "three/accuracy" in bundle.read(folder).manifest.metrics
    assert not (home / "data" / "evaluations").exists()


def test_a_model_of_somebody_else_is_not_changed(home, tmp_path_factory, labelled):
    model = tiny_bundle(tmp_path_factory.mktemp("theirs") / "model").folder
    before = digests(model)
    evaluate("--data", labelled, "--model", model)
    assert digests(model) == before


@pytest.fixture
def shared_folder():
    """Return a folder that every user can read and pass through."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_measures_that_cannot_be_saved_are_shown(shared_folder, labelled, monkeypatch):
    file = shared_folder / "three.csv"
    file.write_bytes(labelled.read_bytes())
    monkeypatch.setenv("SENTIMENT_HOME", str(shared_folder))
    os.seteuid(65534)
    try:
        shown = evaluate("--data", file)
    finally:
        os.seteuid(0)
    assert "accuracy" in shown.stdout
    assert "the metrics are not saved: can't write in" in " ".join(shown.output.split())
