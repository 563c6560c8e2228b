"""Stage 2: a prepared set in, a trained bundle out, every epoch in MLflow.

Knows the order of the work: hold reviews back, train, save the best epoch, log. Knows nothing of
the other stages; they meet through files.
"""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.config import ModelSettings, SnapshotSchedule, TrainSettings, flatten_settings
from sentiment.data.prepared import PreparedDataset
from sentiment.data.split import split_training_reviews
from sentiment.data.tokenizer import Tokenizer
from sentiment.errors import DivergedError, InputError
from sentiment.inference import bundle
from sentiment.inference.bundle import Bundle
from sentiment.inspection.probes import Probes, choose_probes
from sentiment.tracking import run as runs
from sentiment.tracking import store
from sentiment.tracking.offline import tracker
from sentiment.training import checkpoint, distributed, interrupts, run_name, tf_config
from sentiment.training.callbacks import Callback, TrackingCallback
from sentiment.training.checkpoint import Checkpoint, CheckpointWriter
from sentiment.training.results import BestEpoch
from sentiment.training.self_training import SelfTraining
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import EpochMetrics, Progress, Stopwatch
from sentiment.utils.timestamps import utc_timestamp

_MISTAKES = 10  # of the validation reviews, that the report shows


@dataclass(frozen=True)
class TrainingResult:
    """What training has left: where the model lies, its run, how the epochs went."""

    folder: Path
    name: str
    run_id: str
    epochs: list[EpochMetrics]
    best: EpochMetrics


def train(
    data: PreparedDataset,
    model: ModelSettings,
    settings: TrainSettings,
    paths: ProjectPaths,
    *,
    recipe: str = "default",
    experiment: str = store.EXPERIMENT,
    name: str | None = None,
    track: bool = True,
    snapshots: str = "epoch",
    progress: Progress | None = None,
    stopwatch: Stopwatch | None = None,
) -> TrainingResult:
    """Train a network on the training split of `data` and save its best epoch as a bundle.

    Best means the lowest loss on the reviews held back, over all rounds; it is saved also where
    training is interrupted or fails after it. recipe: the name of that the settings came from;
    snapshots: how often hidden states are logged, `off`, `epoch` or `batch:N`. Raises InputError
    where the name is taken or `snapshots` none of these, and DivergedError where the loss is no
    longer a number.
    """
    SnapshotSchedule.parse(snapshots)
    if name is None:
        name = run_name.claim_run_name(
            paths, recipe, data.folder.name.rsplit("-", 1)[0], model, settings
        )
    run_name.check_run_name(paths, name)
    record = _record(data, model, settings)
    record["run"] = {"id": "", "name": name, "experiment": experiment}
    job = {"recipe": recipe, "track": track, "snapshots": snapshots, "record": record}
    job["workers"] = tf_config.current_worker().size
    return _Training(data, job, paths, progress, stopwatch).run()


def resume(
    data: PreparedDataset,
    found: Checkpoint,
    paths: ProjectPaths,
    *,
    progress: Progress | None = None,
    stopwatch: Stopwatch | None = None,
) -> TrainingResult:
    """Go on with a training from its checkpoint, with its settings and in its run.

    It ends with the weights, to the last bit on one machine, that it would have had uninterrupted.
    Raises InputError where `data` is not what it began with.
    """
    job = found.state["job"]
    stated = job["record"]["data"]
    if _digests(data) != stated["digests"] or data.folder.name != stated["folder"]:
        raise InputError(
            f"{data.folder.name} is not the data that {job['record']['run']['name']} began with: "
            "its digests differ",
            hint="sentiment train",
        )
    began, now = job.get("workers", 1), tf_config.current_worker().size
    if began != now:
        raise InputError(
            f"{job['record']['run']['name']} began with {began} workers, and here are {now}",
            hint=f"{_go_on(job['record']['run']['name'])} --workers {began}",
        )
    return _Training(data, job, paths, progress, stopwatch).run(found)


class _Training:
    """A training under way, as `job` says: what of it is told, kept and saved, and when."""

    def __init__(
        self,
        data: PreparedDataset,
        job: dict[str, Any],
        paths: ProjectPaths,
        progress: Progress | None,
        stopwatch: Stopwatch | None,
    ):
        self._data, self._job, self._paths = data, job, paths
        self._progress, self._stopwatch = progress or Progress(), stopwatch or Stopwatch()
        stated = job["record"]["settings"]
        self._name: str = job["record"]["run"]["name"]
        self._model = ModelSettings(**stated["model"])
        self._settings = TrainSettings(**stated["train"])
        self._closing = False
        self._resumable = 0  # the epoch of the newest checkpoint; 0 where there is none
        self._task = tf_config.current_worker()
        # First of all that is asked of TensorFlow.
        self._cluster = distributed.join_workers(self._task)

    def run(self, found: Checkpoint | None = None) -> TrainingResult:
        """Train from the beginning, or go on from a checkpoint."""
        with distributed.worker_errors(self._task, hint=_go_on(self._name)):
            with self._stopwatch.measure("data"):
                self._tokenizer = self._data.tokenizer.up_to(self._model.ngrams)
                share = self._settings.validation_share
                split = self._data.split("train")
                self._parts = split_training_reviews(split, self._tokenizer, self._model, share)
            return self._lead(found) if self._task.is_chief else self._assist(found)

    def _lead(self, found: Checkpoint | None) -> TrainingResult:
        """Train, and keep what comes of it."""
        since = f" on, after epoch {found.epoch}" if found else ""
        with checkpoint.open_writer(self._paths.checkpoints / self._name) as writer:
            self._check_unfinished(found)
            self._progress.note(f"training {self._name}{since}")
            with self._journal(again=bool(found)) as journal:
                self._job["record"]["run"]["id"] = journal.run_id
                rounds = self._rounds(journal)
                self._go(rounds, journal, writer, found)
            writer.remove()
        return self._trained(rounds, journal.run_id)

    def _assist(self, found: Checkpoint | None) -> TrainingResult:
        """Train with the chief, which keeps what comes of it."""
        rounds = self._rounds(Callback())
        if found:
            rounds.restore(found.state["rounds"], found.arrays)
        rounds.run(lambda: None)
        return self._trained(rounds, "")

    def _rounds(self, journal: Callback) -> SelfTraining:
        return SelfTraining(
            self._data, self._parts, self._tokenizer, self._model, self._settings,
            journal, self._progress, self._stopwatch, self._cluster,
        )  # fmt: skip

    def _trained(self, rounds: SelfTraining, run_id: str) -> TrainingResult:
        folder = self._paths.models / self._name
        return TrainingResult(folder, self._name, run_id, rounds.reports, rounds.kept.report)

    def _check_unfinished(self, found: Checkpoint | None) -> None:
        """Raise InputError where who had the lock until now has done what is to be done."""
        if found is None:
            run_name.check_run_name(self._paths, self._name)
            return
        self._resumable = found.epoch
        if not checkpoint.exists(self._paths.checkpoints / self._name):
            raise InputError(
                f"{self._name} has nothing left to train: another process has ended it",
                hint=f"sentiment evaluate --model {shlex.quote(self._name)}",
            )

    def _go(
        self,
        rounds: SelfTraining,
        journal: Callback,
        writer: CheckpointWriter,
        found: Checkpoint | None,
    ) -> None:
        """Train, and save the best epoch; where that is broken off, what there is by then."""
        try:
            if found:
                rounds.restore(found.state["rounds"], found.arrays)
            rounds.run(lambda: self._keep(rounds, writer))
            self._close(rounds, journal)
        except BaseException as error:
            if isinstance(error, DivergedError):
                writer.remove()  # it would diverge again
            elif self._resumable:
                self._progress.note(f"to go on after epoch {self._resumable}: {_go_on(self._name)}")
            # What was broken off in closing isn't closed again, nor for somebody in a hurry.
            if rounds.rounds and not self._closing and not interrupts.is_second_interrupt(error):
                self._close(rounds, journal)
                folder, best = self._paths.models / self._name, rounds.kept.report.epoch
                self._progress.note(f"epoch {best}, the best so far, is kept in {folder}")
            raise

    def _keep(self, rounds: SelfTraining, writer: CheckpointWriter) -> None:
        """Write a checkpoint."""
        with self._stopwatch.measure("checkpoint"):
            told, arrays = rounds.state()
            epoch = len(rounds.reports)
            writer.write(epoch, {"job": self._job, "rounds": told}, arrays)
            self._resumable = epoch

    def _close(self, rounds: SelfTraining, journal: Callback) -> None:
        """Save the best epoch as the model."""
        self._closing = True
        kept, labels = rounds.kept, self._parts.validation.labels
        with self._stopwatch.measure("saving"):
            folder = self._paths.models / self._name
            saved = _save(folder, self._tokenizer, kept, labels, self._job["record"])
        split = self._data.split("train")  # not before: the reviews may have gone by now
        rows = self._parts.validation_rows[kept.worst(labels, _MISTAKES)]
        mistakes = [(split.text(row), int(split.labels[row])) for row in rows]
        journal.close(saved, kept.report, mistakes)

    def _probes(self) -> Probes:
        """Return the texts whose hidden states are looked at, some of them reviews held back."""
        split = self._data.split("train")
        return choose_probes(split, self._parts.validation_rows, self._model.longest_review)

    @contextmanager
    def _journal(self, again: bool) -> Iterator[Callback]:
        """Give the journal of the run, or where nothing is tracked one that keeps nothing."""
        job, record = self._job, self._job["record"]
        if not job["track"]:
            yield Callback()
            return
        data, run = record["data"], record["run"]
        source = {"dataset": data["dataset"], "folder": data["folder"]}
        used = runs.Dataset(data["folder"], "training", data["digests"]["train"], source)
        parameters = {"recipe": job["recipe"]} | flatten_settings(record["settings"])
        if job.get("workers", 1) > 1:
            parameters["workers"] = job["workers"]
        beginning = tracker.RunStart(
            run["experiment"], self._name, parameters, [used], run["id"] if again else ""
        )
        with tracker.track_run(self._paths, beginning, self._progress.note) as begun:
            if begun is None:
                yield Callback()
                return
            yield TrackingCallback(
                begun,
                tokenizer=self._tokenizer,
                probes=self._probes(),
                record=record,
                cadence=SnapshotSchedule.parse(job["snapshots"]),
                stopwatch=self._stopwatch,
            )


def _go_on(name: str) -> str:
    """Return what to type for a training to go on."""
    return f"sentiment train --resume {shlex.quote(name)}"


def _record(data: PreparedDataset, model: ModelSettings, settings: TrainSettings) -> dict[str, Any]:
    return {
        "created": utc_timestamp(),
        "settings": {
            "prepare": data.settings,
            "model": asdict(model),
            "train": asdict(settings),
        },
        "data": {
            "dataset": data.settings["dataset"],
            "folder": data.folder.name,
            "digests": _digests(data),
        },
    }


def _digests(data: PreparedDataset) -> dict[str, str]:
    return {part: stats["digest"] for part, stats in data.splits.items()}


def _save(
    folder: Path, tokenizer: Tokenizer, kept: BestEpoch, labels: np.ndarray, record: dict[str, Any]
) -> Bundle:
    measured = {"temperature": kept.temperature(labels), "metrics": kept.report.metrics()}
    return bundle.write(
        folder,
        tokenizer=tokenizer,
        embedding=kept.embedding,
        weights=kept.weights,
        record={**record, **measured},
    )
