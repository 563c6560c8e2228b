"""`sentiment evaluate`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment.cli import _console
from sentiment.cli._common import ModelOption
from sentiment.cli._terminal import print_json
from sentiment.utils.paths import find_project

if TYPE_CHECKING:
    from rich.console import Console

    from sentiment.evaluation.evaluate import Evaluation, LabelledTexts
    from sentiment.inference.bundle import Bundle

_EXCERPT = 300  # characters of a mistaken review in the table


def command(
    model: ModelOption = None,
    data: Annotated[
        Path | None, typer.Option(help="a labelled CSV, TSV or JSONL file; else the test split")
    ] = None,
    text_column: Annotated[str, typer.Option(help="column that holds the text")] = "text",
    label_column: Annotated[str, typer.Option(help="column that holds the label")] = "label",
    mistakes: Annotated[int, typer.Option(min=0, help="most confident mistakes to show")] = 5,
    track: Annotated[bool, typer.Option(help="log to the run that made the model")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Measure a model on the official test reviews, or on a labelled file of your own."""
    from sentiment.evaluation.evaluate import load_labelled_file, load_test_split
    from sentiment.inference import resolve

    place = find_project()
    opened = resolve.resolve_model(model, place)
    if data is None:
        texts = load_test_split(opened, place)
    else:
        texts = load_labelled_file(data, text_column, label_column)
    result = assess(opened, texts, worst=mistakes, track=track, as_json=as_json)
    if as_json:
        measured = asdict(result)
        del measured["probabilities"]  # as many as reviews
        print_json({"model": opened.name, "data": texts.name, **measured})
    else:
        target = _console.console()
        _show(target, opened, texts, result)


def assess(
    opened: "Bundle", data: "LabelledTexts", *, worst: int, track: bool, as_json: bool = False
) -> "Evaluation":
    """Evaluate, and keep what was measured with the model and in the run that made it."""
    from sentiment.evaluation import evaluate
    from sentiment.inference import resolve

    with _console.show_progress(err=as_json) as progress:
        result = evaluate.evaluate(opened, data, worst=worst, progress=progress)
        if resolve.is_writable(opened, find_project()):
            evaluate.save_metrics(opened, result, data)
        tracked = track and opened.record["run"]["id"]
        if tracked and not evaluate.log_evaluation(opened, result, data, find_project(), progress):
            progress.note(f"run {opened.name} is not in this store: nothing was logged to it")
    return result


def _show(target: "Console", opened: "Bundle", data: "LabelledTexts", result: "Evaluation") -> None:
    scores, before = result.scores, result.uncalibrated
    interval = f"{100 * scores.accuracy_low:.2f}–{_console.percent(scores.accuracy_high, 2)}"
    rows = [
        ("accuracy", _console.percent(scores.accuracy, 2), f"95 % interval {interval}"),
        ("precision", _console.percent(scores.precision, 2), "of reviews called positive"),
        ("recall", _console.percent(scores.recall, 2), "of positive reviews"),
        ("F1", _console.percent(scores.f1, 2), "harmonic mean of the two"),
        ("ROC AUC", f"{scores.roc_auc:.4f}", "chance that a positive ranks above a negative"),
        ("log loss", f"{scores.log_loss:.4f}", f"nats; {before['log_loss']:.4f} uncalibrated"),
        ("Brier score", f"{scores.brier:.4f}", "mean squared error of the probability"),
        (
            "calibration error",
            f"{scores.calibration_error:.4f}",
            f"expected, 15 equal bins; {before['calibration_error']:.4f} uncalibrated",
        ),
    ]
    title = f"{opened.name} on {scores.reviews:,} reviews ({data.name})"
    columns = {"measure": "left", "value": "right", "meaning": "left"}
    target.print(_console.table(title, columns, rows))
    (true_negative, false_positive), (false_negative, true_positive) = scores.confusion
    confusion = [
        ("negative", true_negative, false_positive),
        ("positive", false_negative, true_positive),
    ]
    columns = {"review is": "left", "called negative": "right", "called positive": "right"}
    target.print(_console.table("Confusion matrix", columns, confusion))
    if result.mistakes:
        rows = [
            (
                "positive" if miss.label else "negative",
                f"{miss.probability:.4f}",
                _excerpt(miss.text),
            )
            for miss in result.mistakes
        ]
        columns = {"review is": "left", "P(positive)": "right", "text": "left"}
        target.print(_console.table("Most confident mistakes", columns, rows))


def _excerpt(text: str) -> str:
    flat = " ".join(text.replace("<br />", " ").split())
    return flat if len(flat) <= _EXCERPT else f"{flat[:_EXCERPT]} …"
