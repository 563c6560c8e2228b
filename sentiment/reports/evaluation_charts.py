"""The tables and pictures that a run logs of an evaluation."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sentiment.data.count_ratios import log_count_ratios
from sentiment.data.examples import Examples
from sentiment.data.labels import LABEL_NAMES, NEGATIVE, POSITIVE
from sentiment.data.prepared import PreparedDataset
from sentiment.evaluation import curves
from sentiment.evaluation.metrics import Scores, wilson_interval
from sentiment.evaluation.review_groups import Grouping, opinion_centers, quantile_groups
from sentiment.reports import evaluation_figures as figures

_LENGTH_GROUPS, _POSITION_GROUPS = 4, 3


@dataclass
class Charts:
    """Tables, as CSV, and pictures, uint8 (height, width, 3), by name."""

    tables: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, np.ndarray] = field(default_factory=dict)

    def add(
        self, name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]], picture: np.ndarray
    ) -> None:
        """Add a table and its picture."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(headings)
        writer.writerows(rows)
        self.tables[name], self.pictures[name] = text.getvalue(), picture


def draw_charts(
    scores: Scores,
    labels: np.ndarray,
    probabilities: np.ndarray,
    texts: Sequence[str],
    prepared: PreparedDataset | None = None,
) -> Charts:
    """Return the charts of an evaluation.

    labels: 0 or 1, (N,); probabilities: P(positive), float (N,); prepared: the dataset whose test
    reviews the texts are, in which the position of opinions is measured; None for other texts.
    """
    charts = Charts()
    _add_confusion(charts, scores)
    _add_curves(charts, labels, probabilities)
    correct = (probabilities >= 0.5) == (labels == POSITIVE)
    lengths = np.array([len(text.split()) for text in texts])
    groups = quantile_groups(lengths, _LENGTH_GROUPS)
    names = [f"{group.least:,.0f}–{group.most:,.0f}" for group in groups.groups]
    _add_groups(
        charts, "by_length", "Accuracy by length", "words of the review", names, groups, correct
    )
    if prepared is not None:
        groups = quantile_groups(_positions(prepared), _POSITION_GROUPS)
        names = [f"{100 * group.least:.0f}–{100 * group.most:.0f} %" for group in groups.groups]
        title = "Accuracy by where the opinion stands"
        axis = "mean position of opinion words, from the beginning"
        _add_groups(charts, "by_opinion_position", title, axis, names, groups, correct)
    return charts


def _add_confusion(charts: Charts, scores: Scores) -> None:
    names = [LABEL_NAMES[label] for label in (NEGATIVE, POSITIVE)]
    rows = [(name, *counts) for name, counts in zip(names, scores.confusion, strict=True)]
    headings = ["label", *(f"predicted {name}" for name in names)]
    charts.add("confusion_matrix", headings, rows, figures.confusion_figure(scores.confusion))


def _add_curves(charts: Charts, labels: np.ndarray, probabilities: np.ndarray) -> None:
    roc = curves.roc_curve(labels, probabilities)
    names = ["false positive rate", "true positive rate"]
    picture = figures.curve_figure("ROC curve", roc[:, :2], *names, diagonal=True)
    charts.add("roc_curve", [*names, "threshold"], _rounded(roc), picture)
    recall = curves.precision_recall_curve(labels, probabilities)
    names = ["recall", "precision"]
    picture = figures.curve_figure("Precision and recall", recall[:, :2], *names)
    charts.add("precision_recall_curve", [*names, "threshold"], _rounded(recall), picture)
    bins = curves.reliability(labels, probabilities)
    names = ["mean P(positive)", "share of positive labels"]
    picture = figures.curve_figure("Reliability", bins[:, :2], *names, diagonal=True)
    charts.add("reliability", [*names, "texts"], _rounded(bins), picture)


def _add_groups(
    charts: Charts,
    name: str,
    title: str,
    axis: str,
    names: list[str],
    grouping: Grouping,
    correct: np.ndarray,
) -> None:
    """Add the accuracy of each group; correct: bool (N,)."""
    rows = []
    for group, share in zip(grouping.groups, grouping.means(correct), strict=True):
        low, high = wilson_interval(round(share * group.reviews), group.reviews)
        rows.append((group.least, group.most, group.reviews, share, low, high))
    intervals = np.array(rows)[:, 3:]
    picture = figures.group_figure(title, names, intervals, axis, float(correct.mean()))
    headings = ["from", "to", "reviews", "accuracy", "low", "high"]
    charts.add(name, headings, _rounded(np.array(rows)), picture)


def _positions(prepared: PreparedDataset) -> np.ndarray:
    """Return where the opinion of each test review stands, from 0, early, to 1, late."""
    train, test = prepared.split("train"), prepared.split("test").encoded
    encoded, words = train.encoded, prepared.tokenizer.vocabulary_size
    examples = Examples(encoded.tokens[:, None], encoded.offsets, train.labels)
    return opinion_centers(test.tokens, test.offsets, log_count_ratios(examples, words))


def _rounded(rows: np.ndarray) -> list[list[str]]:
    return [[f"{value:.6g}" for value in row] for row in rows]
