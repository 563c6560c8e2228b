"""Stage 3: a bundle and labelled texts in, measures and mistakes out.

Knows the order of the work. The NumPy runtime does the reading, so that what is measured is what
answers later; TensorFlow is not imported.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.data import prepared, sources
from sentiment.data.prepared import PreparedDataset
from sentiment.errors import MissingFileError
from sentiment.evaluation import metrics
from sentiment.inference import bundle as bundles
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier, sigmoid
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress

_AT_ONCE = 1000  # texts between two signs of progress


@dataclass(frozen=True)
class LabelledTexts:
    """Texts to measure on; labels: 0 or 1, (N,). `name` is `test` for the official test split."""

    name: str
    texts: Sequence[str]
    labels: np.ndarray
    digest: str


def load_test_split(bundle: Bundle, paths: ProjectPaths) -> LabelledTexts:
    """Return the test split of the prepared set that `bundle` was trained on."""
    folder = paths.prepared / bundle.record["data"]["folder"]
    if not folder.is_dir():
        raise MissingFileError(f"no prepared set {folder}", hint="sentiment prepare")
    return test_texts(prepared.open_dataset(folder))


def test_texts(data: PreparedDataset) -> LabelledTexts:
    """Return the test split of `data`."""
    split = data.split("test")
    texts = [split.text(row) for row in range(len(split))]
    return LabelledTexts("test", texts, split.labels, data.splits["test"].digest)


def load_labelled_file(path: Path, text_column: str, label_column: str) -> LabelledTexts:
    """Return the texts of a labelled CSV, TSV or JSONL file, under a name that MLflow accepts."""
    read = sources.read_labelled(path, text_column, label_column)
    name = re.sub(r"[^\w.-]+", "_", path.stem, flags=re.ASCII)
    return LabelledTexts(name, read.texts, read.labels, sources.file_digest(path))


@dataclass(frozen=True)
class Mistake:
    """A text on the wrong side. `probability` is that of positive; `label` 0 or 1."""

    text: str
    label: int
    probability: float


@dataclass(frozen=True)
class Evaluation:
    """Measures over all texts and the most confident mistakes, the worst first.

    `uncalibrated` has the log loss and the calibration error that probabilities would have without
    the bundle's temperature; `probabilities` P(positive) of each text, float32 (N,).
    """

    scores: metrics.Scores
    uncalibrated: dict[str, float]
    mistakes: list[Mistake]
    probabilities: np.ndarray

    def as_metrics(self, part: str) -> dict[str, float]:
        """Return the measures as `part/name`, without counts and what follows from them."""
        values = asdict(self.scores)
        return {
            f"{part}/{name}": float(value)
            for name, value in values.items()
            if name not in ("confusion", "reviews", "accuracy_low", "accuracy_high")
        }

    def mistakes_table(self) -> dict[str, list[Any]]:
        """Return columns: label | P(positive) | text."""
        return {
            "label": ["positive" if miss.label else "negative" for miss in self.mistakes],
            "probability": [round(miss.probability, 4) for miss in self.mistakes],
            "text": [miss.text for miss in self.mistakes],
        }


def evaluate(
    bundle: Bundle, data: LabelledTexts, *, worst: int = 10, progress: Progress | None = None
) -> Evaluation:
    """Measure `bundle` on labelled texts and pick the `worst` mistakes."""
    texts = data.texts
    classifier = Classifier(bundle)
    starts = range(0, len(texts), _AT_ONCE)
    chunks = (progress or Progress()).track(starts, "classifying", len(starts))
    said = [
        classifier.logits(classifier.final_states(classifier.encode(texts[start:end])))
        for start, end in ((start, start + _AT_ONCE) for start in chunks)
    ]
    return evaluate_logits(bundle, data, np.concatenate(said), worst=worst)


def evaluate_logits(
    bundle: Bundle, data: LabelledTexts, logits: np.ndarray, *, worst: int = 10
) -> Evaluation:
    """Measure what `bundle` has made of labelled texts: `logits`, uncalibrated, float (N,)."""
    texts, labels, logits = data.texts, data.labels, logits.astype(np.float64)
    plain, probabilities = (sigmoid(logits / t) for t in (1.0, bundle.temperature))
    wrong = np.flatnonzero((probabilities >= 0.5) != (labels == 1))
    surest = wrong[np.argsort(-np.abs(probabilities[wrong] - 0.5), kind="stable")][:worst]
    mistakes = [Mistake(texts[row], int(labels[row]), float(probabilities[row])) for row in surest]
    uncalibrated = {
        "log_loss": metrics.log_loss(labels, plain),
        "calibration_error": metrics.calibration_error(labels, plain),
    }
    scores = metrics.score(labels, probabilities)
    return Evaluation(scores, uncalibrated, mistakes, probabilities.astype(np.float32))


def save_metrics(bundle: Bundle, evaluation: Evaluation, data: LabelledTexts) -> None:
    """Write the measures into the bundle's record."""
    measured = bundle.record["metrics"] | evaluation.as_metrics(data.name)
    measured_on = bundle.record.get("measured_on", {}) | {data.name: data.digest}
    bundles.update_manifest(bundle, metrics=measured, measured_on=measured_on)


def log_evaluation(
    bundle: Bundle,
    evaluation: Evaluation,
    data: LabelledTexts,
    paths: ProjectPaths,
    progress: Progress | None = None,
) -> bool:
    """Add the measures to the run that made `bundle`; return False where the store lacks it."""
    from sentiment.tracking import run  # here, as importing MLflow takes two seconds
    from sentiment.tracking.offline import tracker

    return tracker.log_evaluation(
        paths,
        bundle.record["run"]["id"],
        bundle.name,
        metrics=evaluation.as_metrics(data.name),
        mistakes=evaluation.mistakes_table(),
        predictions={"probabilities": evaluation.probabilities, "labels": data.labels},
        dataset=run.Dataset(data.name, "testing", data.digest, {"name": data.name}),
        say=(progress or Progress()).note,
    )
