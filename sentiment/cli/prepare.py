"""`sentiment prepare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment.cli import _console
from sentiment.cli._options import settings_options
from sentiment.config import PrepareSettings
from sentiment.utils.paths import find_project

if TYPE_CHECKING:
    from rich.table import Table

    from sentiment.data.prepared import PreparedDataset


@settings_options
def command(
    settings: PrepareSettings,
    archive: Annotated[
        Path | None, typer.Option(help="aclImdb_v1.tar.gz that you have downloaded yourself")
    ] = None,
    again: Annotated[bool, typer.Option(help="prepare anew what is there already")] = False,
) -> None:
    """Tokenise the reviews, build the vocabulary from the training split, encode every split."""
    from sentiment.data.prepare import prepare

    with _console.show_progress() as progress:
        made, new = prepare(
            settings, find_project(), archive=archive, again=again, progress=progress
        )
    target = _console.console()
    if not new:
        target.print("Prepared already with these settings: nothing to do.")
    target.print(statistics(made))
    target.print(_console.facts({"Vocabulary": vocabulary(made), "Folder": str(made.folder)}))


def vocabulary(data: "PreparedDataset") -> str:
    """Return how many words and n-grams have a vector of their own."""
    counts = data.manifest["vocabulary"]
    return f"{counts['words']:,} words, {counts['ngrams']:,} pairs and triples of words"


def statistics(data: "PreparedDataset") -> "Table":
    """Return the table of the splits."""
    columns = {"split": "left", "reviews": "right", "tokens": "right", "median": "right"}
    columns |= {"95 % ≤": "right", "longest": "right", "unknown": "right", "digest": "left"}
    rows = [
        (
            name,
            stats["reviews"],
            stats["tokens"],
            stats["median_length"],
            stats["95th_percentile_length"],
            stats["longest_length"],
            _console.percent(stats["unknown_share"], 2),
            stats["digest"][:12],
        )
        for name, stats in data.splits.items()
    ]
    return _console.table(f"{data.folder.name}, review lengths in tokens", columns, rows)
