"""`sentiment export`."""

from pathlib import Path
from typing import Annotated

import typer

from sentiment.cli import _terminal
from sentiment.cli._options import ExportFormat, ModelOption

EXAMPLES = {
    "sentiment export --format html -o model.html": "the default model, as a page to type into",
    "sentiment export --format keras -o model": "a folder with a network that Keras alone loads",
    "sentiment export --format onnx -o model -m pretrained": "the bundled model, for onnxruntime",
}


def command(
    format: Annotated[
        ExportFormat,
        typer.Option(
            help="html: one page that runs the model offline; keras, onnx, safetensors: a folder "
            "with the network, its tokenizer and how to use them"
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE|DIR", help="file or new folder to write"),
    ],
    model: ModelOption = None,
) -> None:
    """Write a trained model for use without this program."""
    from sentiment.api.export import export

    exported = export(model, output, format)
    size = f"{exported.size / 1e6:.1f} MB"
    _terminal.print_message(f"{output}: {size}, the model {exported.model}", err=False)
