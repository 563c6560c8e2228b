"""Measure a trained model on labelled texts, with the NumPy runtime that answers predictions."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.data import labelled_files, stored
from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.label_mapping import LabelMapping
from sentiment.data.labels import POSITIVE, label_name
from sentiment.data.prepared import PreparedDataset
from sentiment.data.readers import ReadOptions
from sentiment.errors import MissingFileError
from sentiment.evaluation import metrics, score_tables
from sentiment.evaluation.overlap import TrainingOverlap
from sentiment.inference.bundle import Bundle, update_manifest
from sentiment.inference.classifier import Classifier, sigmoid
from sentiment.tracking.metric_names import metric_name
from sentiment.utils import files, names
from sentiment.utils.notebook import draw_sheets
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress

_CHUNK_SIZE = 1000  # texts between two updates of the progress
_NOT_LOGGED = ("confusion", "reviews", "accuracy_low", "accuracy_high", "majority")


@dataclass(frozen=True)
class LabelledTexts:
    """Texts to measure on.

    name: `test` for the official test split, else the name of a file; labels: 0 or 1, (N,);
    digest: SHA-256 of the reviews, or of the file; notes: sentences about how they were read;
    encoded: the texts as the model encodes them, if that is known already.
    """

    name: str
    texts: Sequence[str]
    labels: np.ndarray
    digest: str
    notes: tuple[str, ...] = ()
    encoded: EncodedTexts | None = None


def load_test_split(bundle: Bundle, paths: ProjectPaths) -> LabelledTexts:
    """Return the test split of the dataset that `bundle` was trained on, however it was prepared.

    If its vocabulary and rules are not those of the dataset, the model divides the texts into
    tokens itself. Raises MissingFileError if its reviews are not here.
    """
    named = bundle.manifest.data.folder
    hint = "sentiment evaluate --data FILE"
    folder = names.path_inside(paths.prepared, named, "the data folder of a model", hint=hint)
    settings = bundle.manifest.settings.get("prepare", {})
    digest = bundle.manifest.data.digests.get("test")
    data, own = stored.open_reviews(folder, "test", digest, settings), bundle.tokenizer
    texts, prepared = read_test_split(data), data.tokenizer
    if (prepared.rules, prepared.words) != (own.rules, own.words):
        return texts
    encoded = data.split("test").encoded.last(bundle.settings.longest_review)
    return replace(texts, encoded=encoded)


def read_test_split(data: PreparedDataset) -> LabelledTexts:
    """Return the test split of `data`; raise MissingFileError if it is empty."""
    split = data.split("test")
    if not len(split):
        raise MissingFileError(
            f"{data.folder.name} has no test reviews", hint="sentiment evaluate --data FILE"
        )
    texts = [split.text(row) for row in range(len(split))]
    return LabelledTexts("test", texts, split.labels, data.splits["test"].digest)


def load_labelled_file(
    path: Path,
    text_column: str,
    label_column: str,
    *,
    mapping: LabelMapping | None = None,
    on_error: str = "fail",
    options: ReadOptions | None = None,
) -> LabelledTexts:
    """Return the texts of a labelled file, under a name that MLflow accepts.

    See `labelled_files.read_labelled` for `mapping`, `on_error` and `options`.
    """
    reviews = labelled_files.read_labelled(
        path, text_column, label_column, mapping=mapping, on_error=on_error, options=options
    )
    name = re.sub(r"[^\w.-]+", "_", path.stem, flags=re.ASCII)
    digest = labelled_files.file_digest(path)
    return LabelledTexts(name, reviews.texts, reviews.labels, digest, reviews.notes)


@dataclass(frozen=True)
class Mistake:
    """A text with a wrong prediction. `label` is 0 or 1, `probability` is P(positive)."""

    text: str
    label: int
    probability: float


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    model: name of the model; data: name of the texts, see `LabelledTexts`; scores: metrics over all
    texts; uncalibrated: the log loss and the calibration error without the bundle's temperature;
    mistakes: the most confident ones, the worst first; probabilities: P(positive) of each text,
    float32 (N,); notes: sentences about how the texts were read; overlap: how many of the texts are
    also training texts, None if it was not measured.
    """

    model: str
    data: str
    scores: metrics.Scores
    uncalibrated: dict[str, float]
    mistakes: list[Mistake]
    probabilities: np.ndarray
    notes: tuple[str, ...] = ()
    overlap: TrainingOverlap | None = None

    def __repr__(self) -> str:
        scores = self.scores
        interval = f"{100 * scores.accuracy_low:.2f}–{100 * scores.accuracy_high:.2f} %"
        return (
            f"<Evaluation of {self.model} on {scores.reviews:,} reviews ({self.data}): "
            f"accuracy {100 * scores.accuracy:.2f} % ({interval})>"
        )

    def _repr_html_(self) -> str:
        return draw_sheets(*score_tables.sheets(self))

    def as_metrics(self, part: str) -> dict[str, float]:
        """Return the scores as `part/name`, without counts and the interval of the accuracy."""
        return {
            metric_name(part, name): float(value)
            for name, value in asdict(self.scores).items()
            if name not in _NOT_LOGGED
        }

    def mistakes_table(self) -> dict[str, list[Any]]:
        """Return the columns label, probability (P(positive)) and text."""
        return {
            "label": [label_name(mistake.label) for mistake in self.mistakes],
            "probability": [round(mistake.probability, 4) for mistake in self.mistakes],
            "text": [mistake.text for mistake in self.mistakes],
        }


def evaluate(
    bundle: Bundle, data: LabelledTexts, *, worst: int = 10, progress: Progress | None = None
) -> Evaluation:
    """Measure `bundle` on labelled texts and list its `worst` mistakes."""
    texts, classifier = data.texts, Classifier(bundle)
    starts = range(0, len(texts), _CHUNK_SIZE)
    logits = []
    for start in (progress or Progress()).track(starts, "classifying", len(starts)):
        rows = np.arange(start, min(start + _CHUNK_SIZE, len(texts)))
        if data.encoded is None:
            encoded = classifier.encode(texts[start : start + _CHUNK_SIZE])
        else:
            encoded = data.encoded.take(rows)
        logits.append(classifier.logits(classifier.final_states(encoded)))
    return evaluate_logits(bundle, data, np.concatenate(logits), worst=worst)


def evaluate_logits(
    bundle: Bundle, data: LabelledTexts, logits: np.ndarray, *, worst: int = 10
) -> Evaluation:
    """Measure the uncalibrated `logits`, float (N,), of `bundle` for labelled texts."""
    texts, labels, logits = data.texts, data.labels, logits.astype(np.float64)
    uncalibrated, probabilities = (sigmoid(logits / t) for t in (1.0, bundle.temperature))
    wrong = np.flatnonzero((probabilities >= 0.5) != (labels == POSITIVE))
    by_confidence = np.argsort(-np.abs(probabilities[wrong] - 0.5), kind="stable")
    mistakes = [
        Mistake(texts[row], int(labels[row]), float(probabilities[row]))
        for row in wrong[by_confidence][:worst]
    ]
    return Evaluation(
        bundle.name,
        data.name,
        metrics.score(labels, probabilities),
        {
            "log_loss": metrics.log_loss(labels, uncalibrated),
            "calibration_error": metrics.calibration_error(labels, uncalibrated),
        },
        mistakes,
        probabilities.astype(np.float32),
        data.notes,
    )


def save_metrics(
    bundle: Bundle, evaluation: Evaluation, data: LabelledTexts, paths: ProjectPaths
) -> Path:
    """Write the metrics to the manifest of a model that the project has trained; return its path.

    Any other model stays as it is: it may be part of this package, of a store, or somebody else's.
    Its metrics go to a file in data/evaluations: `model`, its folder; `weights`, the SHA-256 of its
    weights; `metrics` and `measured_on`, as a manifest has them. Raises InputError if the file
    can't be written.
    """
    metrics, measured_on = evaluation.as_metrics(data.name), {data.name: data.digest}
    if bundle.folder.resolve().parent == paths.models.resolve():
        update_manifest(
            bundle,
            metrics=bundle.manifest.metrics | metrics,
            measured_on=bundle.manifest.measured_on | measured_on,
        )
        return bundle.folder
    weights = bundle.manifest.files["weights.npz"]["sha256"]
    path = paths.evaluations / f"{weights[:16]}.json"
    with files.write_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    before = files.read_json(path, hint=f"remove {path}") if path.exists() else {}
    content = {
        "model": str(bundle.folder.resolve()),
        "weights": weights,
        "metrics": before.get("metrics", {}) | metrics,
        "measured_on": before.get("measured_on", {}) | measured_on,
    }
    files.write_json(path, content)
    return path
