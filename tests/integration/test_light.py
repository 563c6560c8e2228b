"""A light installation, with the pinned packages of `predict` alone, does what the docs say.

The packages come from the package index, with their hashes checked. Without an index the tests are
skipped, except if SENTIMENT_REQUIRE_INDEX is 1.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sentiment import load
from sentiment.cli import COMMANDS, _missing, app
from sentiment.utils.ports import free_ports
from tests.helpers.distribution import ROOT, build, copy_source
from tests.helpers.service import Service

SECONDS = 60  # until a command hangs
# The words of pip if it can't reach an index.
UNREACHABLE = re.compile(r"connection|resol|timed out|network is unreachable", re.IGNORECASE)
TEXT = "It begins badly, yet the ending is wonderful."
CSV = "text,label\nA wonderful film.,1\nA dull and pointless film.,0\nGood acting.,1\n"
JSONL = '{"text": "A wonderful film."}\n{"text": "Dull."}\n'
# What answers as in the full installation, and the file that it writes.
WORKING = {
    "predict": (["predict", TEXT], None),
    "json": (["predict", "--json", TEXT], None),
    "evidence": (["predict", "--evidence", TEXT], None),
    "trace": (["predict", "--trace", TEXT], None),
    "why": (["predict", "--why", TEXT], None),
    "explanation": (["predict", "--html", "why.html", TEXT], "why.html"),
    "csv": (["predict", "--input", "in.csv", "--output", "out.csv"], "out.csv"),
    "jsonl": (["predict", "--input", "in.jsonl", "--output", "out.jsonl"], "out.jsonl"),
    "states": (["states", TEXT], None),
    "evaluate": (["evaluate", "--data", "in.csv"], None),
    "export": (["export", "--format", "html", "-o", "model.html"], "model.html"),
    "safetensors": (["export", "--format", "safetensors", "-o", "st"], "st/README.md"),
    "formats": (["formats"], None),
    "models": (["models"], None),
    "sync": (["sync"], None),
    "version": (["--version"], None),
}
# What needs more, the library that it names, and how to install that.
LACKING = {
    "train": (["train", "--dataset", "sample"], "TensorFlow", _missing.FULL),
    "prepare": (["prepare"], "TensorFlow Datasets", _missing.FULL),
    "lecture": (["lecture"], "Keras", _missing.FULL),
    "runs": (["runs"], "MLflow", _missing.FULL),
    "compare": (["compare", "one", "other"], "MLflow", _missing.FULL),
    "promote": (["promote", "one"], "MLflow", _missing.FULL),
    "ui": (["ui"], "MLflow", _missing.FULL),
    "sweep": (["sweep"], "Optuna", 'pip install "sentiment-rnn[sweep]"'),
    "serve": (["serve"], "uvicorn", _missing.SERVE),
    "keras": (["export", "--format", "keras", "-o", "model"], "Keras", _missing.FULL),
    "onnx": (["export", "--format", "onnx", "-o", "model"], "onnx", "pip install onnx"),
    "parquet": (["predict", "--input", "in.parquet"], "pyarrow", "pip install pyarrow"),
    "excel": (["predict", "--input", "in.xlsx"], "openpyxl", "pip install openpyxl"),
    "zst": (
        ["predict", "--input", "in.csv", "--output", "out.csv.zst"],
        "zstandard",
        "pip install zstandard",
    ),
}


class Installation:
    """A virtual environment without pip; the pip of this one installs into it."""

    def __init__(self, folder: Path):
        self.bin, self._home = folder / "bin", folder / "home"
        self._home.mkdir(parents=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        (packages,) = folder.glob("lib/python3*/site-packages")
        self.package = packages / "sentiment"

    def pip(self, *words):
        """Run `pip install` for this environment."""
        target = ["--python", self.bin / "python", "install", "--no-compile"]
        return subprocess.run(
            [sys.executable, "-m", "pip", *target, *words], capture_output=True, text=True
        )

    def install_lock(self, name):
        """Install the pinned packages of a lock; skip the test if there is no index."""
        lock = ROOT / f"requirements-{name}.lock"
        result = self.pip("--require-hashes", "--retries", "1", "--requirement", lock)
        if result.returncode and UNREACHABLE.search(result.stderr):
            if os.environ.get("SENTIMENT_REQUIRE_INDEX") == "1":
                pytest.fail(f"SENTIMENT_REQUIRE_INDEX=1, but there is no index:\n{result.stderr}")
            pytest.skip("the package index can't be reached")
        assert result.returncode == 0, result.stderr

    def popen(self, *words, folder, **options):
        """Start a program of this environment in `folder`, which is its project."""
        name, *arguments = words
        variables = {"HOME": str(self._home), "SENTIMENT_HOME": str(folder), "COLUMNS": "80"}
        return subprocess.Popen(
            [self.bin / name, *arguments],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, *words, folder):
        """Return the exit status and the output on both streams."""
        with self.popen(*words, folder=folder) as process:
            try:
                output, errors = process.communicate(timeout=SECONDS)
            finally:
                process.kill()
        return process.returncode, output, errors


@pytest.fixture(scope="module")
def light(tmp_path_factory):
    folder = tmp_path_factory.mktemp("light")
    installation = Installation(folder / "venv")
    installation.install_lock("predict")
    wheel = build("wheel", copy_source(folder / "source"), folder / "dist")
    result = installation.pip("--no-deps", "--no-index", wheel)
    assert result.returncode == 0, result.stderr
    return installation


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder for the light installation; this process works in another, like it."""
    light, full = tmp_path / "light", tmp_path / "full"
    for project in (light, full):
        project.mkdir()
        (project / "in.csv").write_text(CSV)
        (project / "in.jsonl").write_text(JSONL)
        for suffix in ("parquet", "xlsx"):
            (project / f"in.{suffix}").write_bytes(b"never read")
    monkeypatch.chdir(full)
    monkeypatch.setenv("SENTIMENT_HOME", str(full))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("SENTIMENT_MODEL", raising=False)
    return light


def test_every_command_is_tried():
    assert {words[0] for words, *_ in (*WORKING.values(), *LACKING.values())} >= set(COMMANDS)


@pytest.mark.parametrize("name", WORKING)
def test_a_light_installation_answers_as_the_full_one(light, folder, name):
    words, written = WORKING[name]
    status, output, errors = light.run("sentiment", *words, folder=folder)
    assert status == 0, errors
    assert output == CliRunner().invoke(app, words).stdout
    content = (folder / written).read_text("utf-8") if written else ""
    expected = Path(written).read_text("utf-8") if written else ""
    # The page of a model names the model's folder.
    assert content.replace(str(light.package), str(ROOT / "sentiment")) == expected


@pytest.mark.parametrize("name", LACKING)
def test_a_command_that_needs_more_says_what_and_how_to_install_it(light, folder, name):
    words, library, hint = LACKING[name]
    status, _, errors = light.run("sentiment", *words, folder=folder)
    *_, fact, tried = errors.splitlines()
    assert status == 1
    assert fact.startswith("Error: ") and f"{library}, which" in fact
    assert tried == f"Try: {hint}"


def test_the_help_of_every_command_is_shown(light, folder):
    code = """
from sentiment.cli import COMMANDS, app
for name in ("", *COMMANDS):
    app([*name.split(), "--help"], standalone_mode=False)
"""
    status, output, errors = light.run("python", "-c", code, folder=folder)
    assert (status, errors) == (0, "") and output.count("Usage:") == 1 + len(COMMANDS)


def test_the_sample_is_prepared(light, folder, monkeypatch):
    status, _, errors = light.run("sentiment", "prepare", "--dataset", "sample", folder=folder)
    assert status == 0, errors
    monkeypatch.setenv("SENTIMENT_HOME", str(folder))
    result = CliRunner().invoke(app, ["prepare", "--dataset", "sample"])
    assert result.stdout.startswith("Already prepared with these settings")


def test_the_library_answers(light, folder):
    code = f"import sentiment; print(sentiment.load()({TEXT!r}))"
    status, output, errors = light.run("python", "-c", code, folder=folder)
    assert status == 0, errors
    assert float(output) == load()(TEXT)


def test_pip_adds_what_is_missing_without_asking_for_this_package(light):
    result = light.pip("--no-index", *_missing.FULL.split()[2:])
    assert "Requirement already satisfied: sentiment-rnn" in result.stdout
    assert result.stderr.splitlines()[-1].startswith("ERROR: No matching distribution found for ")
    assert "sentiment" not in result.stderr.splitlines()[-1]


def test_serve_answers_with_the_packages_of_its_lock(light, folder):
    light.install_lock("serve")
    (port,) = free_ports(1)
    with light.popen("sentiment", "serve", "--port", str(port), folder=folder) as process:
        try:
            while "Press Ctrl-C" not in (line := process.stdout.readline()):
                assert line, process.stderr.read()
            service = Service(port, process, [])
            answer = service.post("/v1/classify", {"texts": [TEXT]})
            page = service.request("GET", "/")
        finally:
            process.terminate()
        assert process.wait(SECONDS) in (0, 143)
    assert answer.status == 200 and answer.json["results"][0]["label"] == "positive"
    assert page.status == 200 and page.body.startswith(b"<!DOCTYPE html>")
