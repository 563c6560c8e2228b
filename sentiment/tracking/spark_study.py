"""A study of Optuna's that lives in the tracking store, and whose trials run on Spark's executors.

Knows MLflow's study for Spark; knows nothing of what a trial is.
"""

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
from sentiment.utils.paths import ProjectPaths

with environment.suppress_stderr():
    from mlflow.exceptions import ExecutionException
    from mlflow.optuna.storage import MlflowStorage

_TRIES, _PAUSE = 50, 0.1  # seconds between two


def _patiently(read: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """Return `read`, which reads a trial, as one that waits until all of the trial is there."""

    @wraps(read)
    def get_trial(self: Any, trial_id: str) -> Any:
        for _ in range(_TRIES):
            with suppress(KeyError):
                return read(self, trial_id)
            time.sleep(_PAUSE)
        return read(self, trial_id)

    return get_trial


# MLflow 3.17 writes the value of a setting before its range, and all executors read all trials.
# They import this module with what they are to do, before they open the study.
MlflowStorage.get_trial = _patiently(MlflowStorage.get_trial)


def study(paths: ProjectPaths, experiment: str, name: str, sampler: Any, pruner: Any) -> Any:
    """Return the study called `name`, a new one where there is none, in the active Spark session.

    It is a run, and in it one for each trial. Raises UnavailableError where the store can't be
    used.
    """
    number = store.open_experiment(paths, experiment)
    with store.store_errors(paths):
        from mlflow.pyspark.optuna.study import MlflowSparkStudy

        storage = MlflowStorage(experiment_id=number)
        return MlflowSparkStudy(name, storage, sampler, pruner, store.tracking_uri(paths))


def run(paths: ProjectPaths, study: Any, name: str) -> MlflowRun:
    """Return the run that the study is."""
    return MlflowRun(study._study_id, name, paths)


def optimize(
    study: Any, objective: Callable[[Any], float], *, trials: int, jobs: int, until: float
) -> None:
    """Have `trials` more trials run, `jobs` at a time; none begins after the time `until`.

    Where an executor is lost, Spark has what it had to do done again, all of it. Raises
    UnavailableError where a trial fails for another reason than the settings it tries.
    """
    if not trials:
        return
    study.mlflow_client.update_run(
        study._study_id, status="RUNNING"
    )  # as it ends the run each time
    timeout = None if until == math.inf else max(0, until - time.monotonic())
    try:
        with environment.suppress_stderr():
            study.optimize(objective, n_trials=trials, timeout=timeout, n_jobs=jobs)
    except ExecutionException as error:
        last = (str(error).strip().splitlines() or [""])[-1]
        raise UnavailableError(
            f"a trial failed on an executor: {last}",
            hint=f"sentiment sweep --resume {study.study_name} --master URL, once that is mended",
        ) from error


def end_lost(study: Any) -> None:
    """End the trials that no executor runs any more as failed."""
    for trial in study.get_trials(deepcopy=False):
        if trial.state.name == "RUNNING":
            study.mlflow_client.set_terminated(trial._trial_id, "FAILED")
