"""Callbacks of a training; `TrackingCallback` logs models, metrics and hidden states to a run."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.config import ModelSettings, SnapshotSchedule, flatten_settings
from sentiment.data.labels import label_name, label_of
from sentiment.data.tokenizer import Tokenizer
from sentiment.inference import bundle, resolve
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.manifest import Manifest, NeutralBand
from sentiment.inspection import snapshots
from sentiment.inspection.probes import Probes
from sentiment.inspection.snapshots import Snapshot
from sentiment.recipe import DEFAULT
from sentiment.reports import figures
from sentiment.tracking import saved_view
from sentiment.tracking.metric_names import best_metrics, epoch_metrics
from sentiment.tracking.run_logger import RunLogger
from sentiment.tracking.system_metrics import SystemMetrics
from sentiment.utils.progress import EpochMetrics, Stopwatch

_FIGURES: dict[str, tuple[Callable[[Snapshot], figures.SnapshotFigure], str]] = {
    "hidden_states": (figures.HiddenStatesFigure, "Final hidden states"),
    "projection": (figures.ProjectionFigure, "Final hidden states in two dimensions"),
    "sentences": (figures.SentencesFigure, "P(positive) after each word,"),
}
_DIGITS = {"epoch": 2, "batch": 6}  # of the number in a snapshot's file name


@dataclass(frozen=True)
class ModelState:
    """The weights of a network at one moment of its training.

    model: its shape; embedding: float32 (V + G, E); weights: by bundle name; neutral_band: only
    that of a network that training ends with.
    """

    model: ModelSettings
    embedding: np.ndarray
    weights: dict[str, np.ndarray]
    temperature: float
    neutral_band: NeutralBand | None = None


GetModelState = Callable[[], ModelState]


class Callback:
    """Methods that a training runs as it proceeds; these do nothing."""

    run_id = ""

    def on_train_begin(self, get_state: GetModelState) -> None:
        """Run before the first epoch."""

    def on_batch_end(self, epoch: int, batch: int, batches: int, get_state: GetModelState) -> None:
        """Run after `batch` of the `batches` of an epoch; both count from 1."""

    def on_epoch_end(self, metrics: EpochMetrics, get_state: GetModelState) -> None:
        """Run after each epoch."""

    def on_resume(self, epochs: list[EpochMetrics], get_state: GetModelState) -> None:
        """Run instead of `on_train_begin` when training resumes after `epochs`."""

    def tag(self, name: str, text: str) -> None:
        """Attach a remark to the run."""

    def on_train_end(
        self, saved: Bundle, best: EpochMetrics, mistakes: list[tuple[str, int]]
    ) -> None:
        """Run with the saved model, its epoch, and its worst mistakes: text and label."""


class TrackingCallback(Callback):
    """Logs a training to a run.

    manifest: that of the bundles of all epochs, but for temperature and metrics; recipe: the name
    of the one that the settings came from; system_metrics: measures the machine, None not to.
    """

    def __init__(
        self,
        run: RunLogger,
        *,
        tokenizer: Tokenizer,
        probes: Probes,
        manifest: Manifest,
        schedule: SnapshotSchedule,
        stopwatch: Stopwatch,
        recipe: str = DEFAULT,
        system_metrics: SystemMetrics | None = None,
    ):
        self.run_id = run.id
        self._run, self._tokenizer, self._probes = run, tokenizer, probes
        self._manifest, self._schedule, self._stopwatch = manifest, schedule, stopwatch
        self._recipe, self._system = recipe, system_metrics
        self._epochs: list[EpochMetrics] = []
        self._snapshots: list[tuple[float, Snapshot]] = []
        self._models: dict[int, str] = {}  # the logged model's id, by epoch
        self._is_resumed = False
        self._reference: np.ndarray | None = None
        self._first: Snapshot | None = None  # from before training, until it is logged
        self._figures: dict[str, figures.SnapshotFigure] = {}
        self._shape: tuple[int, ...] = ()  # of the states in these figures

    def on_train_begin(self, get_state: GetModelState) -> None:
        """Take a snapshot of the hidden states before training, as step 0.

        It is drawn and logged with the next one, so that training begins at once.
        """
        if self._schedule.epochs:
            with self._stopwatch.measure("snapshots"), self._bundle(get_state(), {}) as opened:
                self._first = self._take_snapshot(opened, 0)

    def on_batch_end(self, epoch: int, batch: int, batches: int, get_state: GetModelState) -> None:
        """Log a snapshot of the hidden states if one is due."""
        if self._system is not None:
            self._system.sample()
        # Computed, not counted: a resumed training has not seen the batches before.
        step = (epoch - 1) * batches + batch
        if self._schedule.batches and step % self._schedule.batches == 0:
            with self._stopwatch.measure("snapshots"), self._bundle(get_state(), {}) as opened:
                moment = f"after batch {step}"
                self._log_snapshot(opened, epoch - 1 + batch / batches, "batch", step, moment)

    def on_epoch_end(self, metrics: EpochMetrics, get_state: GetModelState) -> None:
        """Log the model of an epoch with its metrics, and a snapshot of its hidden states."""
        self._epochs.append(metrics)
        with tempfile.TemporaryDirectory() as tmp:
            with self._stopwatch.measure("tracking"):
                opened = self._write_bundle(Path(tmp), get_state(), epoch_metrics(metrics))
                self._models[metrics.epoch] = self._log_model(metrics, opened)
            if self._schedule.epochs:
                with self._stopwatch.measure("snapshots"):
                    moment = "merging" if metrics.is_merged else f"epoch {metrics.epoch}"
                    self._log_snapshot(
                        opened, metrics.epoch, "epoch", metrics.epoch, f"after {moment}"
                    )

    def _log_model(self, metrics: EpochMetrics, opened: Bundle) -> str:
        """Log the model of an epoch and its metrics; return its id."""
        if self._is_resumed and metrics.is_merged:
            # The training may have ended just after the merged network was logged.
            logged = self._run.models([metrics.epoch])
            if metrics.epoch in logged:
                return logged[metrics.epoch].id
        system = {} if self._system is None else self._system.take()
        return self._run.log_epoch(epoch_metrics(metrics) | system, metrics.epoch, opened.folder)

    def on_resume(self, epochs: list[EpochMetrics], get_state: GetModelState) -> None:
        """Resume the run after `epochs`; log the last of them if the run lacks it.

        The report at the end needs snapshots: they are taken once more from those models of the
        run that can be read. Snapshots from before training and within epochs are in the run
        alone.
        """
        self._is_resumed = True
        logged = self._run.models([metrics.epoch for metrics in epochs])
        for metrics in epochs:
            if metrics.epoch in logged:
                self._epochs.append(metrics)
                self._models[metrics.epoch], folder = logged[metrics.epoch]
                if self._schedule.epochs and folder is not None:
                    with self._stopwatch.measure("snapshots"):
                        self._take_snapshot(bundle.read(folder), metrics.epoch)
            elif metrics is epochs[-1]:
                self.on_epoch_end(metrics, get_state)

    def tag(self, name: str, text: str) -> None:
        """Tag the run."""
        self._run.set_tag(name, text)

    def on_train_end(
        self, saved: Bundle, best: EpochMetrics, mistakes: list[tuple[str, int]]
    ) -> None:
        """Register the best model; log the table of probes and the report."""
        with self._stopwatch.measure("tracking"):
            # If logging the best epoch was interrupted, the run has no model of it.
            if best.epoch in self._models:
                self._run.register_best(self._models[best.epoch], best_metrics(best), best.epoch)
        if not self._schedule.epochs:
            return
        with self._stopwatch.measure("report"):
            from sentiment.reports.run_report import TrainingReport, page  # Bokeh takes a second

            # Those of the run: a merged network has more units than the networks that learnt.
            settings = flatten_settings(self._manifest.settings)
            report = TrainingReport(
                saved.name, settings, self._epochs, self._snapshots, saved, mistakes, self._recipe
            )
            self._run.log_text(page(report), "report.html")
            if len(self._snapshots) > 1:
                self._run.log_image(self._before_and_after(), saved_view.HIDDEN_STATES, 0)
            table = _probe_table(Classifier(saved), self._probes)
            self._run.log_table(table, "hidden_states/probes.json")

    @contextmanager
    def _bundle(self, state: ModelState, metrics: dict[str, float]) -> Iterator[Bundle]:
        """Yield a temporary bundle of a network's state."""
        with tempfile.TemporaryDirectory() as tmp:
            yield self._write_bundle(Path(tmp), state, metrics)

    def _write_bundle(self, tmp: Path, state: ModelState, metrics: dict[str, float]) -> Bundle:
        return bundle.write(
            tmp / "bundle",
            tokenizer=self._tokenizer,
            embedding=state.embedding,
            weights=state.weights,
            manifest=replace(
                self._manifest.with_model(state.model),
                temperature=state.temperature,
                neutral_band=state.neutral_band,
                metrics=metrics,
            ),
        )

    def _log_snapshot(
        self, opened: Bundle, epoch: float, unit: str, step: int, moment: str
    ) -> None:
        """Log a snapshot of the probes' states after `step` units, `epoch` or `batch`.

        moment: what the titles of the images say of it.
        """
        self._log_first()
        self._log(self._take_snapshot(opened, epoch), unit, step, moment)

    def _log_first(self) -> None:
        """Log the snapshot from before training, unless that has happened."""
        if self._first is not None:
            self._log(self._first, "epoch", 0, "before training")
            self._first = None

    def _log(self, snapshot: Snapshot, unit: str, step: int, moment: str) -> None:
        if snapshot.states.shape != self._shape:  # a merged network has more units
            self._shape = snapshot.states.shape
            self._figures = {name: create(snapshot) for name, (create, _) in _FIGURES.items()}
        path = f"hidden_states/{unit}_{step:0{_DIGITS[unit]}d}.npz"
        self._run.log_arrays(snapshot.arrays(), path)
        suffix = "" if unit == "epoch" else " by batch"
        for name, (_, title) in _FIGURES.items():
            image = self._figures[name].draw(snapshot, f"{title} {moment}")
            self._run.log_image(image, f"{name}{suffix}", step)

    def _before_and_after(self) -> np.ndarray:
        """Return the first snapshot above the last one, as one image for each run."""
        pictures = [
            figures.ProjectionFigure(snapshot).draw(snapshot, f"Final hidden states {moment}")
            for moment, (_, snapshot) in zip(
                ("at first", "at the end"), (self._snapshots[0], self._snapshots[-1]), strict=True
            )
        ]
        return np.vstack(pictures)

    def _take_snapshot(self, opened: Bundle, epoch: float) -> Snapshot:
        if self._reference is None:
            # The bundled model sets the axes for all runs; without it, the run's first state.
            pretrained = (resolve.PRETRAINED / "bundle.json").is_file()
            reference = bundle.read(resolve.PRETRAINED) if pretrained else opened
            self._reference = snapshots.reference_points(Classifier(reference), self._probes)
        snapshot = snapshots.take_snapshot(Classifier(opened), self._probes, self._reference)
        self._snapshots.append((epoch, snapshot))
        return snapshot


def _probe_table(classifier: Classifier, probes: Probes) -> dict[str, list[Any]]:
    """Return columns: sample | prediction | label | trajectory, a picture of the states."""
    encoded = classifier.encode(probes.texts)
    probabilities = classifier.probabilities(classifier.final_states(encoded))
    states = classifier.states(encoded)
    empty = np.zeros((1, states.shape[1]), np.float32)
    trajectories = np.split(states, encoded.offsets[1:-1])
    return {
        "sample": [f"{number:02d} {text[:100]}" for number, text in enumerate(probes.texts, 1)],
        "prediction": [f"{label_of(value)} {value:.2f}" for value in probabilities],
        "label": [label_name(int(label), "none") for label in probes.labels],
        "trajectory": [
            figures.state_image(states if len(states) else empty) for states in trajectories
        ],
    }
