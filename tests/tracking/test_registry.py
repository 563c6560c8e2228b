"""Registered models: the champion, from a file and from a server, in this program and over HTTP."""

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
from sentiment.inference import resolve
from sentiment.inference.bundle import read
from sentiment.inference.classifier import Classifier
from sentiment.tracking import history, registry, run, server, store, tags
from sentiment.training.train import train
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.ports import free_port
from tests.helpers.commands import COMMAND, hear_interrupts, interrupt, start

SMALL = ModelSettings(units=4, embedding=4, bidirectional=False)
CHAMPION = "models:/sentiment@champion"
TEXTS = ["A wonderful film.", "Dreadful, dull and far too long."]


@pytest.fixture(scope="module")
def trained(paths):
    """Train two models; the first is the champion."""
    data = prepare(PrepareSettings(dataset="sample"), paths)[0]
    settings = TrainSettings(epochs=1, own_labels=0)
    results = [
        train(data, SMALL, settings, paths, name=name, snapshots="off") for name in ("a", "b")
    ]
    assert registry.get_champion(paths) is None
    assert promote(paths, results[0]).number == 1
    return results


def promote(paths, trained):
    """Make the model of a training the champion; return its version."""
    version = registry.get_or_register_version(paths, trained.run_id, None, name="r")
    registry.promote(paths, version)
    return version


@pytest.fixture(autouse=True)
def home(paths, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(paths.root))
    for name in ("MLFLOW_TRACKING_URI", "SENTIMENT_MODEL"):
        monkeypatch.delenv(name, raising=False)


def expected(result):
    """Return the predictions of the model of a training."""
    return Classifier(read(result.folder)).predict(TEXTS)


def predictions(*words):
    """Return the predictions of the command line."""
    result = CliRunner().invoke(app, ["predict", "--json", *words, *TEXTS])
    assert result.exit_code == 0, result.output
    return [json.loads(line)["probability"] for line in result.stdout.splitlines()]


def test_the_champion_can_be_used_as_any_other_model(trained, monkeypatch):
    np.testing.assert_allclose(predictions("--model", CHAMPION), expected(trained[0]), atol=1e-6)
    np.testing.assert_allclose(predictions("--model", "b"), expected(trained[1]), atol=1e-6)
    monkeypatch.setenv("SENTIMENT_MODEL", CHAMPION)
    np.testing.assert_allclose(predictions(), expected(trained[0]), atol=1e-6)
    np.testing.assert_allclose(sentiment.load(CHAMPION).predict(TEXTS), expected(trained[0]))


def test_versions_and_logged_models_have_addresses(trained, paths):
    version = registry.get_champion(paths)
    assert (version.number, version.run_id) == (1, trained[0].run_id)
    for address in ("models:/sentiment/1", f"models:/{version.model_id}"):
        assert read(registry.download_bundle(paths, address)).name == "a"
    assert read(registry.download_bundle(paths, "models:/sentiment/2")).name == "b"


def test_a_run_without_a_local_model_is_found_in_the_store(trained, paths, tmp_path):
    run = trained[0].run_id
    moved = (paths.models / "a").rename(tmp_path / "a")
    try:
        for typed in ("a", "91.02% a", run, run[:8], f"runs:/{run}/model"):
            assert resolve.resolve_model(typed, paths).name == "a"
        with pytest.raises(MissingFileError, match=r"is called 'ab'; is it [ab] or [ab]"):
            resolve.resolve_model("ab", paths)
    finally:
        moved.rename(paths.models / "a")


def test_the_latest_version_has_an_address(trained, paths):
    versions = store.connect(paths).search_model_versions("name = 'sentiment'")
    highest = max(int(version.version) for version in versions)
    latest, same = (
        resolve.resolve_model(f"models:/sentiment/{version}", paths)
        for version in ("latest", highest)
    )
    assert latest.manifest == same.manifest


def test_a_wrong_address_lists_the_nearest(trained, paths):
    for wrong in ("models:/sentment@champion", "models:/sentiment@champoin"):
        with pytest.raises(MissingFileError, match=f"is it {CHAMPION}") as raised:
            resolve.resolve_model(wrong, paths)
        assert raised.value.hint == f"--model {CHAMPION}"


def test_another_version_can_be_promoted(trained, paths):
    try:
        assert promote(paths, trained[1]).number == 2
        assert registry.get_champion(paths).run_id == trained[1].run_id
    finally:
        promote(paths, trained[0])


@pytest.mark.parametrize(
    "address",
    [
        "models:/sentiment@missing",
        "models:/sentiment/99",
        "models:/other/1",
        "models:/m-0",
        "models:/",
    ],
)
def test_a_missing_model_is_a_clear_error(address, trained):
    result = CliRunner().invoke(app, ["predict", "--model", address, "A film."])
    assert result.exit_code == 1
    assert f"no model {address} in sqlite:" in result.stderr and "Try: " in result.stderr


@pytest.mark.parametrize("model_id", [None, "m-0"])
def test_a_run_without_a_model_can_not_be_promoted(trained, paths, model_id):
    with pytest.raises(MissingFileError, match="has no model"):
        registry.get_or_register_version(paths, "0" * 32, model_id, name="r")


def test_an_evaluation_does_not_change_the_model_in_the_store(trained, paths, tmp_path):
    data = tmp_path / "mine.csv"
    data.write_text("text,label\na good film,1\na bad film,0\n")
    manifest = registry.download_bundle(paths, CHAMPION) / "bundle.json"
    before = manifest.read_bytes()
    words = ["evaluate", "--no-track", "--model", CHAMPION, "--data", str(data)]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert manifest.read_bytes() == before


def test_a_model_is_downloaded_from_a_server_once(trained, paths, tmp_path, monkeypatch):
    port = free_port(0)
    started = server.start_ui(paths, port)
    elsewhere = ProjectPaths(tmp_path)
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    with server.running(started, f"http://127.0.0.1:{port}/health"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        np.testing.assert_allclose(
            predictions("--model", CHAMPION), expected(trained[0]), atol=1e-6
        )
        saved = registry.download_bundle(elsewhere, CHAMPION)
        assert saved.parent == elsewhere.registry
        written = (saved / "bundle.json").stat().st_mtime_ns
        predictions("--model", CHAMPION)
        assert (saved / "bundle.json").stat().st_mtime_ns == written
        words = ["predict", "--model", "models:/sentiment@missing", "A film."]
        assert "no model" in CliRunner().invoke(app, words).stderr
        # What a client logs comes to the project of the server, and is not left on its own side.
        run.create_run(elsewhere, store.EXPERIMENT, "sent", {}).log_text("sent", "sent.txt")
    assert list((paths.mlruns / "artifacts").rglob("sent.txt"))
    assert not list(tmp_path.rglob("sent.txt"))


@pytest.fixture(scope="module")
def served(trained, paths):
    """Run `sentiment serve` as a process; give the curl command that it prints."""
    # PATH is that of a shell in which no environment is activated.
    port = str(free_port(0))
    words = ["--port", port, "--model", CHAMPION]
    process = start("serve", *words, home=paths.root, PATH="/usr/bin:/bin")
    line = next((line for line in process.stdout if line.startswith("curl ")), "")
    yield line
    rest, errors = interrupt(process)
    assert process.returncode == 0, errors
    assert rest.splitlines()[-1] == "Stopped."
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(line.split()[1])


def post(served, body):
    """Send `body` to /invocations; return the status and the content of the answer."""
    url = served.split()[1].replace("/v1/classify", "/invocations")
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_server_predicts_as_the_model_does(served, trained):
    assert served.startswith("curl http://127.0.0.1:")
    status, answer = post(served, json.dumps({"inputs": TEXTS}).encode())
    assert status == 200
    np.testing.assert_allclose(probabilities(answer), expected(trained[0]), atol=1e-6)


def probabilities(answer):
    return [row["probability"] for row in answer["predictions"]]


def test_the_server_listens_on_this_machine_alone(served):
    port = int(served.split()[1].partition("/v1/")[0].rpartition(":")[2])
    # All of 127.x.x.x is this machine: a server on every address would answer here too.
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), 5):
        pass


def test_the_command_that_the_server_prints_works(served):
    result = subprocess.run(served, shell=True, capture_output=True, text=True)
    assert len(json.loads(result.stdout)["results"]) == 1


def test_no_texts_and_ten_thousand_are_answered(served, trained):
    assert post(served, b'{"inputs": []}') == (200, {"predictions": []})
    status, answer = post(served, json.dumps({"inputs": TEXTS * 5000}).encode())
    assert status == 200
    np.testing.assert_allclose(
        probabilities(answer), np.tile(expected(trained[0]), 5000), atol=1e-6
    )


@pytest.mark.parametrize(
    "body", [b"{", b"", b"[1, 2", b'{"texts": ["A film."]}', b'{"inputs": [1, 2]}', b"\xff\xfe"]
)
def test_a_malformed_request_is_refused_and_the_next_one_answered(body, served):
    status, answer = post(served, body)
    assert status == 422, answer
    assert post(served, b'{"inputs": ["A film."]}')[0] == 200


@pytest.mark.parametrize(
    "words",
    [["serve", "--model", CHAMPION], ["predict", "--model", CHAMPION, "A film."], ["promote"]],
)
def test_without_a_store_commands_name_the_next_step_and_create_none(words, tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert "no runs yet" in result.stderr and "Try: sentiment train" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_server_ends_when_its_terminal_is_closed(trained, paths):
    port, (master, terminal) = free_port(0), pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "serve", "--port", str(port)],
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        preexec_fn=lambda: (hear_interrupts(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)),
    )  # fmt: skip
    os.close(terminal)
    output = b""
    while b"Press Ctrl-C" not in output:
        output += os.read(master, 1024)
    os.close(master)
    # Not -SIGHUP; 129 if it was not waiting yet.
    assert process.wait() in (0, 129), output
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health")


def test_a_model_that_is_no_longer_registered_is_registered_once_more(trained, paths):
    # The last test of the models: versions start from 1.
    store.connect(paths).delete_registered_model(registry.NAME)
    assert registry.get_champion(paths) is None
    model_id = history.get_run(paths, trained[1].run_id).tags[tags.BEST_MODEL]
    version = registry.get_or_register_version(paths, trained[1].run_id, model_id, name="r")
    assert (version.number, version.model_id) == (1, model_id)
    registry.promote(paths, version)
    np.testing.assert_allclose(predictions("--model", CHAMPION), expected(trained[1]), atol=1e-6)


def test_a_bundle_is_logged_from_a_folder_called_bundle(tmp_path):
    with pytest.raises(ValueError, match="expected a folder called bundle"):
        registry.log_model("no run", tmp_path, 1)
