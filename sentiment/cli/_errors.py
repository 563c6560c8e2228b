"""What a person sees when something goes wrong: one sentence and the command to type next.

Knows Typer and the project's errors; knows nothing of any one command.
"""

import os
import signal
import stat
import sys
from contextlib import suppress
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from sentiment.cli._terminal import say
from sentiment.errors import SentimentError
from sentiment.utils.text import escape_control

FAILURE, INTERRUPTED = 1, 130


class TerminatedError(KeyboardInterrupt):
    """The process was asked to end. An interrupt, so that runs end as after Ctrl-C."""

    def __init__(self, number: int):
        super().__init__()
        self.status = 128 + number  # as a shell says it


def end_on_signals() -> None:
    """Have SIGTERM, and SIGHUP of a window that is closed, raise TerminatedError."""
    signal.signal(signal.SIGTERM, _raise_terminated)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, _raise_terminated)


def _raise_terminated(number: int, _: Any) -> NoReturn:
    for stream in (0, 1, 2):
        # A terminal that is gone is a device still, and writing to it would fail.
        with suppress(OSError):  # of a stream that was closed from the beginning
            if stat.S_ISCHR(os.fstat(stream).st_mode) and not os.isatty(stream):
                nowhere = os.open(os.devnull, os.O_RDWR)
                os.dup2(nowhere, stream)
                os.close(nowhere)
    raise TerminatedError(number)


class ErrorHandlingGroup(TyperGroup):
    """Commands whose errors become messages on standard error and an exit status."""

    def main(self, *given: Any, **more: Any) -> Any:
        """Run the command line, `--help` included."""
        try:
            return super().main(*given, **more)
        except OSError as error:
            # Ours name the file; what has no name was on its way to standard output, mostly.
            where = error.filename or "standard output or a file"
            _say(f"Error: {where}: {error.strerror or error}.")
            sys.exit(FAILURE)

    def make_context(self, *given: Any, **more: Any) -> Any:
        """Read what stands before the name of the command."""
        try:
            return super().make_context(*given, **more)
        except Exception as error:
            _make_visible(error)
            raise

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except SentimentError as error:
            _say(f"Error: {error.fact}.", error.hint and f"Try: {error.hint}")
            raise typer.Exit(FAILURE) from error
        except TerminatedError as error:
            _say("Terminated.")
            raise typer.Exit(error.status) from error
        except KeyboardInterrupt as error:
            _say("Interrupted.")
            raise typer.Exit(INTERRUPTED) from error
        except OSError:
            raise  # Typer ends quietly where the reader of a pipe has gone; see above for others
        except Exception as error:
            # Typer's own errors (usage, Exit, Abort) carry an exit status; Typer reports them.
            if hasattr(error, "exit_code") or os.environ.get("SENTIMENT_DEBUG"):
                _make_visible(error)
                raise
            first = (str(error).strip().splitlines() or [""])[0]
            _say(
                f"Error: something unforeseen: {type(error).__name__}: {first[:300]}",
                "Try: the same with SENTIMENT_DEBUG=1, which shows where, and report it",
            )
            raise typer.Exit(FAILURE) from error


def _make_visible(error: Exception) -> None:
    """Have nothing in a usage error, which Typer prints, that a terminal obeys."""
    if isinstance(getattr(error, "message", None), str):
        error.message = escape_control(error.message)  # type: ignore[attr-defined]


def _say(*lines: str | None) -> None:
    sys.stdout.flush()
    for line in lines:
        if line:
            say(line)
