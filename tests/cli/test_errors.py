"""Test the messages of failing commands."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios

import pytest
from typer.testing import CliRunner

from sentiment import __version__
from sentiment.cli import app, ui


@pytest.fixture
def failing(monkeypatch):
    """Return a function that runs a command that raises `error`."""

    def fail(error, **environment):
        def find_project():
            raise error

        monkeypatch.setattr("sentiment.cli.prepare.find_project", find_project)
        return CliRunner().invoke(app, ["prepare", "--dataset", "sample"], env=environment)

    return fail


def test_version_is_printed():
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"sentiment {__version__}\n")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device", "a/b"), "Error: a/b: No space left on device.\n"),
        (OSError(28, "No space left on device"), "a file: No space left on device.\n"),
        (OSError("gone"), "a file: gone.\n"),
    ],
)
def test_a_system_error_names_the_file(failing, error, message):
    result = failing(error)
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    assert result.stderr.startswith("Error: ") and result.stderr.endswith(message)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("\nthe fact\nand its details"), "RuntimeError: the fact"),
        (ValueError(), "ValueError: "),
        (KeyError("x" * 999), "KeyError: '" + "x" * 299),
        (TypeError("\x1b[2J"), "TypeError: \\x1b[2J"),
    ],
)
def test_an_unexpected_error_is_one_line_and_a_hint(failing, error, line):
    result = failing(error)
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: unexpected error: {line}\n"
        "Try: the same command with SENTIMENT_DEBUG=1, which prints a traceback to report\n"
    )


def test_too_little_memory_is_no_unexpected_error(failing):
    result = failing(MemoryError())
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: there is not enough memory.\nTry: ")


def test_debugging_shows_the_traceback(failing):
    result = failing(RuntimeError("the fact\x1b[2J"), SENTIMENT_DEBUG="1")
    assert result.exit_code == 1 and not result.stdout
    assert result.stderr.startswith("Traceback (most recent call last):\n  File ")
    assert result.stderr.endswith("\nRuntimeError: the fact\\x1b[2J\n")


def test_a_traceback_has_no_password_of_an_address(failing, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://alice:s3cretpassw0rd@host")
    error = RuntimeError("no answer from http://alice:s3cretpassw0rd@host/x\nwith s3cretpassw0rd")
    error.__cause__ = ValueError("postgresql://bob:an0therpassword@host/db")
    shown = failing(error, SENTIMENT_DEBUG="1").stderr
    assert "s3cretpassw0rd" not in shown and "an0therpassword" not in shown
    assert "postgresql://***@host/db" in shown and "http://***@host/x\nwith ***\n" in shown


@pytest.mark.parametrize(
    ("wanted", "display", "terminal", "opened"),
    [
        (True, ":0", True, ["http://127.0.0.1:5000"]),
        (False, ":0", True, []),
        (True, "", True, []),
        (True, ":0", False, []),
    ],
)
def test_a_browser_is_opened_only_on_a_desktop(monkeypatch, wanted, display, terminal, opened):
    pages = []
    monkeypatch.setattr(ui.webbrowser, "open", pages.append)
    monkeypatch.setattr(ui.sys, "platform", "linux")
    monkeypatch.setattr(ui.sys.stdout, "isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    ui._show_address("http://127.0.0.1:5000", wanted)
    assert pages == opened


WAITING = """
import sys, time
from sentiment.cli._errors import TerminatedError, end_on_signals
end_on_signals()
try:
    print("ready", flush=True)
    time.sleep({seconds})
except TerminatedError as error:
    print("the result is saved", flush=True)
    sys.exit(error.status)
"""


def start_waiting(seconds, **options):
    return subprocess.Popen([sys.executable, "-c", WAITING.format(seconds=seconds)], **options)


def test_a_closed_terminal_is_no_error_for_what_is_still_to_be_said():
    master, terminal = pty.openpty()

    def own_terminal():
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = start_waiting(
        60, stdin=terminal, stdout=terminal, stderr=terminal,
        start_new_session=True, preexec_fn=own_terminal,
    )  # fmt: skip
    os.close(terminal)
    assert b"ready" in os.read(master, 100)
    os.close(master)
    assert process.wait() == 128 + signal.SIGHUP


@pytest.mark.parametrize(
    ("before", "status"), [(signal.SIG_IGN, 0), (signal.SIG_DFL, 128 + signal.SIGHUP)]
)
def test_under_nohup_a_closed_terminal_ends_nothing(before, status):
    process = start_waiting(
        1, stdout=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGHUP, before)
    )
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGHUP)
    process.communicate()
    assert process.returncode == status


def test_a_file_that_is_typed_without_its_option_is_named_with_it(home, monkeypatch):
    monkeypatch.chdir(home)
    (home / "my film.csv").write_text("text\ngood\n", "utf-8")
    result = CliRunner().invoke(app, ["predict", "my film.csv"])
    assert result.exit_code == 1
    assert result.stderr.endswith(
        "Error: my film.csv is a file, and not a text.\nTry: --input 'my film.csv'\n"
    )
    assert CliRunner().invoke(app, ["predict", "my.film.csv"]).exit_code == 0
    for command, option in (("train", "--dataset"), ("evaluate", "--data")):
        result = CliRunner().invoke(app, [command, "my film.csv"])
        assert result.exit_code == 2
        assert f"Try: sentiment {command} {option} 'my film.csv'" in result.stderr
