"""Turn errors and signals into messages and exit statuses."""

import errno
import os
import re
import shlex
import signal
import stat
import sys
import traceback
from contextlib import suppress
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from sentiment.cli._missing import describe_missing
from sentiment.cli._terminal import discard_output, print_message
from sentiment.errors import SentimentError
from sentiment.utils.credentials import mask
from sentiment.utils.paths import working_folder
from sentiment.utils.signals import INTERRUPTED, TERMINATING, raise_on_interrupt
from sentiment.utils.text import escape_control, first_line, shorten

FAILURE = 1
_MEMORY_HINT = "the same command, when other programs leave it more room"
_EXTRA_ARGUMENT = re.compile(r"Got unexpected extra argument(?:\(s\))? \((.+)\)$", re.S)
# Of commands without arguments: the option that takes a file.
_FILE_OPTIONS = {"train": "--dataset", "prepare": "--dataset", "evaluate": "--data"}
_MAX_CHARACTERS = 300  # of an unexpected error's message


class TerminatedError(KeyboardInterrupt):
    """The process received a signal to end. An interrupt, so that runs end as after Ctrl-C."""

    def __init__(self, number: int):
        super().__init__()
        self.status = 128 + number  # as a shell reports it


def end_on_signals() -> None:
    """Raise TerminatedError on SIGTERM and SIGHUP, unless `nohup`, say, has the signal ignored."""
    for number in TERMINATING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise_terminated)


def _raise_terminated(number: int, _: Any) -> NoReturn:
    for stream in (0, 1, 2):
        # A terminal whose window was closed is still a device, but writing to it fails.
        with suppress(OSError):  # a stream that was never open
            if stat.S_ISCHR(os.fstat(stream).st_mode) and not os.isatty(stream):
                null = os.open(os.devnull, os.O_RDWR)
                os.dup2(null, stream)
                os.close(null)
    raise TerminatedError(number)


class ErrorHandlingGroup(TyperGroup):
    """Commands whose errors become messages on standard error and an exit status."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line, `--help` included."""
        try:
            try:
                return super().main(*args, **options)
            finally:
                sys.stdout.flush()  # Python reports what fails later in its own words
        except OSError as error:
            if error.errno != errno.EPIPE:  # the reader of a pipe has seen enough
                _print_lines(f"Error: {_describe(error)}.")
            discard_output()
            sys.exit(FAILURE)

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Parse everything before the name of the command."""
        try:
            return super().make_context(*args, **options)
        except Exception as error:
            if type(error).__name__ != "NoArgsIsHelpError":  # its message is the help page
                _suggest_option(error)
                _escape_message(error)
            raise

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            raise_on_interrupt()  # from here on it is reported
            working_folder()
            return super().invoke(ctx)
        except SentimentError as error:
            _print_lines(f"Error: {error.fact}.", error.hint and f"Try: {error.hint}")
            raise typer.Exit(FAILURE) from error
        except TerminatedError as error:
            _print_lines("Terminated.")
            raise typer.Exit(error.status) from error
        except KeyboardInterrupt as error:
            _print_lines("Interrupted.")
            raise typer.Exit(INTERRUPTED) from error
        except MemoryError as error:
            _print_lines("Error: there is not enough memory.", f"Try: {_MEMORY_HINT}")
            raise typer.Exit(FAILURE) from error
        except OSError:
            raise  # Typer ends silently if the reader of a pipe is gone; `main` reports the others
        except Exception as error:
            # Typer's own errors (usage, Exit, Abort) have an exit code, and Typer reports them.
            if hasattr(error, "exit_code"):
                _suggest_option(error)
                _suggest_file_option(error, ctx.invoked_subcommand)
                _escape_message(error)
                raise
            if os.environ.get("SENTIMENT_DEBUG"):
                _print_traceback(error)
                raise typer.Exit(FAILURE) from error
            _print_lines(*_describe_unexpected(error, ctx.invoked_subcommand))
            raise typer.Exit(FAILURE) from error


def _suggest_option(error: Any) -> None:
    """Name the option that is nearest to an unknown one, as Typer does for commands."""
    if nearest := getattr(error, "possibilities", None):  # best first
        error.message += f". Did you mean {nearest[0]!r}?"
        error.possibilities = None


def _suggest_file_option(error: Any, command: str) -> None:
    """Name the option that takes a file, if a file was typed without it."""
    found = _EXTRA_ARGUMENT.match(getattr(error, "message", None) or "")
    if found and command in _FILE_OPTIONS:
        option = f"{_FILE_OPTIONS[command]} {shlex.quote(found[1])}"
        error.message += f". Try: sentiment {command} {option}"


def _escape_message(error: Exception) -> None:
    """Escape control characters in a usage error, which Typer prints."""
    if isinstance(getattr(error, "message", None), str):
        error.message = escape_control(shorten(error.message))  # type: ignore[attr-defined]


def _describe_unexpected(error: Exception, command: str) -> tuple[str, str]:
    """Return the lines of a message: a light installation lacks libraries, the rest are faults."""
    if isinstance(error, ModuleNotFoundError) and (lines := describe_missing(error, command)):
        return lines
    return (
        f"Error: unexpected error: {type(error).__name__}: {first_line(error, _MAX_CHARACTERS)}",
        "Try: the same command with SENTIMENT_DEBUG=1, which prints a traceback to report",
    )


def _describe(error: OSError) -> str:
    """Return what failed, and why."""
    if error.filename is None and error.errno == errno.EBADF:
        return "standard output is closed"
    # The package's own errors name a file; others come mostly from standard output.
    name = error.filename or "standard output or a file"
    return f"{name}: {error.strerror or error}"


def _print_traceback(error: Exception) -> None:
    """Print a traceback that can be sent to others: Python's own would show passwords."""
    with suppress(OSError):
        sys.stdout.flush()
        typer.echo(
            escape_control(mask("".join(traceback.format_exception(error)))), err=True, nl=False
        )


def _print_lines(*lines: str | None) -> None:
    with suppress(OSError):  # it is full, say, which is reported once
        sys.stdout.flush()
    for line in lines:
        if line:
            print_message(line)
