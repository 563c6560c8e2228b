"""`sentiment evaluate`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sentiment.cli import _console
from sentiment.cli._options import (
    FILES,
    JsonOption,
    ModelOption,
    TextColumnOption,
    reading_options,
    refuse_ignored,
    refuse_ignored_reading,
)
from sentiment.cli._terminal import print_json

if TYPE_CHECKING:
    from sentiment.data.readers import ReadOptions
    from sentiment.evaluation.evaluate import Evaluation


EXAMPLES = {
    "sentiment evaluate": "measure the default model on the official test reviews",
    "sentiment evaluate --data mine.csv": "measure it on your own texts: columns text and label",
    "sentiment evaluate --data stars.csv --positive 4,5 --negative 1,2": "with labels of your own",
    "sentiment evaluate -m pretrained --json": "all numbers of the bundled model, for a script",
}


_DataOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="labelled file or folder, see `sentiment formats`; default: the test reviews of the "
        "dataset that the model learnt from",
    ),
]
_LabelColumnOption = Annotated[
    str, typer.Option(metavar="COLUMN", help="column with the label", rich_help_panel=FILES)
]
_PositiveOption = Annotated[
    str,
    typer.Option(
        metavar="LABELS",
        help="labels that are positive, such as 4,5; default: the known ones",
        rich_help_panel=FILES,
    ),
]
_NegativeOption = Annotated[
    str,
    typer.Option(
        metavar="LABELS",
        help="labels that are negative, such as 1,2; default: the known ones",
        rich_help_panel=FILES,
    ),
]
_OnErrorOption = Annotated[
    Literal["fail", "skip"],
    typer.Option(help="on a row that can't be read: stop, or leave it out", rich_help_panel=FILES),
]
_MistakesOption = Annotated[
    int,
    typer.Option(metavar="N", min=0, help="how many of the most confident mistakes to show"),
]


@reading_options
def command(
    ctx: typer.Context,
    model: ModelOption = None,
    data: _DataOption = None,
    text_column: TextColumnOption = "text",
    label_column: _LabelColumnOption = "label",
    positive: _PositiveOption = "",
    negative: _NegativeOption = "",
    on_error: _OnErrorOption = "fail",
    mistakes: _MistakesOption = 5,
    track: Annotated[bool, typer.Option(help="log the results to the model's MLflow run")] = True,
    as_json: JsonOption = False,
    *,
    reading: "ReadOptions",
) -> None:
    """Measure a model on the test reviews or on your own labelled file."""
    from sentiment.api import stages
    from sentiment.data.labelled_folders import is_labelled_folder
    from sentiment.evaluation import score_tables

    if data is None:
        labels = ("label_column", "positive", "negative", "on_error")
        refuse_ignored(ctx, labels, "only with --data FILE")
    if data is None or not is_labelled_folder(data):
        refuse_ignored_reading(ctx, data, reading)
    with _console.show_progress(err=as_json) as progress:
        evaluation = stages.evaluate(
            model, data, text_column=text_column, label_column=label_column, positive=positive,
            negative=negative, on_error=on_error, mistakes=mistakes, tracking=track,
            progress=progress, **asdict(reading),
        )  # fmt: skip
    if as_json:
        print_json(evaluation_fields(evaluation))
        return
    target = _console.console()
    for sheet in score_tables.sheets(evaluation):
        target.print(_console.table(sheet.title, sheet.columns, sheet.rows))
    overlap = evaluation.overlap
    for line in (*evaluation.notes, *([overlap.describe()] if overlap and overlap.seen else [])):
        target.print(line, highlight=False, markup=False)


def evaluation_fields(evaluation: "Evaluation") -> dict[str, Any]:
    """Return the JSON object of an evaluation, without the probability of each text."""
    fields = asdict(evaluation)
    del fields["probabilities"]
    return fields | {"in_training_data": fields.pop("overlap")}
