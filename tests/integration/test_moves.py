"""A project can be moved, copied and read from any folder: its store follows it."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import urllib.request
from itertools import cycle
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.tracking import server, store
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.ports import free_ports
from tests.helpers.commands import ALONE, COMMAND

ODD = ["100%", "a%20b", "q?x", "#1", "ü b", "a;b", "a&b", "it's", "plain"]
TRAIN = ["train", *ALONE, "--dataset", "sample", "--epochs", "1", "--own-labels", "0"]
TRAIN += ["--name", "moved"]
CHAMPION = "models:/sentiment@champion"
PREDICT = ["predict", "--json", "--model", CHAMPION, "A fine film."]
OLD = Path(__file__).parents[1] / "fixtures" / "written_by_0.1.0.tar.xz"
OLD_TEXT, OLD_ANSWER = "A moving, wonderful film.", 0.665421


def run(*words):
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    for name in ("SENTIMENT_HOME", "SENTIMENT_MODEL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir("/")


def contents(folder):
    """Return the size and the time of each file and folder."""
    found = {}
    for path in folder.rglob("*"):
        status = path.stat()
        found[path] = status.st_mtime_ns, status.st_size * path.is_file()
    return found


def addresses(project):
    """Return all addresses in the store of a project."""
    database = sqlite3.connect(project / "mlruns" / "mlflow.db")
    query = (
        "SELECT artifact_location FROM experiments UNION SELECT artifact_uri FROM runs "
        "UNION SELECT artifact_location FROM logged_models "
        "UNION SELECT storage_location FROM model_versions"
    )
    return {address for (address,) in database.execute(query)}


def get(url):
    with urllib.request.urlopen(url) as answer:
        return answer.status, answer.read()


def test_a_project_moves_between_any_two_commands_and_a_copy_is_independent(tmp_path, monkeypatch):
    parent, names = tmp_path / "parent", cycle(ODD)
    project = parent / next(names)
    project.mkdir(parents=True)

    def move_and_run(*words):
        nonlocal project
        project = project.rename(parent / next(names))
        monkeypatch.chdir(project)
        return run(*words)

    monkeypatch.chdir(project)
    run(*TRAIN)
    move_and_run("evaluate", "--model", "moved")
    assert len(json.loads(move_and_run("runs", "--json"))["runs"]) == 1
    move_and_run("promote")
    answer = move_and_run(*PREDICT)
    move_and_run("states", "A fine film.", "--output", "states.npz")
    copy = tmp_path / "copy 50%"
    shutil.copytree(project, copy)
    before = contents(project)
    monkeypatch.chdir(copy)
    assert run(*PREDICT) == answer
    run(*TRAIN[:-1], "seed1", "--seed", "1")
    assert contents(project) == before
    project, parent = copy, tmp_path
    assert "seed1" in move_and_run("compare")
    assert move_and_run(*PREDICT) == answer
    move_and_run("sync")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["parent", project.name])
    assert len(list((tmp_path / "parent").iterdir())) == 1  # the original is where it was left
    runs = json.loads(move_and_run("runs", "--json"))["runs"]
    assert [item["status"] for item in runs] == ["FINISHED", "FINISHED"]
    assert all(address.startswith("mlruns/") for address in addresses(project))
    assert_the_ui_shows_reports(project, [item["id"] for item in runs])


def assert_the_ui_shows_reports(project, run_ids):
    """Ask MLflow's own command, and the server of `sentiment ui`, for the reports of runs."""
    own, plain = free_ports(2)
    command = ["ui", "-w", "1", "--port", str(plain)]
    command += ["--backend-store-uri", "sqlite:///mlruns/mlflow.db"]
    light = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    servers = {
        own: server.start_ui(ProjectPaths(project), own),
        plain: server._start(command, project, **light),
    }
    try:
        for port, process in servers.items():
            base = f"http://127.0.0.1:{port}"
            server.wait_until_ready(process, f"{base}/health")
            for run_id in run_ids:
                status, page = get(f"{base}/get-artifact?run_uuid={run_id}&path=report.html")
                assert status == 200 and b"</html>" in page
    finally:
        for process in servers.values():
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


@pytest.fixture
def old_project(tmp_path):
    """A project of version 0.1.0, with absolute addresses that begin with /project."""
    home = tmp_path / "a%20b"
    with tarfile.open(OLD) as archive:
        archive.extractall(home, filter="data")
    assert {address.partition("project/")[0] for address in addresses(home)} == {"/", "file:///"}
    return home


def assert_answers_as_before(printed):
    assert abs(json.loads(printed)["probability"] - OLD_ANSWER) < 1e-5


def test_a_store_with_absolute_addresses_of_before_is_found_and_made_relative(
    old_project, monkeypatch
):
    monkeypatch.chdir(old_project)
    assert_answers_as_before(run("predict", "--json", "--model", CHAMPION, OLD_TEXT))
    assert all(address.startswith("mlruns/") for address in addresses(old_project))


def test_a_store_of_before_that_can_not_be_written_answers(old_project):
    before = contents(old_project)
    everything = [old_project, *old_project.rglob("*")]
    for path in everything:
        path.chmod(0o555)
    command = [sys.executable, "-c", COMMAND]
    if os.getuid() == 0:  # whom the mode of a file does not bind
        command = ["setpriv", "--bounding-set=-dac_override", *command]
    try:
        for words in (["predict", "--json", "--model", CHAMPION, OLD_TEXT], ["runs", "--json"]):
            done = subprocess.run(
                [*command, *words], cwd=old_project, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            if words[0] == "predict":
                assert_answers_as_before(done.stdout)
    finally:
        for path in everything:
            path.chmod(0o755)
    assert contents(old_project) == before


def test_a_run_ends_though_its_artifacts_can_not_be_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = ProjectPaths(tmp_path)
    store.open_experiment(paths, store.EXPERIMENT)
    (paths.mlruns / "artifacts").write_text("a file in the folder's place")
    run(*TRAIN)
    (record,) = json.loads(run("runs", "--json"))["runs"]
    assert record["status"] == "FINISHED"
    (paths.mlruns / "artifacts").unlink()
    moved = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name} 100%"))
    monkeypatch.chdir(moved)
    run("sync")
    assert not tmp_path.exists()
    assert list((moved / "mlruns" / "artifacts" / record["id"]).rglob("report.html"))
