"""Servers listen on this machine alone unless asked to listen elsewhere, which they report.

That they really listen so is tested with running servers in tests/tracking.
"""

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.errors import InputError, UnavailableError
from sentiment.tracking import registry, server
from sentiment.utils.ports import free_port

WARNING = "Listening on {}: anyone who reaches it over the network can {}, without a password.\n"


@pytest.fixture
def run_command(tmp_path, monkeypatch):
    """Give a function that runs a command; it returns the warning and where MLflow would listen."""
    hosts = []

    def start(options, **variables):
        hosts.append(options[options.index("--host") + 1])
        raise UnavailableError("not started in a test")

    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    monkeypatch.setattr(registry, "download_bundle", lambda paths, address: paths)
    monkeypatch.setattr(server, "ui_url", lambda paths, experiment, base: base)
    monkeypatch.setattr(server, "_start", start)

    def run(*words):
        result = CliRunner().invoke(app, words)
        assert "Error: not started in a test." in result.stderr
        return result.stderr.partition("Error: ")[0], hosts.pop()

    return run


@pytest.mark.parametrize(
    ("command", "risk"),
    [("ui", "read, change and delete the runs"), ("serve", "classify texts")],
)
def test_a_server_listens_to_others_only_if_asked_and_then_warns(run_command, command, risk):
    assert run_command(command) == ("", "127.0.0.1")
    assert run_command(command, "--host", "localhost") == ("", "localhost")
    public = WARNING.format("0.0.0.0", risk)
    assert run_command(command, "--host", "0.0.0.0") == (public, "0.0.0.0")


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid", "::1"])
def test_an_address_that_is_not_of_this_machine_is_refused(host):
    with pytest.raises(InputError) as caught:
        free_port(0, host)
    assert caught.value.fact == f"{host} is not an IPv4 address of this machine"
    assert caught.value.hint == "--host 127.0.0.1"


def test_a_server_on_every_address_is_reached_from_here_at_the_local_one():
    assert server.base_url("0.0.0.0", 5000) == "http://127.0.0.1:5000"
    assert server.base_url("127.0.0.2", 5000) == "http://127.0.0.2:5000"
