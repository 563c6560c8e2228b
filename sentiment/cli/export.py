"""`sentiment export`."""

from pathlib import Path
from typing import Annotated

import typer

from sentiment.cli import _terminal
from sentiment.cli._options import ModelOption

EXAMPLES = {
    "sentiment export --html model.html": "the default model, as a page that works offline",
    "sentiment export --html model.html -m pretrained": "the bundled model",
}


def command(
    html: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="page to write: it holds the model, runs it and needs no network"
        ),
    ],
    model: ModelOption = None,
) -> None:
    """Write a trained model as one page to type into."""
    from sentiment.api.export import export

    exported = export(model, html, "html")
    size = f"{exported.size / 1e6:.1f} MB"
    _terminal.print_message(f"{html}: {size}, the model {exported.model}", err=False)
