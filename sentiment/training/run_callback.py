"""Open the run of a training, and the callback that logs to it."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sentiment.config import SnapshotSchedule, flatten_settings
from sentiment.data.prepared import PreparedDataset
from sentiment.inspection.probes import choose_probes
from sentiment.recipe import train_command, without_digest
from sentiment.tracking import store, tags
from sentiment.tracking.offline import tracker
from sentiment.tracking.run import Dataset
from sentiment.tracking.system_metrics import SystemMetrics
from sentiment.training.callbacks import Callback, TrackingCallback
from sentiment.training.context import TrainingContext
from sentiment.training.job import TrainingJob
from sentiment.utils.paths import ProjectPaths


@contextmanager
def open_callback(
    job: TrainingJob, context: TrainingContext, paths: ProjectPaths
) -> Iterator[Callback]:
    """Yield a callback that logs to the run; one that does nothing if there is no run."""
    if not job.track:
        yield Callback()
        return
    start = _run_start(job, context.reviews.data)
    with tracker.track_run(paths, start, context.progress.note) as run:
        if run is None:
            yield Callback()
            return
        yield TrackingCallback(
            run,
            tokenizer=context.reviews.tokenizer,
            probes=choose_probes(
                context.reviews.data.split("train"),
                context.split.validation_rows,
                job.model.longest_review,
            ),
            manifest=replace(job, run_id=run.id).manifest(),
            schedule=SnapshotSchedule.parse(job.snapshots),
            stopwatch=context.stopwatch,
            recipe=job.recipe,
            system_metrics=SystemMetrics() if job.system_metrics else None,
        )


def _run_start(job: TrainingJob, data: PreparedDataset) -> tracker.RunStart:
    """Return the name, parameters and data set of the run of `job`; its id if it is resumed."""
    source = {"dataset": job.dataset, "folder": job.folder}
    reviews = Dataset(job.folder, "training", job.digests["train"], source)
    parameters = {"recipe": job.recipe} | flatten_settings(job.settings)
    for name, split in data.splits.items():
        if (share := split.positive_share) is not None:
            parameters[f"{name}_positive_share"] = round(share, 4)
    if job.workers > 1:
        parameters["workers"] = job.workers
    return tracker.RunStart(
        job.experiment, job.name, parameters, [reviews], _tags(job), resume_id=job.run_id
    )


def _tags(job: TrainingJob) -> dict[str, str]:
    """Return tags by which a person finds the run."""
    return {
        "recipe": job.recipe,
        "dataset": without_digest(job.dataset),
        "readout": job.model.readout,
        "cell": job.model.cell,
        "units": str(job.model.units),
        "seed": str(job.train.seed),
        tags.COMMAND: _command(job),
    }


def _command(job: TrainingJob) -> str:
    """Return the command that repeats the training."""
    options = [train_command(job.recipe, flatten_settings(job.settings))]
    if job.experiment != store.EXPERIMENT:
        options.append(f"--experiment {shlex.quote(job.experiment)}")
    if job.snapshots != "epoch":
        options.append(f"--snapshots {job.snapshots}")
    if not job.system_metrics:
        options.append("--no-system-metrics")
    if job.workers > 1:
        options.append(f"--workers {job.workers}")
    return " ".join(options)
