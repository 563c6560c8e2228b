"""Shell completion, by the protocol that the shells use."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.helpers.build import tiny_bundle

POISONED = ["mlflow", "keras", "tensorflow", "numpy", "pandas"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    for name in ("first", "pre-war", "my model"):
        tiny_bundle(root / "data" / "models" / name)
    (root / "data" / "models" / ".hidden").mkdir()
    (root / "data" / "models" / "half").mkdir()
    for name in ("checkpoints/stopped", "sweeps/wide", "tensorflow_datasets/imdb_reviews"):
        (root / "data" / name).mkdir(parents=True)
    (root / "data" / "tensorflow_datasets" / "downloads").mkdir()
    _write_store(root / "mlruns" / "mlflow.db")
    return root


def _write_store(path):
    """Write the tables that completion reads, as MLflow does; `test_versions.py` has a real one."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as store, store:
        store.execute("CREATE TABLE experiments (experiment_id, name)")
        store.execute("CREATE TABLE runs (name, experiment_id, lifecycle_stage, start_time)")
        store.execute("CREATE TABLE registered_model_aliases (name, version, alias)")
        store.executemany("INSERT INTO experiments VALUES (?, ?)", [(1, "sentiment"), (2, "mine")])
        rows = [
            ("91.40% first", 1, "active", 10), ("second", 1, "active", 20),
            ("gone", 1, "deleted", 30), ("other", 2, "active", 40),
        ]  # fmt: skip
        store.executemany("INSERT INTO runs VALUES (?, ?, ?, ?)", rows)
        store.execute("INSERT INTO registered_model_aliases VALUES ('sentiment', 1, 'champion')")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """Return a folder with the program `sentiment`, in which no heavy library can be imported."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "sentiment"
    script.write_text(
        f"#!{sys.executable}\n"
        f"import sys; sys.modules.update(dict.fromkeys({POISONED}))\n"
        "from sentiment.__main__ import main; main()\n"
    )
    script.chmod(0o755)
    return folder


@pytest.fixture
def bash(project, program, monkeypatch):
    """Return a function that returns what bash offers for the last of some words."""
    monkeypatch.setenv("PATH", f"{program}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SENTIMENT_HOME", str(project))
    for name in ("TFDS_DATA_DIR", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)

    def offer(*words):
        script = (
            'eval "$(_SENTIMENT_COMPLETE=source_bash sentiment)"\n'
            # The function that bash itself calls, found as bash finds it.
            "function=$(complete -p sentiment | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n"
            'COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))\n'
            '"$function" sentiment\n'
            '[ ${#COMPREPLY[@]} = 0 ] || printf "%s\\n" "${COMPREPLY[@]}"\n'
        )
        line = ["bash", "--norc", "-c", script, "bash", "sentiment", *words]
        run = subprocess.run(line, capture_output=True, text=True)
        assert run.returncode == 0 and not run.stderr, run.stderr
        return run.stdout.splitlines()

    return offer


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("p", ["predict", "prepare", "promote"]),
        ("train --least-n", ["--least-negated"]),
        ("predict -m pre", ["pre-war", "pretrained"]),
        ("serve --model ", ["first", "my model", "pre-war", "pretrained"]),
        ("predict -m mod", ["models:/sentiment@champion"]),
        ("train --recipe ", ["best", "default", "words"]),
        ("compare --recipe d", ["default"]),
        ("train --dataset ", ["imdb", "sample", "tfds:imdb_reviews"]),
        ("sweep --dataset s", ["sample"]),
        ("sweep --space d", ["default"]),
        ("sweep --resume ", ["last", "wide"]),
        ("train --resume ", ["last", "stopped"]),
        ("compare ", ["second", "first"]),
        ("compare second f", ["first"]),
        ("compare --experiment mine ", ["other"]),
        ("promote se", ["second"]),
        ("predict --on-error n", ["null"]),
        ("train --recipe my", []),  # bash then offers files
    ],
)
def test_bash_offers_names(bash, words, offered):
    found = bash(*words.split(" "))
    known = {"models:/sentiment@champion"} if words == "serve --model " else set()
    assert [name for name in found if name not in known] == offered


def test_a_store_that_cannot_be_read_offers_nothing(bash, project, tmp_path, monkeypatch):
    for content in (None, b"no database"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
        if content:
            (tmp_path / "mlflow.db").write_bytes(content)
        assert bash("compare", "") == []
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert bash("promote", "") == []


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_the_same_names(shell, bash, monkeypatch, program):
    monkeypatch.setenv("_SENTIMENT_COMPLETE", f"source_{shell}")
    script = subprocess.run(["sentiment"], capture_output=True, text=True, check=True).stdout
    assert f"complete_{shell}" in script
    monkeypatch.setenv("_SENTIMENT_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "sentiment train --resume ")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    offered = subprocess.run(["sentiment"], capture_output=True, text=True, check=True).stdout
    assert "last" in offered and "stopped" in offered
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)  # its syntax


def test_a_command_is_described_in_full(bash, monkeypatch):
    monkeypatch.setenv("_SENTIMENT_COMPLETE", "complete_fish")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "sentiment prep")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    offered = subprocess.run(["sentiment"], capture_output=True, text=True, check=True).stdout
    assert offered == ("prepare\tTokenize reviews, build the vocabulary and encode every split.\n")


def complete(home, *words):
    """Return what bash is offered for the last of `words`; MLflow and Keras can't be imported."""
    code = (
        "import sys; sys.argv = ['sentiment']\n"
        f"sys.modules.update(dict.fromkeys({POISONED}))\n"
        "from sentiment.cli import main; main()"
    )
    variables = {
        "_SENTIMENT_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["sentiment", *words]),
        "COMP_CWORD": str(len(words)),
        "SENTIMENT_HOME": str(home),
    }
    run = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | variables, capture_output=True, text=True
    )
    assert run.returncode == 0 and not run.stderr, run.stderr
    return set(run.stdout.split("\n")) - {""}


@pytest.mark.parametrize("command", ["predict", "evaluate", "states", "lecture"])
def test_every_command_offers_the_names_of_models(command, project):
    offered = complete(project, command, "--model", "")
    assert offered == {"first", "pre-war", "my model", "pretrained", "models:/sentiment@champion"}


def test_names_that_begin_as_typed_are_offered(project, tmp_path):
    assert complete(project, "predict", "--model", "pre") == {"pre-war", "pretrained"}
    assert complete(project, "predict", "--model", "x") == set()
    assert complete(tmp_path, "predict", "--model", "") == {"pretrained"}


def test_a_project_that_is_refused_offers_nothing_and_prints_no_error():
    assert complete("~nosuch/x", "predict", "--model", "") == set()
