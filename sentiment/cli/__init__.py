"""The command line: one file for each command; helper modules begin with an underscore.

A command parses its options, calls one stage and prints the result. Stages are imported inside
the commands, so that `--help` and `predict` never wait for TensorFlow or MLflow.
"""

import atexit
import gc
import io
import sys
from importlib import import_module
from typing import Annotated, Any

import typer

from sentiment import __version__
from sentiment.cli._errors import ErrorHandlingGroup, end_on_signals
from sentiment.cli._terminal import open_closed_streams
from sentiment.utils import environment

COMMANDS = (
    *("prepare", "train", "evaluate", "predict", "states", "formats"),
    *("sweep", "runs", "compare", "promote", "export", "serve", "ui", "lecture", "sync"),
)


class LazyGroup(ErrorHandlingGroup):
    """Commands that are imported when they are used: `predict` does without Rich."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands in the order of `--help`."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, or None if there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        single = typer.Typer(add_completion=False)
        module = import_module(f"sentiment.cli.{cmd_name}")
        parser = getattr(module, "COMMAND_CLASS", None)  # None: Typer's own
        epilog = getattr(module, "epilog", lambda: None)()  # what the help ends with
        single.command(cmd_name, cls=parser, epilog=epilog)(module.command)
        return typer.main.get_command(single)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sentiment {__version__}")
        raise typer.Exit


@app.callback()
def sentiment(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Train, inspect and use a recurrent sentiment classifier.

    Start with `sentiment predict "An unforgettable film."`, which needs no training, or with
    `sentiment train --dataset sample`, which takes seconds.
    """


def main() -> None:
    """Run the command line."""
    open_closed_streams()
    environment.configure_libraries()
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal's encoding lacks is escaped, not an error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    end_on_signals()
    # Runs last at exit. Python would search all objects of TensorFlow and MLflow for garbage,
    # which takes four seconds after Ctrl-C, to free memory that the system frees anyway.
    atexit.register(gc.freeze)
    app()
