"""Where servers listen: on this machine alone, and elsewhere only when told, which is said.

That they do listen so is seen in test_tracking.py and test_registry.py, where they run.
"""

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.errors import InputError, UnavailableError
from sentiment.tracking import registry, server

SAID = "Listening on {}: anyone who reaches it over the network can {}, without a password.\n"


@pytest.fixture
def typed(tmp_path, monkeypatch):
    """Give a function that types a command, and returns what is said and where MLflow listens."""
    started = []

    def start(options, **environment):
        started.append(options[options.index("--host") + 1])
        raise UnavailableError("not started in a test")

    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    monkeypatch.setattr(registry, "download_bundle", lambda place, model: place)
    monkeypatch.setattr(server, "ui_url", lambda place, experiment, base: base)
    monkeypatch.setattr(server, "_start", start)

    def command(*words):
        result = CliRunner().invoke(app, words)
        assert "Error: not started in a test." in result.stderr
        return result.stderr.partition("Error: ")[0], started.pop()

    return command


@pytest.mark.parametrize(
    ("name", "what"),
    [("ui", "read, change and delete the runs"), ("serve", "classify texts")],
)
def test_a_server_lets_others_in_only_when_told_and_says_so(typed, name, what):
    assert typed(name) == ("", "127.0.0.1")
    assert typed(name, "--host", "localhost") == ("", "localhost")
    assert typed(name, "--host", "0.0.0.0") == (SAID.format("0.0.0.0", what), "0.0.0.0")


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid", "::1"])
def test_what_is_no_address_of_this_machine_is_refused(host):
    with pytest.raises(InputError) as caught:
        server.free_port(0, host)
    assert caught.value.fact == f"{host} is no IPv4 address of this machine"
    assert caught.value.hint == "--host 127.0.0.1"


def test_a_server_everywhere_is_reached_from_here_at_the_local_address():
    assert server.base_url("0.0.0.0", 5000) == "http://127.0.0.1:5000"
    assert server.base_url("127.0.0.2", 5000) == "http://127.0.0.2:5000"
