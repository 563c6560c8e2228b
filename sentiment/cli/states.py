"""`sentiment states`."""

import codecs
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sentiment.cli import _console
from sentiment.cli._options import (
    FILES,
    InputOption,
    ModelOption,
    TextColumnOption,
    TextsArgument,
    check_text_source,
    reading_options,
    refuse_ignored_reading,
)
from sentiment.cli._terminal import print_message
from sentiment.errors import InputError
from sentiment.utils.paths import absolute, find_project

if TYPE_CHECKING:
    from sentiment.data.readers import ReadOptions
    from sentiment.inspection.hidden_states import HiddenStates

_EXAMPLE = 'sentiment states "An unforgettable film."'
EXAMPLES = {
    _EXAMPLE: "show the state after every word",
    'sentiment states --steps last "A dull film."': "show the final state alone",
    "sentiment states -i reviews.csv -o states.parquet": "write the states of a file of texts",
}


@reading_options
def command(
    ctx: typer.Context,
    texts: TextsArgument = None,
    read_from: InputOption = None,
    text_column: TextColumnOption = "text",
    steps: Annotated[
        Literal["all", "last"],
        typer.Option(help="the state after every word, or only the final state"),
    ] = "all",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help=".csv, .parquet or .npz file to write; default: a table, or CSV in a pipe",
            rich_help_panel=FILES,
        ),
    ] = None,
    model: ModelOption = None,
    *,
    reading: "ReadOptions",
) -> None:
    """Show the hidden states of texts, word by word."""
    source = Path(read_from) if read_from is not None else None
    check_text_source(texts, source, _EXAMPLE)
    refuse_ignored_reading(ctx, source, reading)
    if source and output and absolute(source) == absolute(output):
        raise typer.BadParameter(f"{output} is the input file")
    from sentiment.data import labelled_files
    from sentiment.inference import resolve
    from sentiment.inference.classifier import Classifier
    from sentiment.inspection import hidden_states

    classifier = Classifier(resolve.resolve_model(model, find_project()))
    given = (
        labelled_files.read_texts(source, text_column, reading)
        if source
        else _read_texts(texts or ["-"])
    )
    names = hidden_states.column_names(classifier)
    chunks = hidden_states.compute_states(classifier, given, steps)
    if output:
        hidden_states.write_states(output, names, chunks)
        print_message(f"hidden states written to {output}")
    elif sys.stdout.isatty():
        _show(names, chunks)
    else:
        # UTF-8 in any locale, as texts are read.
        hidden_states.write_csv(codecs.getwriter("utf-8")(sys.stdout.buffer), names, chunks)


def _read_texts(texts: list[str]) -> Iterator[str]:
    """Yield the texts, with the lines of standard input in place of `-`."""
    from sentiment.data.readers import LONGEST_ROW

    for text in texts:
        if text != "-":
            yield text
            continue
        lines = iter(partial(sys.stdin.buffer.readline, LONGEST_ROW + 1), b"")
        for number, line in enumerate(lines, 1):
            if len(line) > LONGEST_ROW:
                size = f"{LONGEST_ROW >> 20} MiB"
                raise InputError(f"line {number} of standard input is longer than {size}")
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise InputError(f"line {number} of standard input is not UTF-8 text") from error


def _show(names: list[str], chunks: "Iterable[HiddenStates]") -> None:
    """Print tables; the forward and the backward half of a state have a line each."""
    directions = list(dict.fromkeys(name.rpartition("_")[0] for name in names))
    units = len(names) // len(directions)
    title = f"{' above '.join(directions)}, {units} unit{'s' * (units > 1)}"
    columns = {"text no.": "right", "step": "right", "word": "left", "state": "left"}
    for chunk in chunks:
        rows = [
            (row.text, row.step, row.word, _state_lines(row.state, units)) for row in chunk.rows()
        ]
        _console.console().print(_console.table(title, columns, rows))


def _state_lines(state: list[float], units: int) -> str:
    halves = (state[start : start + units] for start in range(0, len(state), units))
    return "\n".join(_console.signed(half, 2) for half in halves)
