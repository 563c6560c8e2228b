"""Registered models: the champion, offline and from a server, in this program and over HTTP."""

import fcntl
import json
import os
import pty
import socket
import subprocess
import sys
import termios
import urllib.error
import urllib.request

import numpy as np
import pytest
from typer.testing import CliRunner

import sentiment
from sentiment.cli import app
from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data.prepare import prepare
from sentiment.errors import MissingFileError
from sentiment.inference.bundle import read
from sentiment.inference.classifier import Classifier
from sentiment.tracking import history, registry, server, store
from sentiment.training.train import train
from sentiment.utils.paths import ProjectPaths
from tests.helpers.commands import COMMAND, interrupt, start

SMALL = ModelSettings(units=4, embedding=4, bidirectional=False)
CHAMPION = "models:/sentiment@champion"
TEXTS = ["A wonderful film.", "Dreadful, dull and far too long."]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return ProjectPaths(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def trained(folders):
    """Two runs; the model of the first is the champion."""
    data = prepare(PrepareSettings(dataset="sample"), folders)[0]
    once = TrainSettings(epochs=1, own_labels=0)
    made = [train(data, SMALL, once, folders, name=name, snapshots="off") for name in ("a", "b")]
    assert registry.get_champion(folders) is None
    assert crown(folders, made[0]).number == 1
    return made


def crown(folders, trained):
    """Make the model of a training the champion; return its version."""
    version = registry.get_or_register_version(folders, trained.run_id, None, name="r")
    registry.promote(folders, version)
    return version


@pytest.fixture(autouse=True)
def home(folders, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(folders.root))
    for name in ("MLFLOW_TRACKING_URI", "SENTIMENT_MODEL"):
        monkeypatch.delenv(name, raising=False)


def expected(made):
    return Classifier(read(made.folder)).predict(TEXTS)


def said(*words):
    result = CliRunner().invoke(app, ["predict", "--json", *words, *TEXTS])
    assert result.exit_code == 0, result.output
    return [json.loads(line)["probability"] for line in result.stdout.splitlines()]


def test_the_champion_is_a_model_like_any_other(trained, monkeypatch):
    np.testing.assert_allclose(said("--model", CHAMPION), expected(trained[0]), atol=1e-6)
    np.testing.assert_allclose(said(), expected(trained[1]), atol=1e-6)  # the newest
    monkeypatch.setenv("SENTIMENT_MODEL", CHAMPION)
    np.testing.assert_allclose(said(), expected(trained[0]), atol=1e-6)
    np.testing.assert_allclose(sentiment.load(CHAMPION).predict(TEXTS), expected(trained[0]))


def test_versions_and_logged_models_have_addresses_too(trained, folders):
    version = registry.get_champion(folders)
    assert (version.number, version.run_id) == (1, trained[0].run_id)
    for address in ("models:/sentiment/1", f"models:/{version.model_id}"):
        assert read(registry.download_bundle(folders, address)).name == "a"
    assert read(registry.download_bundle(folders, "models:/sentiment/2")).name == "b"


def test_the_alias_moves(trained, folders):
    try:
        assert crown(folders, trained[1]).number == 2
        assert registry.get_champion(folders).run_id == trained[1].run_id
    finally:
        crown(folders, trained[0])


@pytest.mark.parametrize(
    "address",
    [
        "models:/sentiment@nobody",
        "models:/sentiment/99",
        "models:/other/1",
        "models:/m-0",
        "models:/",
    ],
)
def test_a_model_that_is_not_there_is_a_clear_error(address, trained):
    result = CliRunner().invoke(app, ["predict", "--model", address, "A film."])
    assert result.exit_code == 1
    assert f"no model {address} in sqlite:" in result.stderr and "Try: " in result.stderr


@pytest.mark.parametrize("model_id", [None, "m-0"])
def test_a_run_without_a_model_can_not_be_promoted(trained, folders, model_id):
    with pytest.raises(MissingFileError, match="has no model"):
        registry.get_or_register_version(folders, "0" * 32, model_id, name="r")


def test_what_the_store_keeps_is_not_written_to(trained, folders, tmp_path):
    data = tmp_path / "mine.csv"
    data.write_text("text,label\na good film,1\na bad film,0\n")
    kept = registry.download_bundle(folders, CHAMPION) / "bundle.json"
    before = kept.read_bytes()
    words = ["evaluate", "--no-track", "--model", CHAMPION, "--data", str(data)]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert kept.read_bytes() == before


def test_a_model_comes_from_a_server_once(trained, folders, tmp_path, monkeypatch):
    port = server.free_port(0)
    started = server.start_ui(folders, port)
    elsewhere = ProjectPaths(tmp_path)
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    with server.running(started, f"http://127.0.0.1:{port}/health"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        np.testing.assert_allclose(said("--model", CHAMPION), expected(trained[0]), atol=1e-6)
        kept = registry.download_bundle(elsewhere, CHAMPION)
        assert kept.parent == elsewhere.registry
        stamp = (kept / "bundle.json").stat().st_mtime_ns
        said("--model", CHAMPION)
        assert (kept / "bundle.json").stat().st_mtime_ns == stamp
        words = ["predict", "--model", "models:/sentiment@nobody", "A film."]
        assert "no model" in CliRunner().invoke(app, words).stderr


@pytest.fixture(scope="module")
def served(trained, folders):
    """Run `sentiment serve` as a process; give its address."""
    # As where no environment is activated.
    port = str(server.free_port(0))
    process = start("serve", "--port", port, home=folders.root, PATH="/usr/bin:/bin")
    line = next((line for line in process.stdout if line.startswith("curl ")), "")
    yield line
    rest, errors = interrupt(process)
    assert process.returncode == 0, errors
    assert rest.splitlines()[-1] == "Stopped."
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(line.split()[1], timeout=5)


def post(served, body):
    """Send `body` and return the status and what came back."""
    request = urllib.request.Request(served.split()[1], body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_server_answers_as_the_model_does(served, trained):
    assert served.startswith("curl http://127.0.0.1:")
    status, answer = post(served, json.dumps({"inputs": TEXTS}).encode())
    assert status == 200
    np.testing.assert_allclose(answer["predictions"], expected(trained[0]), atol=1e-6)


def test_the_server_listens_on_this_machine_alone(served):
    port = int(served.split()[1].partition("/invocations")[0].rpartition(":")[2])
    # All of 127 is this machine's own: a server that listened everywhere would be there too.
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), 5):
        pass


def test_the_line_that_it_prints_can_be_typed(served):
    ended = subprocess.run(served, shell=True, capture_output=True, text=True, timeout=60)
    assert len(json.loads(ended.stdout)["predictions"]) == 1


def test_no_texts_and_ten_thousand_are_answered(served, trained):
    assert post(served, b'{"inputs": []}') == (200, {"predictions": []})
    status, answer = post(served, json.dumps({"inputs": TEXTS * 5000}).encode())
    assert status == 200
    np.testing.assert_allclose(
        answer["predictions"], np.tile(expected(trained[0]), 5000), atol=1e-6
    )


@pytest.mark.parametrize(
    "body", [b"{", b"", b"[1, 2", b'{"texts": ["A film."]}', b'{"inputs": [1, 2]}', b"\xff\xfe"]
)
def test_what_is_no_list_of_texts_is_refused_and_the_server_goes_on(body, served):
    status, answer = post(served, body)
    assert status == 400, answer
    assert post(served, b'{"inputs": ["A film."]}')[0] == 200


@pytest.mark.parametrize(
    "words", [["serve"], ["predict", "--model", CHAMPION, "A film."], ["promote"]]
)
def test_without_a_store_it_says_what_to_type_and_makes_none(words, tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert "no runs yet" in result.stderr and "Try: sentiment train" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_server_ends_with_the_window_that_it_was_started_in(trained, folders):
    port, (master, terminal) = server.free_port(0), pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "serve", "--port", str(port)],
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(terminal)
    shown = b""
    while b"Press Ctrl-C" not in shown:
        shown += os.read(master, 1024)
    os.close(master)
    # Not -SIGHUP; 129 where it had not begun to wait.
    assert process.wait(timeout=60) in (0, 129), shown
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)


def test_a_model_that_is_no_longer_registered_is_registered_again(trained, folders):
    # The last test: versions begin at 1 again.
    store.connect(folders).delete_registered_model(registry.NAME)
    assert registry.get_champion(folders) is None
    model_id = history.get_run(folders, trained[1].run_id).tags["model_id"]
    made = registry.get_or_register_version(folders, trained[1].run_id, model_id, name="r")
    assert (made.number, made.model_id) == (1, model_id)
    registry.promote(folders, made)
    np.testing.assert_allclose(said("--model", CHAMPION), expected(trained[1]), atol=1e-6)


def test_a_bundle_is_logged_from_a_folder_of_its_own_name(tmp_path):
    with pytest.raises(ValueError, match="expected a folder called bundle"):
        registry.log_model("no run", tmp_path, 1)
