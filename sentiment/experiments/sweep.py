"""Stage: a recipe and a search space in, many trainings, and the best of their settings out.

Knows the order of the work: ask a study for settings, have them tried, keep what came of it. What
is measured is the loss on the validation reviews; the test reviews are not read.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from sentiment import recipe as recipes
from sentiment.config import flatten_settings
from sentiment.data.prepare import prepare
from sentiment.experiments import study as studies
from sentiment.experiments.search_space import Value
from sentiment.experiments.study import COMPLETE, FAILED, PRUNED, Study, Trial
from sentiment.experiments.sweep_plan import SweepPlan
from sentiment.experiments.trial_pool import TrialMessage, TrialPool
from sentiment.recipe import Recipe
from sentiment.spark import session
from sentiment.tracking import run as runs
from sentiment.tracking import spark_study, sweep_run
from sentiment.tracking.sweep_run import MlflowSweepLogger, SweepLogger
from sentiment.utils.locks import file_lock
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import EpochMetrics, Progress


@dataclass(frozen=True)
class SweepResult:
    """What a sweep has come to.

    best: None where no trial has ended; importances: how much each setting matters, as shares of 1.
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
    """Run the trials of `plan` that are left, `jobs` at a time; write the best recipe.

    minutes: after which no trial begins any more. Interrupted, it can be called again: what was
    under way is tried anew. Raises InputError where another process runs this sweep.
    """
    progress = progress or Progress()
    with file_lock(plan.folder / ".lock", f"running the sweep {plan.name}"):
        # Before the processes begin, so that they find the reviews and need not wait for another.
        prepare(plan.recipe.prepare, paths, progress=progress)
        study = studies.open_study(plan.journal, plan.space, plan.seed)
        with _ledger(paths, plan, progress) as kept:
            plan = plan.begun(kept.run_id)
            try:
                _Sweep(plan, study, kept, progress).run(paths, jobs, minutes)
            finally:
                swept = SweepResult(plan, study.trials(), study.best(), study.importances())
                _conclude(swept, study, kept)
    return swept


def sweep_on_spark(
    plan: SweepPlan,
    paths: ProjectPaths,
    master: str,
    *,
    jobs: int = 1,
    minutes: float | None = None,
    progress: Progress | None = None,
) -> SweepResult:
    """Run the trials of `plan` that are left on the executors of a Spark cluster, as `sweep` does.

    This package is installed there, and the tracking store, which keeps the study too, in reach.
    """
    progress = progress or Progress()
    with file_lock(plan.folder / ".lock", f"running the sweep {plan.name}"):
        prepare(plan.recipe.prepare, paths, progress=progress)
        with session.spark_session(master, ship=False):
            found = spark_study.study(
                paths, plan.experiment, plan.name,
                studies.sampler(plan.seed, lie=False), studies.pruner(),
            )  # fmt: skip
            run, study = spark_study.run(paths, found, plan.name), Study(found, plan.space)
            with runs.end_after(run):
                _try_on_spark(found, study, _Training(plan, paths), jobs, minutes)
                swept = SweepResult(plan, study.trials(), study.best(), study.importances())
                kept = MlflowSweepLogger(run, plan.experiment, paths, progress.note)
                _conclude(swept, study, kept)
    return swept


@dataclass(frozen=True)
class _Training:
    """What an executor does with settings."""

    plan: SweepPlan
    paths: ProjectPaths

    def __call__(
        self, values: dict[str, Value], hopeless: Callable[[EpochMetrics], bool]
    ) -> float | None:
        from sentiment.experiments import trial as trials  # which imports TensorFlow

        recipe = self.plan.space.apply(self.plan.recipe, values)
        return trials.train(recipe, self.paths, hopeless)


def _try_on_spark(
    found: Any, study: Study, training: _Training, jobs: int, minutes: float | None
) -> None:
    plan, until = training.plan, _until(minutes)
    spark_study.end_lost(found)
    if not study.trials() and not study.waiting and (own := plan.space.values(plan.recipe)):
        study.first(own)
    left = plan.trials - sum(t.state in (COMPLETE, PRUNED) for t in study.trials())
    # By one executor alone: two would both take what waits in a tracking store.
    alone = min(study.waiting, left)
    tried = studies.objective(plan.space, training)
    for trials, at_once in ((alone, 1), (left - alone, jobs)):
        spark_study.optimize(found, tried, trials=trials, jobs=at_once, until=until)
    spark_study.end_lost(found)


def _until(minutes: float | None) -> float:
    """Return the time, as time.monotonic counts it, from which no trial begins."""
    return time.monotonic() + 60 * minutes if minutes is not None else math.inf


@contextmanager
def _ledger(paths: ProjectPaths, plan: SweepPlan, progress: Progress) -> Iterator[SweepLogger]:
    """Give the ledger of a sweep, or where nothing is tracked one that keeps nothing."""
    if not plan.track:
        yield SweepLogger()
        return
    tried = {name: str(domain) for (_, name), domain in plan.space.settings.items()}
    with sweep_run.open_sweep_logger(
        paths,
        experiment=plan.experiment,
        name=plan.name,
        settings=_settings(plan.recipe) | {"recipe": plan.recipe.name} | tried,
        again=plan.run_id,
        say=progress.note,
    ) as kept:
        yield kept


def _settings(recipe: Recipe) -> dict[str, Any]:
    return flatten_settings({table: asdict(getattr(recipe, table)) for table in recipes.TABLES})


class _Sweep:
    """A sweep under way."""

    def __init__(self, plan: SweepPlan, study: Study, kept: SweepLogger, progress: Progress):
        self._plan, self._study, self._kept, self._progress = plan, study, kept, progress
        self._reports: dict[int, list[EpochMetrics]] = {}
        self._values: dict[int, dict[str, Value]] = {}

    def run(self, paths: ProjectPaths, jobs: int, minutes: float | None) -> None:
        """Run trials until there are enough, or the time is over."""
        for number in self._study.running():  # of a process that is no more
            self._lose(number)
        if not self._study.trials() and (own := self._plan.space.values(self._plan.recipe)):
            self._study.first(own)
        until = _until(minutes)
        with closing(TrialPool(jobs, paths)) as pool:
            while True:
                while (
                    pool.free
                    and time.monotonic() < until
                    and self._study.wants_more(self._plan.trials)
                ):
                    self._begin(pool)
                if not pool.running:
                    return
                for number, told in pool.told():
                    self._hear(pool, number, told)

    def _begin(self, pool: TrialPool) -> None:
        trial = self._study.ask()
        self._reports[trial.number], self._values[trial.number] = [], trial.values
        self._kept.begin(trial.number, trial.values)
        pool.start(trial.number, self._plan.space.apply(self._plan.recipe, trial.values))

    def _hear(self, pool: TrialPool, number: int, told: TrialMessage) -> None:
        if told.report:
            self._reports[number].append(told.report)
            self._kept.epoch(number, told.report)
            stop = self._study.report(number, told.report.epoch, told.report.validation_loss)
            pool.answer(number, stop)
        elif told.lost:
            self._lose(number)
        else:
            self._end(number, told)

    def _lose(self, number: int) -> None:
        """Have a trial whose process has ended tried again."""
        again = self._study.give_back(number)
        self._kept.end(number, "KILLED", failure="its process has ended")
        then = "its settings are tried again" if again else "not tried again: it was the second"
        self._progress.note(f"trial {number}: its process has ended; {then}")

    def _end(self, number: int, told: TrialMessage) -> None:
        reports = self._reports.pop(number)
        if told.failure:
            self._study.tell(number, FAILED)
            self._kept.end(number, "FAILED", failure=told.failure)
            self._progress.note(f"trial {number} failed: {told.failure}")
            return
        state = PRUNED if told.loss is None else COMPLETE
        self._study.tell(number, state, told.loss)
        lowest = min(reports, key=lambda report: report.validation_loss)
        tags = {"pruned": f"after epoch {len(reports)}"} if state == PRUNED else {}
        self._kept.end(number, "FINISHED", lowest, **tags)
        self._tell(number, state, lowest)

    def _tell(self, number: int, state: str, lowest: EpochMetrics) -> None:
        best = self._study.best()
        note = ", stopped early" if state == PRUNED else ""
        if best and best.number == number:
            note = ", the best so far"
        values = self._values.pop(number)
        self._progress.note(
            f"trial {number}: validation loss {lowest.validation_loss:.4f}, accuracy "
            f"{lowest.validation_accuracy:.2%}{note}  {_listed(values)}"
        )


def _listed(values: dict) -> str:
    return "  ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
    )


def _conclude(swept: SweepResult, study: Study, kept: SweepLogger) -> None:
    """Write the best settings as a recipe, and keep it and the pictures in the run."""
    if swept.best is None:
        return
    plan = swept.plan
    best = replace(plan.space.apply(plan.recipe, swept.best.values), name=plan.name)
    head = (
        f"# The best of {len(swept.trials)} trials of the sweep {plan.name}, number "
        f"{swept.best.number}: validation loss {swept.best.loss:.4f}.\n\n"
    )
    plan.best.write_text(head + recipes.to_toml(best), "utf-8")
    loss = {"validation/lowest_loss": swept.best.loss or 0.0}
    shares = {f"importance/{name}": share for name, share in swept.importances.items()}
    kept.conclude(swept.best.number, plan.best, loss | shares, study.pictures())
