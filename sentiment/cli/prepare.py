"""`sentiment prepare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment.cli import _console
from sentiment.cli._options import refuse_ignored_rows, settings_options
from sentiment.config import PrepareSettings
from sentiment.utils.paths import find_project

if TYPE_CHECKING:
    from rich.table import Table

    from sentiment.data.prepared import PreparedDataset


EXAMPLES = {
    "sentiment prepare": "prepare the 50,000 reviews of IMDB",
    "sentiment prepare --dataset sample": "prepare the 360 short reviews of the package",
    "sentiment prepare --dataset mine.csv": "prepare your own texts: columns text and label",
}

_WIDE = 92  # columns from which the table of the splits has lines


@settings_options
def command(
    settings: PrepareSettings,
    ctx: typer.Context,
    archive: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="archive aclImdb_v1.tar.gz, if you have downloaded it yourself"
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="prepare the reviews again, even if they are prepared")
    ] = False,
) -> None:
    """Tokenize reviews, build the vocabulary and encode every split."""
    refuse_ignored_rows(ctx, settings)
    from sentiment.data.prepare import prepare

    with _console.show_progress() as progress:
        data, is_new = prepare(
            settings, find_project(), archive=archive, again=again, progress=progress
        )
    target = _console.console()
    if not is_new:
        target.print("Already prepared with these settings: nothing to do.")
    target.print(splits_table(data, lines=target.width >= _WIDE))
    for line in data.describe():
        target.print(line, highlight=False, markup=False)
    target.print(_console.facts({"Vocabulary": vocabulary_size(data), "Folder": str(data.folder)}))


def vocabulary_size(data: "PreparedDataset") -> str:
    """Return how many words, and n-grams or negated words, have a vector of their own."""
    size = data.manifest.vocabulary
    others = "pairs and triples of words"
    if data.manifest.settings.get("least_negated"):
        others = "pairs, triples and negated words"
    return f"{size.words:,} words, {size.ngrams:,} {others}"


def splits_table(data: "PreparedDataset", *, lines: bool = True) -> "Table":
    """Return a table with a row for each split. Without lines it has 75 columns, for IMDB."""
    columns = {"split": "left", "reviews": "right", "tokens": "right", "median": "right"}
    columns |= {"95 % ≤": "right", "longest": "right", "unknown": "right", "digest": "left"}
    rows = [
        (
            name,
            stats.reviews,
            stats.tokens,
            stats.median_length,
            stats.percentile_95_length,
            stats.longest_length,
            _console.percent(stats.unknown_share, 2),
            stats.digest[:12],
        )
        for name, stats in data.splits.items()
    ]
    title = f"{data.folder.name}, review lengths in tokens"
    return _console.table(title, columns, rows, lines=lines)
