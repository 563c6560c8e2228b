"""The commands, one file each.

Each parses, calls one stage and shows what came of it. Stages are imported inside the commands, so
that `--help` and `predict` never wait for TensorFlow or MLflow.
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
from sentiment.utils import environment

COMMANDS = (
    *("prepare", "train", "evaluate", "predict", "states"),
    *("sweep", "runs", "compare", "promote", "serve", "ui", "lecture", "sync"),
)


class LazyGroup(ErrorHandlingGroup):
    """Commands of which only the one that was typed is imported: `predict` draws no tables."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands in the order of `--help`."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return one command; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        alone = typer.Typer(add_completion=False)
        alone.command(cmd_name)(import_module(f"sentiment.cli.{cmd_name}").command)
        return typer.main.get_command(alone)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sentiment {__version__}")
        raise typer.Exit


@app.callback()
def sentiment(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and exit.")
    ] = False,
) -> None:
    """Train, look inside and use a recurrent sentiment classifier.

    Start with `sentiment train`; with `sentiment train --dataset sample` in seconds.
    """


def main() -> None:
    """Run the command line."""
    environment.configure_libraries()
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal's encoding lacks is written out, not refused.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    end_on_signals()
    # The last thing that is done at exit. Python would look through all objects of TensorFlow and
    # MLflow for garbage, four seconds after Ctrl-C, for memory that the system takes back anyway.
    atexit.register(gc.freeze)
    app()
