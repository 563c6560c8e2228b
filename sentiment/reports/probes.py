"""Show the probes on a page: their states in a plane, and the sentences read word by word."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sentiment.data.labels import label_name
from sentiment.inspection.snapshots import Snapshot
from sentiment.reports import charts
from sentiment.reports.charts import ColumnDataSource
from sentiment.reports.document import Section
from sentiment.reports.training_report import TrainingReport
from sentiment.utils.text import replace_control

_MAX_TOOLTIP_TEXT = 160  # characters of a review in the tooltip of its point


@dataclass(frozen=True)
class _Projection:
    snapshots: int
    sentences: list[str]


@dataclass(frozen=True)
class _Sentence:
    """A sentence in the table; words is empty if the model knows none of them."""

    id: str
    text: str
    words: list[str]
    label: str


@dataclass(frozen=True)
class _Sentences:
    snapshots: int
    rows: list[_Sentence]


def projection_section(report: TrainingReport) -> Section | None:
    """Show the states of the probes in a plane, with a slider over the snapshots."""
    if not report.snapshots:
        return None
    last = report.snapshots[-1][1]
    path = charts.source(
        "path", {"x": [0], "y": [0], "p": [0], "word": [""], "color": [charts.NEUTRAL_COLOR]}
    )
    plane = charts.plane(_points(last), tooltip=["labelled @label, P(positive) @p{0.000}", "@text"])
    charts.add_path(plane, path)
    probes = last.probes
    return Section(
        "projection",
        "Projection",
        "run_report/projection.html",
        _Projection(len(report.snapshots), [probes.ids[row] for row in probes.sentences]),
        {"plane": plane, "closeup": charts.path_closeup("The sentence's path, enlarged", path)},
        {
            "start": round(_probability_of_nothing(report), 4),
            "snapshots": [
                _snapshot_data("merging" if epoch == report.merged_at else f"epoch {epoch:g}", one)
                for epoch, one in report.snapshots
            ],
            "sentences": _sentence_data(last),
        },
    )


def sentences_section(report: TrainingReport) -> Section | None:
    """Show the sentences, as the snapshot of the slider reads them; needs `projection_section`."""
    if not report.snapshots:
        return None
    last = report.snapshots[-1][1]
    probes = last.probes
    rows = [
        _Sentence(
            id=(text_id := probes.ids[row]),
            text=probes.texts[row],
            words=last.walks[text_id].trace.tokens if text_id in last.walks else [],
            label=label_name(int(probes.labels[row]), "no opinion"),
        )
        for row in probes.sentences
    ]
    # The page's script fills both for the selected sentence.
    selected = charts.source("reading", {"word": [], "p": [], "color": []})
    others = charts.source("readings of all snapshots", {"words": [], "ps": []})
    return Section(
        "sentences",
        "Sentences",
        "run_report/sentences.html",
        _Sentences(len(report.snapshots), rows),
        {"reading": charts.reading(selected, others)},
    )


def _probability_of_nothing(report: TrainingReport) -> float:
    """Return P(positive) before the first word."""
    state = np.zeros((1, report.bundle.settings.state_size), np.float32)
    return float(report.classifier.probabilities(state)[0])


def _points(snapshot: Snapshot) -> ColumnDataSource:
    probes = snapshot.probes
    x, y = charts.plane_columns(snapshot.points)
    is_sentence = [row in probes.sentences for row in range(len(x))]
    return charts.source(
        "points",
        {
            "x": x,
            "y": y,
            "p": charts.rounded(snapshot.probabilities),
            "id": [replace_control(text_id) for text_id in probes.ids],
            "text": [_shortened(replace_control(text)) for text in probes.texts],
            **charts.point_style(probes.labels.tolist(), is_sentence),
        },
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_TOOLTIP_TEXT else text[: _MAX_TOOLTIP_TEXT - 1] + "…"


def _snapshot_data(title: str, snapshot: Snapshot) -> dict[str, Any]:
    """Return what the page's script shows for a position of the slider."""
    paths = {
        text_id: _path_data(path.points, path.trace.probabilities)
        for text_id, path in snapshot.walks.items()
    }
    return {
        "title": title,
        **_path_data(snapshot.points, snapshot.probabilities),
        "paths": paths,
    }


def _path_data(points: np.ndarray, probabilities: np.ndarray) -> dict[str, list[float]]:
    x, y = charts.plane_columns(points)
    return {"x": x, "y": y, "p": charts.rounded(probabilities, 4)}


def _sentence_data(last: Snapshot) -> list[dict[str, Any]]:
    return [
        {
            "id": (text_id := last.probes.ids[row]),
            "label": int(last.probes.labels[row]),
            "row": row,
            "words": last.walks[text_id].trace.tokens if text_id in last.walks else [],
        }
        for row in last.probes.sentences
    ]
