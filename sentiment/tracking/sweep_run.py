"""Log a sweep to MLflow: one run, and a nested run for each trial.

The sweep has its own file with all of it: a store that fails never stops a sweep.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.errors import UnavailableError
from sentiment.tracking import origin, process, store
from sentiment.tracking import run as runs
from sentiment.tracking.metric_names import epoch_metrics
from sentiment.tracking.run import MlflowRun
from sentiment.tracking.run_logger import Notify
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import EpochMetrics

_PARENT, _TRIAL = "mlflow.parentRunId", "trial"  # tags of a trial's run


class SweepLogger:
    """Hears of each step of a sweep; this one logs nothing."""

    run_id = ""

    def begin(self, trial: int, settings: dict[str, Any]) -> None:
        """Handle the start of a trial."""

    def epoch(self, trial: int, report: EpochMetrics) -> None:
        """Handle an epoch of a trial."""

    def end(self, trial: int, status: str, best: EpochMetrics | None = None, **tags: str) -> None:
        """Handle the end of a trial: MLflow's status, the best epoch, and tags for its run."""

    def conclude(
        self,
        trial: int,
        recipe: Path,
        metrics: dict[str, float],
        pictures: Iterable[tuple[str, np.ndarray]],
    ) -> None:
        """Handle the end of the sweep: the best trial, its recipe, metrics and images."""


class MlflowSweepLogger(SweepLogger):
    """Logs a sweep to `run` and to runs nested in it."""

    def __init__(self, run: MlflowRun, experiment: str, paths: ProjectPaths, say: Notify):
        self.run_id = run.id
        self._run, self._experiment, self._paths, self._say = run, experiment, paths, say
        self._client = store.connect(paths)
        self._trials = self._unfinished_trials()

    def _unfinished_trials(self) -> dict[int, MlflowRun]:
        """Return the runs of trials that an earlier process has left RUNNING, by trial."""
        experiment_id = self._client.get_run(self.run_id).info.experiment_id
        is_unfinished = f"tags.`{_PARENT}` = '{self.run_id}' and attributes.status = 'RUNNING'"
        found = self._client.search_runs([experiment_id], is_unfinished)
        return {
            int(run.data.tags[_TRIAL]): MlflowRun(run.info.run_id, run.info.run_name, self._paths)
            for run in found
            if run.data.tags.get(_TRIAL, "").isdecimal()
        }

    def begin(self, trial: int, settings: dict[str, Any]) -> None:
        """Start the run of a trial."""
        tags = process.process_tags() | {_PARENT: self.run_id, _TRIAL: str(trial)}
        with self._report_errors(trial):
            name = f"trial {trial} of {self._run.name}"
            run = runs.create_run(self._paths, self._experiment, name, tags)
            self._trials[trial] = run
            run.begin(settings, [])

    def epoch(self, trial: int, report: EpochMetrics) -> None:
        """Log an epoch of a trial."""
        with self._report_errors(trial):
            if trial in self._trials:
                self._trials[trial].log_metrics(epoch_metrics(report), report.epoch, None)

    def end(self, trial: int, status: str, best: EpochMetrics | None = None, **tags: str) -> None:
        """End the run of a trial, with its lowest loss at the front of its name."""
        with self._report_errors(trial):
            run = self._trials.pop(trial, None)
            if run is None:
                return
            for name, text in tags.items():
                run.set_tag(name, text)
            if best is not None:
                loss = best.validation_loss
                # At the front, as lists cut names at the end.
                self._client.update_run(run.id, name=f"{loss:.4f} {run.name}")
                self._run.log_metrics({"validation/lowest_loss_of_trial": loss}, trial, None)
            run.end(status)

    def conclude(
        self,
        trial: int,
        recipe: Path,
        metrics: dict[str, float],
        pictures: Iterable[tuple[str, np.ndarray]],
    ) -> None:
        """Log the best trial, its recipe, metrics and images to the run of the sweep."""
        with self._report_errors(trial):
            self._run.log_text(recipe.read_text("utf-8"), recipe.name)
            self._run.set_tag("best_trial", str(trial))
            self._run.log_metrics(metrics, 0, None)
            for key, pixels in pictures:
                self._run.log_image(pixels, key, 0)

    @contextmanager
    def _report_errors(self, trial: int) -> Iterator[None]:
        """Report an error of the store in the body, and go on."""
        try:
            with store.store_errors(self._paths):
                yield
        except UnavailableError as error:
            self._say(f"trial {trial} is not logged to MLflow: {error.fact}")


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
    """Give the logger of a sweep, in a new run called `name`, or in the run to resume.

    settings: the run's parameters; again: the id of the run to resume, or empty. Raises
    UnavailableError if the store can't be used now; `say` reports it if the store fails later.
    """
    if again:
        run = runs.resume_run(paths, again, name)
    else:
        run = runs.create_run(paths, experiment, name, origin.source_tags(paths, name))
        with store.store_errors(paths):
            run.begin(settings, [])
    with runs.end_after(run):
        yield MlflowSweepLogger(run, experiment, paths, say)
