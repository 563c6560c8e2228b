"""The tables of an evaluation: metrics, confusion and mistakes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sentiment.data.labels import LABEL_NAMES, NEGATIVE, POSITIVE, label_name
from sentiment.utils.sheet import Sheet

if TYPE_CHECKING:
    from sentiment.evaluation.evaluate import Evaluation, Mistake

UNBALANCED = 0.55  # share of the majority class from which accuracies are shown beside it
_EXCERPT = 300  # characters of a mistake in the table


def sheets(evaluation: "Evaluation") -> list[Sheet]:
    """Return the tables of metrics, confusion and, if there are any, mistakes."""
    title = f"{evaluation.model} on {evaluation.scores.reviews:,} reviews ({evaluation.data})"
    result = [_metrics_sheet(title, evaluation), _confusion_sheet(evaluation.scores.confusion)]
    return result + ([_mistakes_sheet(evaluation.mistakes)] if evaluation.mistakes else [])


def _metrics_sheet(title: str, evaluation: "Evaluation") -> Sheet:
    scores, uncalibrated = evaluation.scores, evaluation.uncalibrated
    interval = f"{100 * scores.accuracy_low:.2f}–{_percent(scores.accuracy_high)}"
    rows = [
        ("accuracy", _percent(scores.accuracy), f"95 % interval {interval}"),
        *_majority_row(scores.majority),
        ("precision", _percent(scores.precision), "correct among predicted positives"),
        ("recall", _percent(scores.recall), "found among true positives"),
        ("F1", _percent(scores.f1), "harmonic mean of precision and recall"),
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
    return Sheet(title, {"metric": "left", "value": "right", "meaning": "left"}, rows)


def _majority_row(majority: float) -> list[tuple[str, str, str]]:
    """Return the row of the trivial classifier, if the labels are too uneven to leave it out."""
    if majority < UNBALANCED:
        return []
    return [("majority class", _percent(majority), "accuracy of always answering it")]


def _confusion_sheet(confusion: Sequence[Sequence[int]]) -> Sheet:
    columns = {"label": "left"}
    columns |= {f"predicted {LABEL_NAMES[label]}": "right" for label in (NEGATIVE, POSITIVE)}
    rows = [
        (LABEL_NAMES[label], *(f"{count:,}" for count in confusion[label]))
        for label in (NEGATIVE, POSITIVE)
    ]
    return Sheet("Confusion matrix", columns, rows)


def _mistakes_sheet(mistakes: list["Mistake"]) -> Sheet:
    columns = {"label": "left", "P(positive)": "right", "text": "left"}
    rows = [
        (label_name(mistake.label), f"{mistake.probability:.4f}", _excerpt(mistake.text))
        for mistake in mistakes
    ]
    return Sheet("Most confident mistakes", columns, rows)


def _excerpt(text: str) -> str:
    flat = " ".join(text.replace("<br />", " ").split())
    return flat if len(flat) <= _EXCERPT else f"{flat[:_EXCERPT]} …"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
