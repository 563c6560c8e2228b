"""What a person is told where a command fails, of whatever it fails."""

import pytest
from typer.testing import CliRunner

from sentiment import __version__
from sentiment.cli import app, ui


@pytest.fixture
def failing(monkeypatch):
    """Give a function that has a command fail of `error`, and returns what that comes to."""

    def fail(error, **environment):
        def find():
            raise error

        monkeypatch.setattr("sentiment.cli.prepare.find_project", find)
        return CliRunner().invoke(app, ["prepare", "--dataset", "sample"], env=environment)

    return fail


def test_the_version_is_printed_and_nothing_done():
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"sentiment {__version__}\n")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device", "a/b"), "Error: a/b: No space left on device.\n"),
        (OSError(28, "No space left on device"), "a file: No space left on device.\n"),
        (OSError("gone"), "a file: gone.\n"),
    ],
)
def test_what_the_system_refuses_is_said_of_the_file(failing, error, told):
    result = failing(error)
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    assert result.stderr.startswith("Error: ") and result.stderr.endswith(told)


@pytest.mark.parametrize(
    ("error", "first"),
    [
        (RuntimeError("\nthe fact\nand its details"), "RuntimeError: the fact"),
        (ValueError(), "ValueError: "),
        (KeyError("x" * 999), "KeyError: '" + "x" * 299),
        (TypeError("\x1b[2J"), "TypeError: \\x1b[2J"),
    ],
)
def test_what_nobody_foresaw_is_one_sentence_and_what_shows_more(failing, error, first):
    result = failing(error)
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: something unforeseen: {first}\n"
        "Try: the same with SENTIMENT_DEBUG=1, which shows where, and report it\n"
    )


def test_somebody_who_wants_to_know_where_is_shown(failing):
    error = RuntimeError("the fact")
    assert failing(error, SENTIMENT_DEBUG="1").exception is error


@pytest.mark.parametrize(
    ("wanted", "display", "terminal", "opened"),
    [
        (True, ":0", True, ["http://127.0.0.1:5000"]),
        (False, ":0", True, []),
        (True, "", True, []),
        (True, ":0", False, []),
    ],
)
def test_a_page_is_opened_where_somebody_sees_it(monkeypatch, wanted, display, terminal, opened):
    found = []
    monkeypatch.setattr(ui.webbrowser, "open", found.append)
    monkeypatch.setattr(ui.sys, "platform", "linux")
    monkeypatch.setattr(ui.sys.stdout, "isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    ui._offer("http://127.0.0.1:5000", wanted)
    assert found == opened
