"""Addresses of tracking stores: mistakes in them, and the passwords that they have."""

import base64
import json
import subprocess

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.errors import SentimentError
from sentiment.tracking import address, run, server, store
from sentiment.tracking.offline import replay, tracker
from sentiment.tracking.offline.queue import OfflineQueue, list_queues
from sentiment.tracking.offline.uploader import Uploader
from sentiment.utils.paths import ProjectPaths
from tests.helpers.hostile_server import RUN_ID, hostile_server

PASSWORD = "s3cretpassw0rd"


@pytest.fixture
def paths(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    return ProjectPaths(tmp_path)


def contents(folder):
    """Return all bytes of all files in a folder, and their names."""
    return b"".join(
        str(path).encode() + (path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    )


@pytest.mark.parametrize(
    ("uri", "fact", "hint"),
    [
        ("localhost:5000", "has no http:// before localhost:5000",
         "export MLFLOW_TRACKING_URI=http://localhost:5000"),
        (f"alice:{PASSWORD}@example.com:80/x", "has no http:// before ***@example.com:80/x",
         "export MLFLOW_TRACKING_URI=http://***@example.com:80/x"),
        (f"postgres://u:{PASSWORD}@h/db", "begins with postgres://, which SQLAlchemy does not know",
         "export MLFLOW_TRACKING_URI=postgresql://***@h/db"),
        (f"postgresql+psycopg2://u:{PASSWORD}@h/db",
         "names a database whose driver, psycopg2, is not installed",
         "pip install psycopg2-binary"),
        (f"postgresql+no://u:{PASSWORD}@h/db", "is no address of a database",
         "export MLFLOW_TRACKING_URI=postgresql://HOST/NAME"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_address_is_named_with_what_to_type(paths, monkeypatch, uri, fact, hint):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    result = CliRunner().invoke(app, ["runs"])
    assert result.exit_code == 1
    assert result.stderr == f"Error: MLFLOW_TRACKING_URI {fact}.\nTry: {hint}\n"


@pytest.mark.parametrize(
    "uri", ["http://localhost:5000", "http://a:b@h:1", "sqlite:///x.db", "databricks", "mlruns"]
)
def test_other_addresses_are_left_to_mlflow(uri):
    address.check(uri)


def test_a_password_is_in_no_message(paths, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://alice:{PASSWORD}@127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for words in (["runs"], ["runs", "--json"], ["predict", "--model", "models:/x@y", "A film."],
                  ["ui", "--no-browser"], ["compare"], ["promote", "x"]):  # fmt: skip
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 1 and "http://***@127.0.0.1:1" in result.stderr, words
        assert PASSWORD not in result.output


def test_a_queue_has_no_password_and_is_sent_with_that_of_the_environment(paths, monkeypatch):
    with hostile_server() as running:
        with_password = running.address.replace("//", f"//alice:{PASSWORD}@")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", with_password)
        queue = OfflineQueue.create(paths, uri=store.queue_uri(paths), name="r", run_id=RUN_ID)
        assert queue.header.uri == running.address
        queue.append(tracker.Resume({}))
        running.endless, running.artifact_uri = (), ""
        replay.send(paths, queue)
        expected = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
        assert set(running.passwords) == {f"Basic {expected}"}
        running.passwords.clear()
        monkeypatch.delenv("MLFLOW_TRACKING_URI")
        queue.append(tracker.Resume({}))
        replay.send(paths, queue)
        assert set(running.passwords) == {None}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", with_password)
    queue.append(tracker.Resume({}))
    with pytest.raises(SentimentError, match=r"http://\*\*\*@127.0.0.1"):
        replay.send(paths, queue)
    assert queue.last_error
    assert PASSWORD.encode() not in contents(paths.root)


def test_a_password_that_an_earlier_version_kept_is_dropped_and_the_queue_stays(paths, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    queue = OfflineQueue.create(paths, uri="http://host:5000/x", name="r", run_id=RUN_ID)
    queue.append(tracker.Resume({}))
    record, before = queue.folder / "spool.json", queue.header
    old = json.loads(record.read_text()) | {"uri": f"http://alice:{PASSWORD}@host:5000/x"}
    record.write_text(json.dumps(old))
    queue.last_error = f"the tracking store http://alice:{PASSWORD}@host:5000/x does not answer"
    (opened,) = list_queues(paths)
    assert PASSWORD.encode() not in contents(paths.root)
    assert opened.header == before and opened.pending() == 1 and opened.run_id == RUN_ID
    assert opened.last_error == "the tracking store http://***@host:5000/x does not answer"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://alice:{PASSWORD}@host:5000/x")
    to = store.uri_of_queue(paths, opened.header.uri, opened.run_id)
    assert to == f"http://alice:{PASSWORD}@host:5000/x"


@pytest.mark.parametrize("content", ["", "[]", '{"uri": 5}', '{"uri": "http://a:b@h"'])
def test_a_damaged_queue_can_be_opened_and_keeps_what_it_has(paths, content):
    queue = OfflineQueue.create(paths, uri="http://host", name="r")
    (queue.folder / "spool.json").write_text(content)
    (opened,) = list_queues(paths)
    assert (opened.folder / "spool.json").read_text() == content


def test_no_child_has_a_password_on_its_command_line(paths, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://alice:{PASSWORD}@127.0.0.1:1")
    started = []

    class Recorded(subprocess.Popen):
        def __init__(self, command, **options):
            started.append([str(part) for part in command])
            super().__init__(["true"], **{**options, "stdin": subprocess.DEVNULL})

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    queue = OfflineQueue.create(paths, uri=store.queue_uri(paths), name="r")
    uploader = Uploader(paths, queue)
    uploader.start()
    uploader.finish()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"mysql://alice:{PASSWORD}@h/db")
    server.start_ui(paths, 1).wait()
    assert len(started) == 2
    assert PASSWORD not in str(started)


def test_a_failure_that_is_stored_has_no_password(paths, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    created = run.create_run(paths, "e", "n", {})
    with pytest.raises(ValueError), run.end_after(created):
        raise ValueError(f"http://alice:{PASSWORD}@host")
    assert PASSWORD.encode() not in contents(paths.root)
    assert (paths.mlruns / "mlflow.db").exists()
