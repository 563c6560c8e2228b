"""What a person sees when something goes wrong: one sentence and the command to type next.

Knows Typer and the project's errors; knows nothing of any one command.
"""

import os
import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from sentiment.cli.terminal import say, visible
from sentiment.errors import SentimentError

FAILURE, INTERRUPTED, TERMINATED = 1, 130, 143


class TerminatedError(KeyboardInterrupt):
    """The process was asked to end. An interrupt, so that runs end as after Ctrl-C."""


def raise_terminated(*_: Any) -> NoReturn:
    """Handle SIGTERM."""
    raise TerminatedError


class GuardedGroup(TyperGroup):
    """Commands whose errors become messages on standard error and an exit status."""

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
            _say(f"Error: {error.fact}.", error.remedy and f"Try: {error.remedy}")
            raise typer.Exit(FAILURE) from error
        except TerminatedError as error:
            _say("Terminated.")
            raise typer.Exit(TERMINATED) from error
        except KeyboardInterrupt as error:
            _say("Interrupted.")
            raise typer.Exit(INTERRUPTED) from error
        except BrokenPipeError:
            raise  # Typer ends quietly where the reader of a pipe has gone
        except OSError as error:
            _say(f"Error: {error.filename or 'a file'}: {error.strerror or error}.")
            raise typer.Exit(FAILURE) from error
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
        error.message = visible(error.message)  # type: ignore[attr-defined]


def _say(*lines: str | None) -> None:
    sys.stdout.flush()
    for line in lines:
        if line:
            say(line)
