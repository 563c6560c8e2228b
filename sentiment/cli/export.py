"""`sentiment export`."""

from pathlib import Path
from typing import Annotated

import typer

from sentiment.cli import _terminal
from sentiment.cli._options import ModelOption
from sentiment.utils.paths import find_project


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
    from sentiment.inference import resolve
    from sentiment.reports.model_page import render_model_page
    from sentiment.utils import files, opening

    bundle = resolve.resolve_model(model, find_project())
    page = render_model_page(bundle)
    files.write_text(opening.output_path(html), page)
    _terminal.print_message(f"{html}: {len(page) / 1e6:.1f} MB, the model {bundle.name}", err=False)
