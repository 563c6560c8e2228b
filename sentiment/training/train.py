"""Train a classifier on a prepared data set and save its best epoch as a bundle."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sentiment.config import ModelSettings, SnapshotSchedule, TrainSettings
from sentiment.data.prepared import PreparedDataset
from sentiment.errors import DivergedError, InputError
from sentiment.evaluation.metrics import majority_share
from sentiment.evaluation.neutral_band import measure_band
from sentiment.inference import bundle
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.tracking import store
from sentiment.tracking.metric_names import epoch_metrics
from sentiment.training import checkpoint, devices, distributed, interrupts, run_name, tf_config
from sentiment.training.callbacks import ModelState
from sentiment.training.checkpoint import Checkpoint, CheckpointWriter
from sentiment.training.context import TrainingContext
from sentiment.training.job import TrainingJob
from sentiment.training.results import TrainingResult
from sentiment.training.reviews import TrainingReviews
from sentiment.training.run_callback import open_callback
from sentiment.training.self_training import SelfTraining
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import EpochMetrics, Progress, Stopwatch
from sentiment.utils.text import count_of

_MISTAKES = 10  # of the validation reviews, that the report shows


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
    system_metrics: bool = True,
    reviews: TrainingReviews | None = None,
    progress: Progress | None = None,
    stopwatch: Stopwatch | None = None,
) -> TrainingResult:
    """Train networks on `data` and save their best epoch, or what they are merged into.

    The best epoch has the lowest validation loss of all rounds; it is saved even if training is
    interrupted or fails after it. recipe: the name of the recipe that the settings came from;
    snapshots: how often hidden states are logged, `off`, `epoch` or `batch:N`; system_metrics: log
    the use of processor and memory; reviews: those of `data`, if they are being read already.
    Raises InputError if the name is taken or `snapshots` is none of these, DivergedError if the
    loss is no longer a number, and MovedError if the project is moved.
    """
    SnapshotSchedule.parse(snapshots)
    if name is None:
        dataset = data.folder.name.rsplit("-", 1)[0]
        name = run_name.claim_run_name(paths, recipe, dataset, model, settings)
    run_name.check_run_name(paths, name)
    job = TrainingJob.create(
        data,
        model,
        settings,
        name=name,
        experiment=experiment,
        recipe=recipe,
        track=track,
        snapshots=snapshots,
        system_metrics=system_metrics,
        workers=tf_config.current_worker().size,
    )
    reviews = reviews or TrainingReviews(data, model, settings)
    return _Training(reviews, job, paths, progress, stopwatch).run()


def resume(
    data: PreparedDataset,
    resume_from: Checkpoint,
    paths: ProjectPaths,
    *,
    progress: Progress | None = None,
    stopwatch: Stopwatch | None = None,
) -> TrainingResult:
    """Resume a training from its checkpoint, with its settings and in its run.

    On one machine without a GPU it ends with the same weights, to the last bit, as without the
    interruption.
    Raises InputError if `data` or the number of workers differs from the start of the training.
    """
    job = TrainingJob.from_checkpoint(resume_from)
    if not job.uses(data):
        raise InputError(
            f"{data.folder.name} is not the data that {job.name} started with: the digests differ",
            hint="sentiment train",
        )
    workers = tf_config.current_worker().size
    if workers != job.workers:
        raise InputError(
            f"{job.name} started with {count_of(job.workers, 'worker')}, and now there are "
            f"{workers}",
            hint=job.resume_command,
        )
    reviews = TrainingReviews(data, job.model, job.train, job.split_rule)
    return _Training(reviews, job, paths, progress, stopwatch).run(resume_from)


class _Training:
    """A training in progress: when it logs, writes checkpoints and saves the model."""

    def __init__(
        self,
        reviews: TrainingReviews,
        job: TrainingJob,
        paths: ProjectPaths,
        progress: Progress | None,
        stopwatch: Stopwatch | None,
    ):
        self._reviews, self._job, self._paths = reviews, job, paths.held()
        self._progress, self._stopwatch = progress or Progress(), stopwatch or Stopwatch()
        self._folder = paths.models / job.name
        self._checkpoints = paths.checkpoints / job.name
        self._saving = False
        self._final: EpochMetrics | None = None  # of the saved network
        self._last_checkpoint = 0  # the epoch of the newest checkpoint; 0 if there is none
        # Both before anything else in TensorFlow is used.
        gpu = devices.choose_gpu(tf_config.current_worker())
        self._workers = distributed.join_workers(tf_config.current_worker())
        self._place = f" on {gpu}" if gpu else ""

    def run(self, resume_from: Checkpoint | None = None) -> TrainingResult:
        """Train from the beginning, or resume from a checkpoint."""
        worker = self._workers.worker
        hint = self._job.resume_command
        with self._moved_errors(), distributed.worker_errors(worker, hint=hint):
            with self._stopwatch.measure("data"):
                context = TrainingContext.create(
                    self._reviews,
                    progress=self._progress,
                    stopwatch=self._stopwatch,
                    workers=self._workers,
                )
            if worker.is_chief:
                return self._run_chief(context, resume_from)
            return self._run_other_worker(context, resume_from)

    def _run_chief(
        self, context: TrainingContext, resume_from: Checkpoint | None
    ) -> TrainingResult:
        """Train, log the run and save the model."""
        with checkpoint.open_writer(self._checkpoints) as writer:
            self._check_unfinished(resume_from)
            if resume_from:
                start = f"resuming {self._job.name} after epoch {resume_from.epoch}"
            else:
                start = f"training {self._job.name}"
            self._progress.note(start + self._place)
            with open_callback(self._job, context, self._paths) as callback:
                self._job = replace(self._job, run_id=callback.run_id)
                rounds = SelfTraining(replace(context, callback=callback))
                self._train(rounds, writer, resume_from)
            self._paths.check_place()
            writer.remove()
        return self._result(rounds, callback.run_id)

    def _run_other_worker(
        self, context: TrainingContext, resume_from: Checkpoint | None
    ) -> TrainingResult:
        """Train together with the chief, which logs and saves."""
        rounds = SelfTraining(context)
        if resume_from:
            rounds.restore(resume_from.state["rounds"], resume_from.arrays)
        rounds.run()
        return self._result(rounds, "")

    def _result(self, rounds: SelfTraining, run_id: str) -> TrainingResult:
        majority = majority_share(rounds.context.split.validation.labels)
        best = self._final or rounds.best.metrics
        return TrainingResult(self._folder, self._job.name, run_id, rounds.epochs, best, majority)

    def _check_unfinished(self, resume_from: Checkpoint | None) -> None:
        """Raise InputError if another process has finished while this one waited for the lock."""
        if resume_from is None:
            run_name.check_run_name(self._paths, self._job.name)
            return
        self._last_checkpoint = resume_from.epoch
        if not checkpoint.exists(self._checkpoints):
            raise InputError(
                f"{self._job.name} has nothing left to train: another process has finished it",
                hint=f"sentiment evaluate --model {shlex.quote(self._job.name)}",
            )

    def _train(
        self, rounds: SelfTraining, writer: CheckpointWriter, resume_from: Checkpoint | None
    ) -> None:
        """Train and save the best epoch; if that is interrupted, save the best one so far."""
        try:
            if resume_from:
                rounds.restore(resume_from.state["rounds"], resume_from.arrays)
            rounds.run(lambda: self._write_checkpoint(rounds, writer))
            self._save(rounds)
        except BaseException as error:
            # Whatever has failed may have failed because the project is not there any more.
            self._paths.check_place()
            if isinstance(error, DivergedError):
                writer.remove()  # resumed, it would diverge again
            elif self._last_checkpoint:
                command = self._job.resume_command
                self._progress.note(f"to resume after epoch {self._last_checkpoint}: {command}")
            # Not if saving itself was interrupted, nor after a second Ctrl-C.
            if rounds.rounds and not self._saving and not interrupts.is_second_interrupt(error):
                self._save(rounds, is_finished=False)
                best = self._final or rounds.best.metrics
                what = "merged from the networks" if best.is_merged else f"epoch {best.epoch}"
                self._progress.note(f"{what}, the best so far, is saved in {self._folder}")
            raise

    @contextmanager
    def _moved_errors(self) -> Iterator[None]:
        """Raise MovedError, with how to go on, if the body fails since the project was moved."""
        try:
            yield
        except Exception:
            self._paths.check_place(
                self._job.resume_command if self._last_checkpoint else "sentiment train"
            )
            raise

    def _write_checkpoint(self, rounds: SelfTraining, writer: CheckpointWriter) -> None:
        with self._stopwatch.measure("checkpoint"):
            self._paths.check_place()
            state, arrays = rounds.state()
            epoch = len(rounds.epochs)
            writer.write(epoch, {"job": self._job.as_json(), "rounds": state}, arrays)
            self._last_checkpoint = epoch

    def _save(self, rounds: SelfTraining, *, is_finished: bool = True) -> None:
        """Save the network that training ended with as the model.

        The run has no merged network if training was interrupted: it is another one at the end.
        """
        self._saving = True
        context = rounds.context
        with self._stopwatch.measure("merging"):
            model, best = rounds.final()
        labels, weights = context.split.validation.labels, context.split.validation.weights
        self._paths.check_place()
        with self._stopwatch.measure("saving"):
            saved = bundle.write(
                self._folder,
                tokenizer=context.reviews.tokenizer,
                embedding=best.embedding,
                weights=best.weights,
                manifest=replace(
                    self._job.manifest().with_model(model),
                    temperature=best.temperature(labels, weights),
                    metrics=epoch_metrics(best.metrics),
                ),
            )
        self._final = best.metrics
        # Here and below reviews are read after saving: if the data is gone by now, the model is
        # saved all the same.
        with self._stopwatch.measure("neutral band"):
            saved = self._add_band(saved, context)
        if best.metrics.is_merged:
            self._report_merged(model, best.metrics)
        if best.metrics.is_merged and is_finished:
            band = saved.manifest.neutral_band
            state = ModelState(model, best.embedding, best.weights, saved.temperature, band)
            context.callback.on_epoch_end(best.metrics, lambda: state)
        reviews = self._reviews.data.split("train")
        rows = context.split.validation_rows[best.worst_mistakes(labels, _MISTAKES)]
        mistakes = [(reviews.text(row), int(reviews.labels[row])) for row in rows]
        context.callback.on_train_end(saved, best.metrics, mistakes)

    def _report_merged(self, model: ModelSettings, metrics: EpochMetrics) -> None:
        self._progress.note(
            f"merged into one network of {count_of(model.units, 'unit')}: "
            f"validation loss {metrics.validation_loss:.4f} "
            f"accuracy {100 * metrics.validation_accuracy:.1f} %"
        )

    def _add_band(self, saved: Bundle, context: TrainingContext) -> Bundle:
        """Return the saved model with the band in which a short text is neutral, if it has one."""
        reviews = self._reviews.data.split("train")
        rows = context.split.validation_rows
        texts = ((reviews.text(row), int(reviews.labels[row])) for row in rows)
        return bundle.update_manifest(saved, neutral_band=measure_band(Classifier(saved), texts))
