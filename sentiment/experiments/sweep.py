"""Run a sweep: train with many settings, and write the best ones as a recipe.

The best settings are those with the lowest loss on the validation reviews; the test reviews are not
read.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from sentiment.config import flatten_settings
from sentiment.data.prepare import prepare
from sentiment.data.trainable import check_dataset
from sentiment.experiments.local_trials import LocalTrials
from sentiment.experiments.spark_trials import run_on_spark
from sentiment.experiments.study import Study, Trial, next_seed, open_study, pruner, sampler
from sentiment.experiments.sweep_plan import SweepPlan
from sentiment.recipe import TABLES, to_toml
from sentiment.spark.session import spark_session
from sentiment.tracking import run, spark_study
from sentiment.tracking.sweep_run import MlflowSweepLogger, SweepLogger, open_sweep_logger
from sentiment.utils import files
from sentiment.utils.locks import file_lock
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress


@dataclass(frozen=True)
class SweepResult:
    """The trials of a sweep.

    best: None if no trial is complete; importances: of the settings, as shares of 1.
    """

    plan: SweepPlan
    trials: list[Trial]
    best: Trial | None
    importances: dict[str, float]


def sweep(
    plan: SweepPlan,
    paths: ProjectPaths,
    *,
    jobs: int = 1,
    minutes: float | None = None,
    progress: Progress | None = None,
) -> SweepResult:
    """Run the remaining trials of `plan`, `jobs` at a time, and write the best recipe.

    No trial starts after `minutes`. A sweep that was interrupted can be run again: trials that were
    running then are retried. Raises LockedError if another process runs this sweep.
    """
    progress = progress or Progress()
    with _prepared(plan, paths, progress):
        study = open_study(plan.journal, plan.space, plan.seed)
        with _open_logger(plan, paths, progress) as logger:
            plan = plan.with_run(logger.run_id)
            trials = LocalTrials(plan, study, logger, progress)
            try:
                trials.end_lost()
                _enqueue_recipe(plan, study)
                trials.run(paths, jobs, _deadline(minutes))
            finally:
                result = _conclude(plan, study, logger)
    return result


def sweep_on_spark(
    plan: SweepPlan,
    paths: ProjectPaths,
    master: str,
    *,
    jobs: int = 1,
    minutes: float | None = None,
    progress: Progress | None = None,
) -> SweepResult:
    """Run the remaining trials of `plan` on the executors of a Spark cluster, as `sweep` does.

    The executors need this package installed, and access to the tracking store, which has the
    study too.
    """
    progress = progress or Progress()
    with _prepared(plan, paths, progress), spark_session(master, ship=False):
        optuna_study = spark_study.study(
            paths, plan.experiment, plan.name,
            sampler(plan.seed, constant_liar=False), pruner(),
        )  # fmt: skip
        seed = next_seed(optuna_study, plan.seed)
        optuna_study.sampler = sampler(seed, constant_liar=False)
        study = Study(optuna_study, plan.space)
        parent = spark_study.run(paths, optuna_study, plan.name)
        with run.end_after(parent):
            deadline = _deadline(minutes)
            spark_study.end_lost(optuna_study)
            if not study.waiting:  # else an earlier process has done so
                _enqueue_recipe(plan, study)
            run_on_spark(plan, paths, optuna_study, study, jobs=jobs, deadline=deadline)
            logger = MlflowSweepLogger(parent, plan.experiment, paths, progress.note)
            return _conclude(plan, study, logger)


@contextmanager
def _prepared(plan: SweepPlan, paths: ProjectPaths, progress: Progress) -> Iterator[None]:
    """Hold the sweep's lock, with the data prepared, so that no trial has to prepare it."""
    with file_lock(plan.folder / ".lock", f"running the sweep {plan.name}"):
        data, _ = prepare(plan.recipe.prepare, paths, progress=progress)
        check_dataset(data)
        yield


def _deadline(minutes: float | None) -> float:
    """Return the time after which no trial starts, by the clock of time.monotonic."""
    return time.monotonic() + 60 * minutes if minutes is not None else math.inf


@contextmanager
def _open_logger(plan: SweepPlan, paths: ProjectPaths, progress: Progress) -> Iterator[SweepLogger]:
    """Give the logger of a sweep; it logs nothing if the sweep is not tracked."""
    if not plan.track:
        yield SweepLogger()
        return
    fixed = flatten_settings({table: asdict(getattr(plan.recipe, table)) for table in TABLES})
    tried = {name: str(domain) for (_, name), domain in plan.space.settings.items()}
    with open_sweep_logger(
        paths,
        experiment=plan.experiment,
        name=plan.name,
        settings=fixed | {"recipe": plan.recipe.name} | tried,
        again=plan.run_id,
        say=progress.note,
    ) as logger:
        yield logger


def _enqueue_recipe(plan: SweepPlan, study: Study) -> None:
    """Make the recipe's own settings those of the first trial, if they are in the search space."""
    if not study.trials() and (values := plan.space.values_of(plan.recipe)):
        study.enqueue(values)


def _conclude(plan: SweepPlan, study: Study, logger: SweepLogger) -> SweepResult:
    """Return the result; if a trial is complete, write the best recipe and log it with images."""
    result = SweepResult(plan, study.trials(), study.best(), study.importances())
    best = result.best
    if best is None:
        return result
    recipe = replace(plan.space.apply(plan.recipe, best.values), name=plan.name)
    comment = (
        f"# The best of {len(result.trials)} trials of the sweep {plan.name}, number "
        f"{best.number}: validation loss {best.loss:.4f}.\n\n"
    )
    files.write_text(plan.best, comment + to_toml(recipe))
    metrics = {"validation/lowest_loss": best.loss or 0.0}
    metrics |= {f"importance/{name}": share for name, share in result.importances.items()}
    logger.conclude(best.number, plan.best, metrics, study.images())
    return result
