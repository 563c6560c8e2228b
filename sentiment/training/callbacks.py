"""What is kept of a training while it is under way: models, metrics, hidden states.

Knows bundles, snapshots and the run; knows nothing of Keras or of how training goes. `Journal`
itself keeps nothing, so that nobody else asks whether anything is kept.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.config import SnapshotSchedule, flatten_settings
from sentiment.data.tokenizer import Tokenizer
from sentiment.inference import bundle, resolve
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.inspection import snapshots
from sentiment.inspection.probes import NO_OPINION, Probes
from sentiment.inspection.snapshots import Snapshot
from sentiment.reports import figures
from sentiment.reports.run_report import TrainingReport, page
from sentiment.tracking.run import MlflowRun
from sentiment.utils.progress import EpochMetrics, Stopwatch

_PICTURES: dict[str, tuple[Callable[[Snapshot], figures.SnapshotFigure], str]] = {
    "hidden_states": (figures.HiddenStatesFigure, "Final hidden states"),
    "projection": (figures.ProjectionFigure, "Final hidden states in two dimensions"),
    "sentences": (figures.SentencesFigure, "P(positive) after each word,"),
}
_LABELS = {0: "negative", 1: "positive", NO_OPINION: "none"}


@dataclass(frozen=True)
class ModelState:
    """A network as it is at one moment. embedding: float32 (V + G, E); weights as in a bundle."""

    embedding: np.ndarray
    weights: dict[str, np.ndarray]
    temperature: float


GetModelState = Callable[[], ModelState]


class Callback:
    """Keeps nothing."""

    run_id = ""

    def begin(self, look: GetModelState) -> None:
        """Hear that training begins."""

    def batch(self, epoch: int, batch: int, batches: int, look: GetModelState) -> None:
        """Hear that `batch` of the `batches` of an epoch is done."""

    def epoch(self, report: EpochMetrics, look: GetModelState) -> None:
        """Hear how an epoch went."""

    def again(self, reports: list[EpochMetrics], look: GetModelState) -> None:
        """Hear that training goes on after `reports`, and how the network looks after them."""

    def tag(self, name: str, text: str) -> None:
        """Say something of the run."""

    def close(self, kept: Bundle, best: EpochMetrics, mistakes: list[tuple[str, int]]) -> None:
        """Hear which epoch is the model, and of its worst mistakes: text and label."""


class TrackingCallback(Callback):
    """Keeps all in a run.

    record: what is the same in the bundles of all epochs.
    """

    def __init__(
        self,
        run: MlflowRun,
        *,
        tokenizer: Tokenizer,
        probes: Probes,
        record: dict[str, Any],
        cadence: SnapshotSchedule,
        stopwatch: Stopwatch,
    ):
        self.run_id = run.id
        self._run, self._tokenizer, self._probes = run, tokenizer, probes
        self._record, self._cadence, self._stopwatch = record, cadence, stopwatch
        self._reports: list[EpochMetrics] = []
        self._snapshots: list[tuple[float, Snapshot]] = []
        self._models: dict[int, str] = {}
        self._reference: np.ndarray | None = None
        self._pictures: dict[str, figures.SnapshotFigure] = {}

    def begin(self, look: GetModelState) -> None:
        """Look at the hidden states before anything is learnt: pictures begin at step 0."""
        if self._cadence.epochs:
            with self._stopwatch.measure("snapshots"), tempfile.TemporaryDirectory() as aside:
                self._see(self._bundle(Path(aside), look(), {}), 0, "epoch", 0)

    def batch(self, epoch: int, batch: int, batches: int, look: GetModelState) -> None:
        """Look at the hidden states where it is time to."""
        # Not counted: a training that goes on has not seen those before.
        done = (epoch - 1) * batches + batch
        if self._cadence.batches and done % self._cadence.batches == 0:
            with self._stopwatch.measure("snapshots"), tempfile.TemporaryDirectory() as aside:
                opened = self._bundle(Path(aside), look(), {})
                self._see(opened, epoch - 1 + batch / batches, "batch", done)

    def epoch(self, report: EpochMetrics, look: GetModelState) -> None:
        """Log the model of an epoch with its metrics, and its hidden states."""
        self._reports.append(report)
        with tempfile.TemporaryDirectory() as aside:
            with self._stopwatch.measure("tracking"):
                opened = self._bundle(Path(aside), look(), report.metrics())
                model = self._run.epoch(report.metrics(), report.epoch, opened.folder)
                self._models[report.epoch] = model
            if self._cadence.epochs:
                with self._stopwatch.measure("snapshots"):
                    self._see(opened, report.epoch, "epoch", report.epoch)

    def again(self, reports: list[EpochMetrics], look: GetModelState) -> None:
        """Take up the run after `reports`; what it lacks of the last of them is logged now.

        Snapshots are taken again of the models that it holds and that are in reach, for the report
        at the end; those before training and within epochs stay in the run alone.
        """
        known = self._run.models([report.epoch for report in reports])
        for report in reports:
            if report.epoch in known:
                self._reports.append(report)
                self._models[report.epoch], folder = known[report.epoch]
                if self._cadence.epochs and folder is not None:
                    with self._stopwatch.measure("snapshots"):
                        self._observe(bundle.read(folder), report.epoch)
            elif report is reports[-1]:
                self.epoch(report, look)

    def tag(self, name: str, text: str) -> None:
        """Say something of the run."""
        self._run.tag(name, text)

    def close(self, kept: Bundle, best: EpochMetrics, mistakes: list[tuple[str, int]]) -> None:
        """Register the best model; log the table of probes and the report."""
        with self._stopwatch.measure("tracking"):
            # An epoch whose logging was interrupted has no model there.
            if best.epoch in self._models:
                self._run.best(self._models[best.epoch])
        if not self._cadence.epochs:
            return
        with self._stopwatch.measure("report"):
            settings = flatten_settings(kept.record["settings"])
            story = TrainingReport(
                kept.name, settings, self._reports, self._snapshots, kept, mistakes
            )
            self._run.text(page(story), "report.html")
            self._run.table(_table(Classifier(kept), self._probes), "hidden_states/probes.json")

    def _bundle(self, aside: Path, moment: ModelState, metrics: dict[str, float]) -> Bundle:
        return bundle.write(
            aside / "bundle",
            tokenizer=self._tokenizer,
            embedding=moment.embedding,
            weights=moment.weights,
            record={**self._record, "temperature": moment.temperature, "metrics": metrics},
        )

    def _see(self, opened: Bundle, epoch: float, unit: str, step: int) -> None:
        """Log what a model makes of the probes after `step` epochs or batches, as `unit` says."""
        snapshot = self._observe(opened, epoch)
        digits = {"epoch": 2, "batch": 6}[unit]
        self._run.arrays(snapshot.arrays(), f"hidden_states/{unit}_{step:0{digits}d}.npz")
        when = f"after {unit} {step}" if step else "before training"
        kind = "" if unit == "epoch" else " by batch"
        for name, (_, title) in _PICTURES.items():
            drawn = self._pictures[name].draw(snapshot, f"{title} {when}")
            self._run.image(drawn, f"{name}{kind}", step)

    def _observe(self, opened: Bundle, epoch: float) -> Snapshot:
        if self._reference is None:
            # The model in the box is the reference for all; without it the run's first state is.
            boxed = (
                bundle.read(resolve.PRETRAINED)
                if (resolve.PRETRAINED / "bundle.json").is_file()
                else opened
            )
            self._reference = snapshots.reference_points(Classifier(boxed), self._probes)
        snapshot = snapshots.take_snapshot(Classifier(opened), self._probes, self._reference)
        self._snapshots.append((epoch, snapshot))
        if not self._pictures:
            self._pictures = {name: kind(snapshot) for name, (kind, _) in _PICTURES.items()}
        return snapshot


def _table(classifier: Classifier, probes: Probes) -> dict[str, list[Any]]:
    """Return columns: sample | prediction | label | trajectory, a picture of the state's way."""
    encoded = classifier.encode(probes.texts)
    probabilities = classifier.probabilities(classifier.final_states(encoded))
    states = classifier.states(encoded)
    nothing = np.zeros((1, states.shape[1]), np.float32)
    ways = np.split(states, encoded.offsets[1:-1])
    return {
        "sample": [f"{place:02d} {text[:100]}" for place, text in enumerate(probes.texts, 1)],
        "prediction": [
            f"{'positive' if value >= 0.5 else 'negative'} {value:.2f}" for value in probabilities
        ],
        "label": [_LABELS[int(label)] for label in probes.labels],
        "trajectory": [figures.state_image(way if len(way) else nothing) for way in ways],
    }
