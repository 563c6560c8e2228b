"""`sentiment formats`."""

import textwrap
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from sentiment.data.formats import FileFormat


_WIDTH = 80  # columns
EXAMPLES = {"sentiment formats": "list the formats of --input, --data and --dataset"}


def command() -> None:
    """List the formats of files of texts."""
    from sentiment.data.compression import COMPRESSORS
    from sentiment.data.formats import FORMATS

    typer.echo("Formats of --input, --data and --dataset, by the end of the name:\n")
    for name, row in FORMATS.items():
        start, after = f"  .{name:<9}", " " * 12
        typer.echo(textwrap.fill(start + _meaning(row), _WIDTH, subsequent_indent=after))
    typer.echo(
        f"\nEach may be compressed, and its name then end in {', '.join(COMPRESSORS)} as well.\n"
        "A folder of files in one format is read as one file. Text is UTF-8, or UTF-16\n"
        "or UTF-32 with a byte-order mark; --encoding names another."
    )


def _meaning(row: "FileFormat") -> str:
    written = f"; written as .{row.written_as}" if row.written_as else ""
    needs = f" (pip install {row.needs})" if row.needs else ""
    return f"{row.meaning}{written}{needs}"
