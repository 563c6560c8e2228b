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
from sentiment.cli._help import HelpCommand, HelpPage, epilog
from sentiment.cli._terminal import open_closed_streams
from sentiment.utils import environment

# The groups of commands on the first page of the help.
PANELS = {
    "Classify": ("predict", "evaluate", "formats"),
    "Train": ("train", "prepare", "sweep"),
    "Look inside": ("states", "lecture"),
    "Runs and models": ("models", "runs", "compare", "promote", "ui", "sync", "export"),
    "Serve": ("serve",),
}
COMMANDS = tuple(name for names in PANELS.values() for name in names)
_EXAMPLES = {
    'sentiment predict "An unforgettable film."': "classify a text: works at once",
    "sentiment train --dataset sample": "train on 360 short reviews, in seconds",
    "sentiment train": "train on the 50,000 reviews of IMDB",
    "sentiment predict --help": "explain a command, with examples",
}


_COMPLETION_HELP = {
    "install_completion": "complete words on Tab in this shell from now on, and exit",
    "show_completion": "print the script that --install-completion would install, and exit",
}


class LazyGroup(HelpPage, ErrorHandlingGroup):
    """Commands that are imported when they are used: `predict` does without Rich."""

    def __init__(self, **attributes: Any):
        super().__init__(**attributes)
        self.commands = dict.fromkeys(COMMANDS, self)  # Typer looks for similar names among them

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands in the order of `--help`."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, or None if there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        module = import_module(f"sentiment.cli.{cmd_name}")
        single.command(
            cmd_name,
            cls=getattr(module, "COMMAND_CLASS", HelpCommand),
            epilog=epilog(module.EXAMPLES, getattr(module, "note", str)()),
            rich_help_panel=next(panel for panel, names in PANELS.items() if cmd_name in names),
        )(module.command)
        command: Any = typer.main.get_command(single)
        command.short_help = command.help.partition("\n")[0]  # Typer would cut it
        if common := getattr(module, "COMMON", None):
            command.limit_page(common)
        return command

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options before the name of a command, with help texts in one style."""
        parameters: list[Any] = super().get_params(ctx)
        for parameter in parameters:
            parameter.help = _COMPLETION_HELP.get(parameter.name, parameter.help)
        return parameters

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page; it begins with a command that works at once."""
        formatter.write(f"Try it: {next(iter(_EXAMPLES))}\n\n")
        super().format_help(ctx, formatter)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=epilog(_EXAMPLES),
    context_settings={"help_option_names": ["--help", "-h"]},
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
            "--version",
            "-V",
            callback=_print_version,
            is_eager=True,
            help="print the version, and exit",
        ),
    ] = False,
) -> None:
    """Train, inspect and use a recurrent sentiment classifier.

    A trained model is included. It answers without any training, on this machine.
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
