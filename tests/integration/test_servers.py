"""Servers listen on this machine alone unless asked to listen elsewhere, and say who can do what.

That they really listen so is tested with running servers in tests/tracking.
"""

import base64
import importlib.util
import json
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.errors import InputError, UnavailableError
from sentiment.tracking import server, store
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.ports import base_url, free_port
from tests.helpers.commands import interrupt, start
from tests.helpers.stored import register_model_with_code

WARNING = "Listening on {}: anyone who reaches it over the network can {}, without a password.\n"
RISK = "read, replace and delete runs and artifacts"
PASSWORD = "MLFLOW_AUTH_ADMIN_PASSWORD"
NEW_FILE = "/api/2.0/mlflow-artifacts/artifacts/new.txt"


@pytest.fixture
def run_command(tmp_path, monkeypatch):
    """Give a function that runs a command; it returns the warning and where MLflow would listen."""
    hosts = []

    def start(options, folder=None, **variables):
        hosts.append(options[options.index("--host") + 1])
        raise UnavailableError("not started in a test")

    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    monkeypatch.setattr(server, "ui_url", lambda paths, experiment, base: base)
    monkeypatch.setattr(server, "_start", start)

    def run(*words):
        result = CliRunner().invoke(app, words)
        assert "Error: not started in a test." in result.stderr
        return result.stderr.partition("Error: ")[0], hosts.pop()

    return run


def test_the_pages_say_who_can_do_what(run_command):
    local = f"Any user of this machine can {RISK}; --auth asks for a password.\n"
    assert run_command("ui") == (local, "127.0.0.1")
    assert run_command("ui", "--host", "localhost") == (local, "localhost")
    public = WARNING.format("0.0.0.0", RISK)
    public += "--auth asks for a password; --allowed-hosts lets browsers use a host name.\n"
    assert run_command("ui", "--host", "0.0.0.0") == (public, "0.0.0.0")
    assert run_command("ui", "--host", "0.0.0.0", "--auth") == ("", "0.0.0.0")


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid", "::1"])
def test_an_address_that_is_not_of_this_machine_is_refused(host):
    with pytest.raises(InputError) as caught:
        free_port(0, host)
    assert caught.value.fact == f"{host} is not an IPv4 address of this machine"
    assert caught.value.hint == "--host 127.0.0.1"


def test_a_server_on_every_address_is_reached_from_here_at_the_local_one():
    assert base_url("0.0.0.0", 5000) == "http://127.0.0.1:5000"
    assert base_url("127.0.0.2", 5000) == "http://127.0.0.2:5000"


@pytest.mark.parametrize("names", ["*", "example.org,*.org", "http://example.org", "a b"])
def test_only_host_names_are_allowed_as_hosts(names):
    result = CliRunner().invoke(app, ["ui", "--allowed-hosts", names])
    assert result.exit_code == 2 and "is no host name" in result.stderr


def test_a_short_password_and_a_missing_library_are_told_at_once(home, monkeypatch):
    monkeypatch.setattr(server, "ui_url", lambda paths, experiment, base: base)
    monkeypatch.setenv(PASSWORD, "short")
    result = CliRunner().invoke(app, ["ui", "--auth"])
    assert result.exit_code == 1 and "fewer than 12 characters" in result.stderr
    monkeypatch.setenv(PASSWORD, "long enough for MLflow")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = CliRunner().invoke(app, ["ui", "--auth"])
    assert result.exit_code == 1 and 'pip install "sentiment-rnn[auth]"' in result.stderr


@pytest.mark.parametrize("option", [["--auth"], ["--allowed-hosts", "example.org"]])
def test_options_of_a_server_here_are_not_ignored_with_one_elsewhere(option, home, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert CliRunner().invoke(app, ["ui", *option]).exit_code == 2


def status(base, path, *, method="GET", body=None, login=None, host=None, origin=None):
    """Return the status of the answer to a request."""
    request = urllib.request.Request(f"{base}{path}", data=body, method=method)
    request.add_header("Content-Type", "application/json")
    if login:
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    if host:
        request.add_header("Host", host)
    if origin:
        request.add_header("Origin", origin)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_with_auth_nothing_is_read_or_changed_without_the_password(tmp_path):
    port = free_port(0)
    words = ["--auth", "--allowed-hosts", "films.example", "--port", str(port)]
    process = start("ui", *words, home=tmp_path)
    try:
        lines = {}
        for line in process.stdout:
            words = line.split()
            lines[words[0]] = words[-1]
            if words[0] == "Press":
                break
        command_line = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        for child in command_line.split():
            assert lines["Log"] not in Path(f"/proc/{child}/cmdline").read_text()
        base = f"http://127.0.0.1:{port}"
        requests = [
            ("GET", "/", None, 200),
            ("GET", "/ajax-api/2.0/mlflow/experiments/get?experiment_id=1", None, 200),
            ("POST", "/api/2.0/mlflow/experiments/create", b'{"name": "other"}', 200),
            ("PUT", NEW_FILE, b"new", 200),
            ("DELETE", NEW_FILE, None, 204),
            ("POST", "/api/2.0/mlflow/experiments/delete", b'{"experiment_id": "1"}', 200),
        ]
        for login in (None, "admin:wrong", f"other:{lines['Log']}"):
            for method, path, body, _ in requests:
                assert status(base, path, method=method, body=body, login=login) == 401
        assert not list(tmp_path.rglob("new.txt"))
        login = f"admin:{lines['Log']}"
        named = {"host": f"films.example:{port}", "origin": f"http://films.example:{port}"}
        for method, path, body, expected in requests:
            answer = status(base, path, method=method, body=body, login=login, **named)
            assert answer in (expected, 200), (method, path)
        assert status(base, "/", login=login, host="evil.example") == 403
    finally:
        interrupt(process)
    experiment = store.connect(ProjectPaths(tmp_path)).get_experiment("1")
    assert experiment.lifecycle_stage == "deleted"


def test_a_password_from_the_environment_is_not_printed(home, monkeypatch):
    seen = {}

    def start(options, folder=None, **variables):
        seen.update(variables, options=options)
        raise UnavailableError("not started in a test")

    monkeypatch.setattr(server, "_start", start)
    monkeypatch.setattr(server, "ui_url", lambda paths, experiment, base: base)
    monkeypatch.setenv(PASSWORD, "a secret of the user")
    result = CliRunner().invoke(app, ["ui", "--auth"])
    assert "Log in as admin with the password in MLFLOW_AUTH_ADMIN_PASSWORD" in result.stdout
    assert "a secret" not in result.output
    assert seen[PASSWORD] == "a secret of the user" and "a secret" not in str(seen["options"])


def test_serve_runs_no_code_that_came_with_a_model(tmp_path):
    paths = ProjectPaths(tmp_path)
    mark = tmp_path / "executed"
    register_model_with_code(paths, tmp_path, mark)
    port = free_port(0)
    words = ["--model", "models:/sentiment@champion", "--port", str(port)]
    process = start("serve", *words, home=tmp_path)
    try:
        line = next((line for line in process.stdout if line.startswith("curl ")), "")
        request = urllib.request.Request(line.split()[1], b'{"texts": ["A superb film."]}')
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request) as answer:
            (result,) = json.load(answer)["results"]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert result["probability"] > 0.5
    assert not mark.exists()
