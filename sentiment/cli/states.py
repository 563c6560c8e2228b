"""`sentiment states`."""

import codecs
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sentiment.cli import _console
from sentiment.cli._common import ModelOption
from sentiment.cli._terminal import say
from sentiment.errors import InputError
from sentiment.utils.paths import find_project

if TYPE_CHECKING:
    from sentiment.inspection.hidden_states import HiddenStates

_EXAMPLE = 'sentiment states "An unforgettable film."'


def command(
    texts: Annotated[
        list[str] | None, typer.Argument(help="texts; - or a pipe: one text a line")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--input", help="a .csv, .tsv, .jsonl or .txt file of texts")
    ] = None,
    text_column: Annotated[str, typer.Option(help="column that holds the text")] = "text",
    steps: Annotated[
        Literal["all", "last"],
        typer.Option(help="the state after every word, or the final state alone"),
    ] = "all",
    output: Annotated[
        Path | None,
        typer.Option(help="a .csv, .parquet or .npz file; else a table, or CSV in a pipe"),
    ] = None,
    model: ModelOption = None,
) -> None:
    """Show the hidden states of texts, with the words that they stand after."""
    if texts and source:
        raise typer.BadParameter("texts are given, or --input FILE, not both")
    if source and output and source.resolve() == output.resolve():
        raise typer.BadParameter(f"{output} is the input")
    if not texts and source is None and sys.stdin.isatty():
        raise InputError("no text was given", hint=_EXAMPLE)
    from sentiment.data import sources
    from sentiment.inference import resolve
    from sentiment.inference.classifier import Classifier
    from sentiment.inspection import hidden_states

    classifier = Classifier(resolve.resolve_model(model, find_project()))
    given = sources.read_texts(source, text_column) if source else _given(texts or ["-"])
    names, parts = (
        hidden_states.column_names(classifier),
        hidden_states.compute_states(classifier, given, steps),
    )
    if output:
        hidden_states.write_states(output, names, parts)
        say(f"hidden states written to {output}")
    elif sys.stdout.isatty():
        _show(names, parts)
    else:
        # UTF-8 whatever the locale says, as texts are read.
        hidden_states.write_csv(codecs.getwriter("utf-8")(sys.stdout.buffer), names, parts)


def _given(texts: list[str]) -> Iterator[str]:
    """Yield the texts given, the lines of standard input in the place of `-`."""
    for text in texts:
        if text != "-":
            yield text
            continue
        for number, line in enumerate(sys.stdin.buffer, 1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise InputError(f"standard input, line {number}, is not UTF-8 text") from error


def _show(names: list[str], parts: "Iterable[HiddenStates]") -> None:
    """Print tables; the forward and the backward half of a state have a line each."""
    ways = list(dict.fromkeys(name.rpartition("_")[0] for name in names))
    units = len(names) // len(ways)
    title = f"{' above '.join(ways)}, {units} unit{'s' * (units > 1)}"
    headings = {"of text": "right", "step": "right", "word": "left", "state": "left"}
    for part in parts:
        rows = [(row.text, row.step, row.word, _numbers(row.state, units)) for row in part.rows()]
        _console.console().print(_console.table(title, headings, rows))


def _numbers(state: list[float], units: int) -> str:
    halves = (state[start : start + units] for start in range(0, len(state), units))
    return "\n".join(" ".join(f"{value:+.2f}" for value in half) for half in halves)
