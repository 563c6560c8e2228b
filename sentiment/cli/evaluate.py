"""`sentiment evaluate`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sentiment.cli import _console
from sentiment.cli._options import (
    JsonOption,
    ModelOption,
    TextColumnOption,
    reading_options,
    refuse_ignored,
    refuse_ignored_reading,
)
from sentiment.cli._terminal import print_json
from sentiment.data.labels import LABEL_NAMES, NEGATIVE, POSITIVE, label_name
from sentiment.errors import SentimentError
from sentiment.utils.paths import find_project

if TYPE_CHECKING:
    from rich.table import Table

    from sentiment.data.readers import ReadOptions
    from sentiment.evaluation.evaluate import Evaluation, LabelledTexts, Mistake
    from sentiment.evaluation.overlap import TrainingOverlap
    from sentiment.inference.bundle import Bundle

UNBALANCED = 0.55  # share of the majority class from which accuracies are shown beside it
_EXCERPT = 300  # characters of a mistake in the table


_DataOption = Annotated[
    Path | None,
    typer.Option(help="labelled file or folder, see `sentiment formats`; default: the test split"),
]
_LabelColumnOption = Annotated[str, typer.Option(help="column with the label")]
_PositiveOption = Annotated[
    str, typer.Option(help="labels that are positive, such as 4,5; default: the known ones")
]
_NegativeOption = Annotated[str, typer.Option(help="labels that are negative, such as 1,2")]
_OnErrorOption = Annotated[
    Literal["fail", "skip"], typer.Option(help="what to do about rows that can't be read")
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
    track: Annotated[bool, typer.Option(help="log to the model's MLflow run")] = True,
    as_json: JsonOption = False,
    *,
    reading: "ReadOptions",
) -> None:
    """Measure a model on the official test reviews or on your own labelled file."""
    from sentiment.data.label_mapping import LabelMapping
    from sentiment.data.labelled_folders import is_labelled_folder
    from sentiment.evaluation.evaluate import load_labelled_file, load_test_split
    from sentiment.inference import resolve

    if data is None:
        labels = ("label_column", "positive", "negative", "on_error")
        refuse_ignored(ctx, labels, "only with --data FILE")
    if data is None or not is_labelled_folder(data):
        refuse_ignored_reading(ctx, data, reading)
    paths = find_project()
    bundle = resolve.resolve_model(model, paths)
    if data is None:
        texts = load_test_split(bundle, paths)
    else:
        mapping = LabelMapping.parse(positive, negative)
        texts = load_labelled_file(
            data, text_column, label_column, mapping=mapping, on_error=on_error, options=reading
        )
    evaluation = evaluate_and_save(bundle, texts, worst=mistakes, track=track, as_json=as_json)
    if as_json:
        overlap = _find_overlap(bundle, texts, evaluation)
        fields = {"notes": list(texts.notes), "in_training_data": overlap and asdict(overlap)}
        print_json(evaluation_fields(bundle, texts, evaluation) | fields)
        return
    target = _console.console()
    for table in tables(bundle, texts, evaluation):
        target.print(table)
    overlap = _find_overlap(bundle, texts, evaluation)
    for line in (*texts.notes, *([overlap.describe()] if overlap and overlap.seen else [])):
        target.print(line, highlight=False, markup=False)


def _find_overlap(
    bundle: "Bundle", data: "LabelledTexts", evaluation: "Evaluation"
) -> "TrainingOverlap | None":
    """Compare the texts with the training texts; None if these are not on this machine."""
    from sentiment.evaluation import overlap

    training = overlap.find_training_data(bundle, find_project())
    if training is None:
        return None
    return overlap.measure_overlap(training, data.texts, data.labels, evaluation.probabilities)


def evaluate_and_save(
    bundle: "Bundle", data: "LabelledTexts", *, worst: int, track: bool, as_json: bool = False
) -> "Evaluation":
    """Evaluate a model; save the results with the model and, if wanted, in its run."""
    from sentiment.evaluation import evaluate

    paths = find_project()
    with _console.show_progress(err=as_json) as progress:
        evaluation = evaluate.evaluate(bundle, data, worst=worst, progress=progress)
        try:
            evaluate.save_metrics(bundle, evaluation, data, paths)
        except SentimentError as error:
            if bundle.folder.resolve().parent == paths.models.resolve():
                raise  # what belongs to the model is missing there
            progress.note(f"the metrics are not saved: {error.fact}")
        has_run = track and bundle.manifest.run.id
        if has_run and not evaluate.log_evaluation(bundle, evaluation, data, paths, progress):
            progress.note(f"not logged: the run {bundle.name} is not in this tracking store")
    return evaluation


def evaluation_fields(
    bundle: "Bundle", data: "LabelledTexts", evaluation: "Evaluation"
) -> dict[str, Any]:
    """Return the JSON object of an evaluation, without the probability of each text."""
    fields = {"model": bundle.name, "data": data.name, **asdict(evaluation)}
    del fields["probabilities"]
    return fields


def tables(bundle: "Bundle", data: "LabelledTexts", evaluation: "Evaluation") -> list["Table"]:
    """Return the tables of metrics, confusion and, if there are any, mistakes."""
    title = f"{bundle.name} on {evaluation.scores.reviews:,} reviews ({data.name})"
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
