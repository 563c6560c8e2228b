"""An Optuna study that lives in the tracking store and runs its trials on Spark executors."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from sentiment.errors import UnavailableError
from sentiment.tracking import store
from sentiment.tracking.run import MlflowRun
from sentiment.utils import environment
from sentiment.utils.credentials import mask
from sentiment.utils.paths import ProjectPaths

with environment.suppress_stderr():
    from mlflow.exceptions import ExecutionException
    from mlflow.optuna.storage import MlflowStorage

_READ_ATTEMPTS, _READ_PAUSE = 50, 0.1  # seconds between two attempts


def _retry_incomplete(read: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """Return `read`, which reads a trial, with a wait until the trial is complete."""

    @wraps(read)
    def get_trial(self: Any, trial_id: str) -> Any:
        for _ in range(_READ_ATTEMPTS):
            with suppress(KeyError):
                return read(self, trial_id)
            time.sleep(_READ_PAUSE)
        return read(self, trial_id)

    return get_trial


# MLflow 3.17 writes the value of a setting before its range, and every executor reads all trials.
# Executors import this module with the objective, before they open the study.
MlflowStorage.get_trial = _retry_incomplete(MlflowStorage.get_trial)


def study(paths: ProjectPaths, experiment: str, name: str, sampler: Any, pruner: Any) -> Any:
    """Return the study `name`, created if it is missing, in the active Spark session.

    The study is a run with a nested run for each trial. Raises UnavailableError if the store can't
    be used.
    """
    experiment_id = store.open_experiment(paths, experiment)
    with store.store_errors(paths):
        from mlflow.pyspark.optuna.study import MlflowSparkStudy

        storage = MlflowStorage(experiment_id=experiment_id)
        return MlflowSparkStudy(name, storage, sampler, pruner, store.tracking_uri(paths))


def run(paths: ProjectPaths, study: Any, name: str) -> MlflowRun:
    """Return the run of a study."""
    return MlflowRun(study._study_id, name, paths)


def optimize(
    study: Any, objective: Callable[[Any], float], *, trials: int, jobs: int, until: float
) -> None:
    """Run `trials` more trials, `jobs` at a time; none starts after `until` (time.monotonic).

    Spark repeats all trials of an executor that is lost. Raises UnavailableError if a trial fails
    for another reason than its settings.
    """
    if not trials:
        return
    # The study ends its run after each call.
    study.mlflow_client.update_run(study._study_id, status="RUNNING")
    timeout = None if until == math.inf else max(0, until - time.monotonic())
    try:
        with environment.suppress_stderr():
            study.optimize(objective, n_trials=trials, timeout=timeout, n_jobs=jobs)
    except ExecutionException as error:
        last_line = (mask(str(error)).strip().splitlines() or [""])[-1]
        raise UnavailableError(
            f"a trial failed on an executor: {last_line}",
            hint=f"sentiment sweep --resume {study.study_name} --master URL, once that is fixed",
        ) from error


def end_lost(study: Any) -> None:
    """Mark trials that no executor runs any more as failed."""
    for trial in study.get_trials(deepcopy=False):
        if trial.state.name == "RUNNING":
            study.mlflow_client.set_terminated(trial._trial_id, "FAILED")
