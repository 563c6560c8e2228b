"""The commands, one file each.

Each parses, calls one stage and shows what came of it. Stages are imported inside the commands, so
that `--help` and `predict` never wait for TensorFlow or MLflow.
"""

import signal
from typing import Annotated

import typer

from sentiment import __version__, quiet
from sentiment.cli import evaluate, lecture, predict, prepare, states, train, ui
from sentiment.cli.guard import GuardedGroup, raise_terminated

app = typer.Typer(
    cls=GuardedGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _module in (prepare, train, evaluate, predict, states, ui, lecture):
    app.command(_module.__name__.rpartition(".")[2])(_module.command)


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
    quiet.set_environment()
    signal.signal(signal.SIGTERM, raise_terminated)
    app()
