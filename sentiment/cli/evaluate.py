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
from sentiment.data.labels import LABEL_NAMES, NEGATIVE, POSITIVE, label_name

if TYPE_CHECKING:
    from rich.table import Table

    from sentiment.data.readers import ReadOptions
    from sentiment.evaluation.evaluate import Evaluation, Mistake

UNBALANCED = 0.55  # share of the majority class from which accuracies are shown beside it
_EXCERPT = 300  # characters of a mistake in the table


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
    for table in tables(evaluation):
        target.print(table)
    overlap = evaluation.overlap
    for line in (*evaluation.notes, *([overlap.describe()] if overlap and overlap.seen else [])):
        target.print(line, highlight=False, markup=False)


def evaluation_fields(evaluation: "Evaluation") -> dict[str, Any]:
    """Return the JSON object of an evaluation, without the probability of each text."""
    fields = asdict(evaluation)
    del fields["probabilities"]
    return fields | {"in_training_data": fields.pop("overlap")}


def tables(evaluation: "Evaluation") -> list["Table"]:
    """Return the tables of metrics, confusion and, if there are any, mistakes."""
    title = f"{evaluation.model} on {evaluation.scores.reviews:,} reviews ({evaluation.data})"
    result = [_metrics_table(title, evaluation), _confusion_table(evaluation.scores.confusion)]
    return result + ([_mistakes_table(evaluation.mistakes)] if evaluation.mistakes else [])


def _metrics_table(title: str, evaluation: "Evaluation") -> "Table":
    scores, uncalibrated = evaluation.scores, evaluation.uncalibrated
    interval = _console.percent_range(scores.accuracy_low, scores.accuracy_high)
    rows = [
        ("accuracy", _console.percent(scores.accuracy, 2), f"95 % interval {interval}"),
        *_majority_row(scores.majority),
        ("precision", _console.percent(scores.precision, 2), "correct among predicted positives"),
        ("recall", _console.percent(scores.recall, 2), "found among true positives"),
        ("F1", _console.percent(scores.f1, 2), "harmonic mean of precision and recall"),
        ("ROC AUC", f"{scores.roc_auc:.4f}", "chance that a positive ranks above a negative"),
        (
            "log loss",
            f"{scores.log_loss:.4f}",
            f"nats; {uncalibrated['log_loss']:.4f} uncalibrated",
        ),
        ("Brier score", f"{scores.brier:.4f}", "mean squared error of the probability"),
        (
            "calibration error",
            f"{scores.calibration_error:.4f}",
            f"15 equal bins; {uncalibrated['calibration_error']:.4f} uncalibrated",
        ),
    ]
    return _console.table(title, {"metric": "left", "value": "right", "meaning": "left"}, rows)


def _majority_row(majority: float) -> list[tuple[str, str, str]]:
    """Return the row of the trivial classifier, if the labels are too uneven to leave it out."""
    if majority < UNBALANCED:
        return []
    return [("majority class", _console.percent(majority, 2), "accuracy of always answering it")]


def _confusion_table(confusion: Any) -> "Table":
    columns = {"label": "left"}
    columns |= {f"predicted {LABEL_NAMES[label]}": "right" for label in (NEGATIVE, POSITIVE)}
    rows = [(LABEL_NAMES[label], *confusion[label]) for label in (NEGATIVE, POSITIVE)]
    return _console.table("Confusion matrix", columns, rows)


def _mistakes_table(mistakes: list["Mistake"]) -> "Table":
    columns = {"label": "left", "P(positive)": "right", "text": "left"}
    rows = [
        (label_name(mistake.label), f"{mistake.probability:.4f}", _excerpt(mistake.text))
        for mistake in mistakes
    ]
    return _console.table("Most confident mistakes", columns, rows)


def _excerpt(text: str) -> str:
    flat = " ".join(text.replace("<br />", " ").split())
    return flat if len(flat) <= _EXCERPT else f"{flat[:_EXCERPT]} …"
