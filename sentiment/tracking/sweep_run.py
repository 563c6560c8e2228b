"""What MLflow keeps of a sweep: a run, and nested in it one for each trial.

Knows MLflow's runs; knows nothing of how settings are chosen. The sweep's own file has all of it
too, so that a store that fails ends no sweep.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.errors import UnavailableError
from sentiment.tracking import process, store
from sentiment.tracking import run as runs
from sentiment.tracking.run import MlflowRun
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import EpochMetrics

_PARENT, _TRIAL = "mlflow.parentRunId", "trial"  # tags of a trial's run
Notify = Callable[[str], None]


class SweepLogger:
    """Keeps nothing."""

    run_id = ""

    def begin(self, trial: int, settings: dict[str, Any]) -> None:
        """Hear that a trial begins."""

    def epoch(self, trial: int, report: EpochMetrics) -> None:
        """Hear how an epoch of a trial went."""

    def end(self, trial: int, status: str, best: EpochMetrics | None = None, **tags: str) -> None:
        """Hear how a trial has ended, as a status of MLflow's, and its best epoch."""

    def conclude(
        self,
        trial: int,
        recipe: Path,
        metrics: dict[str, float],
        pictures: Iterable[tuple[str, np.ndarray]],
    ) -> None:
        """Hear which trial was the best, and what the sweep has come to."""


class MlflowSweepLogger(SweepLogger):
    """Keeps a sweep in the run `run` and those nested in it."""

    def __init__(self, run: MlflowRun, experiment: str, paths: ProjectPaths, say: Notify):
        self.run_id = run.id
        self._run, self._experiment, self._paths, self._say = run, experiment, paths, say
        self._client = store.connect(paths)
        self._runs = self._left()

    def _left(self) -> dict[int, MlflowRun]:
        """Return the runs of trials that a process before this one has left RUNNING."""
        number = self._client.get_run(self.run_id).info.experiment_id
        of_this = f"tags.`{_PARENT}` = '{self.run_id}' and attributes.status = 'RUNNING'"
        found = self._client.search_runs([number], of_this)
        return {
            int(run.data.tags[_TRIAL]): MlflowRun(run.info.run_id, run.info.run_name, self._paths)
            for run in found
        }

    def begin(self, trial: int, settings: dict[str, Any]) -> None:
        """Begin the run of a trial."""
        tags = process.process_tags() | {_PARENT: self.run_id, _TRIAL: str(trial)}
        with self._tried(trial):
            name = f"trial {trial} of {self._run.name}"
            made = runs.create_run(self._paths, self._experiment, name, tags)
            self._runs[trial] = made
            made.begin(settings, [])

    def epoch(self, trial: int, report: EpochMetrics) -> None:
        """Log an epoch of a trial."""
        with self._tried(trial):
            if trial in self._runs:
                self._runs[trial].metrics(report.metrics(), report.epoch, None)

    def end(self, trial: int, status: str, best: EpochMetrics | None = None, **tags: str) -> None:
        """End the run of a trial; its lowest loss goes to the head of its name."""
        with self._tried(trial):
            run = self._runs.pop(trial, None)
            if run is None:
                return
            for name, text in tags.items():
                run.tag(name, text)
            if best is not None:
                loss = best.validation_loss
                # Lists show no more of a name than its first letters.
                self._client.update_run(run.id, name=f"{loss:.4f} {run.name}")
                self._run.metrics({"validation/lowest_loss_of_trial": loss}, trial, None)
            run.end(status)

    def conclude(
        self,
        trial: int,
        recipe: Path,
        metrics: dict[str, float],
        pictures: Iterable[tuple[str, np.ndarray]],
    ) -> None:
        """Log the best recipe, `metrics` and pictures to the run of the sweep."""
        with self._tried(trial):
            self._run.text(recipe.read_text("utf-8"), recipe.name)
            self._run.tag("best_trial", str(trial))
            self._run.metrics(metrics, 0, None)
            for key, pixels in pictures:
                self._run.image(pixels, key, 0)

    @contextmanager
    def _tried(self, trial: int) -> Iterator[None]:
        """Do what goes to the store; where it fails, say so and go on without."""
        try:
            with store.store_errors(self._paths):
                yield
        except UnavailableError as error:
            self._say(f"trial {trial} is not kept in MLflow: {error.fact}")


@contextmanager
def open_sweep_logger(
    paths: ProjectPaths,
    *,
    experiment: str,
    name: str,
    settings: dict[str, Any],
    again: str,
    say: Notify,
) -> Iterator[SweepLogger]:
    """Give the ledger of a sweep in a run that is called `name`.

    settings: the run's parameters; again: the id of a run that goes on. Raises UnavailableError
    where the store can't be used now; where it fails later, `say` hears it.
    """
    if again:
        run = runs.resume_run(paths, again, name)
    else:
        run = runs.create_run(paths, experiment, name, runs.source_tags(paths, name))
        with store.store_errors(paths):
            run.begin(settings, [])
    with runs.end_after(run):
        yield MlflowSweepLogger(run, experiment, paths, say)
