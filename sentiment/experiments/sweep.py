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
from sentiment.config import merged
from sentiment.data.prepare import prepare
from sentiment.experiments import study as studies
from sentiment.experiments.search_space import Value
from sentiment.experiments.study import COMPLETE, FAILED, PRUNED, Study, Trial
from sentiment.experiments.sweep_plan import Plan
from sentiment.experiments.trial_pool import Pool, Told
from sentiment.recipe import Recipe
from sentiment.spark import session
from sentiment.tracking import run as runs
from sentiment.tracking import spark_study as cluster_study
from sentiment.tracking import sweep_run as ledger
from sentiment.tracking.sweep_run import Ledger, RunLedger
from sentiment.utils.locks import held
from sentiment.utils.paths import Folders
from sentiment.utils.progress import EpochReport, Watcher


@dataclass(frozen=True)
class Swept:
    """What a sweep has come to.

    best: None where no trial has ended; importances: how much each setting matters, as shares of 1.
    """

    plan: Plan
    trials: list[Trial]
    best: Trial | None
    importances: dict[str, float]


def sweep(
    plan: Plan,
    folders: Folders,
    *,
    jobs: int = 1,
    minutes: float | None = None,
    watcher: Watcher | None = None,
) -> Swept:
    """Run the trials of `plan` that are left, `jobs` at a time; write the best recipe.

    minutes: after which no trial begins any more. Interrupted, it can be called again: what was
    under way is tried anew. Raises InputError where another process runs this sweep.
    """
    watcher = watcher or Watcher()
    with held(plan.folder / ".lock", f"the sweep {plan.name}"):
        # Before the processes begin, so that they find the reviews and need not wait for another.
        prepare(plan.recipe.prepare, folders, watcher=watcher)
        study = studies.in_file(plan.journal, plan.space, plan.seed)
        with _ledger(folders, plan, watcher) as kept:
            plan = plan.begun(kept.run_id)
            try:
                _Sweep(plan, study, kept, watcher).run(folders, jobs, minutes)
            finally:
                swept = Swept(plan, study.trials(), study.best(), study.importances())
                _conclude(swept, study, kept)
    return swept


def sweep_on_spark(
    plan: Plan,
    folders: Folders,
    master: str,
    *,
    jobs: int = 1,
    minutes: float | None = None,
    watcher: Watcher | None = None,
) -> Swept:
    """Run the trials of `plan` that are left on the executors of a Spark cluster, as `sweep` does.

    This package is installed there, and the tracking store, which keeps the study too, in reach.
    """
    watcher = watcher or Watcher()
    with held(plan.folder / ".lock", f"the sweep {plan.name}"):
        prepare(plan.recipe.prepare, folders, watcher=watcher)
        with session.session(master, ship=False):
            found = cluster_study.study(
                folders, plan.experiment, plan.name,
                studies.sampler(plan.seed, lie=False), studies.pruner(),
            )  # fmt: skip
            run, study = cluster_study.run(folders, found, plan.name), Study(found, plan.space)
            with runs.ending(run):
                _try_on_spark(found, study, _Training(plan, folders), jobs, minutes)
                swept = Swept(plan, study.trials(), study.best(), study.importances())
                kept = RunLedger(run, plan.experiment, folders, watcher.note)
                _conclude(swept, study, kept)
    return swept


@dataclass(frozen=True)
class _Training:
    """What an executor does with settings."""

    plan: Plan
    folders: Folders

    def __call__(
        self, values: dict[str, Value], hopeless: Callable[[EpochReport], bool]
    ) -> float | None:
        from sentiment.experiments import trial as trials  # which imports TensorFlow

        recipe = self.plan.space.apply(self.plan.recipe, values)
        return trials.train(recipe, self.folders, hopeless)


def _try_on_spark(
    found: Any, study: Study, training: _Training, jobs: int, minutes: float | None
) -> None:
    plan, until = training.plan, _until(minutes)
    cluster_study.end_lost(found)
    if not study.trials() and not study.waiting and (own := plan.space.values(plan.recipe)):
        study.first(own)
    left = plan.trials - sum(t.state in (COMPLETE, PRUNED) for t in study.trials())
    # By one executor alone: two would both take what waits in a tracking store.
    alone = min(study.waiting, left)
    tried = studies.objective(plan.space, training)
    for trials, at_once in ((alone, 1), (left - alone, jobs)):
        cluster_study.optimize(found, tried, trials=trials, jobs=at_once, until=until)
    cluster_study.end_lost(found)


def _until(minutes: float | None) -> float:
    """Return the time, as time.monotonic counts it, from which no trial begins."""
    return time.monotonic() + 60 * minutes if minutes is not None else math.inf


@contextmanager
def _ledger(folders: Folders, plan: Plan, watcher: Watcher) -> Iterator[Ledger]:
    """Give the ledger of a sweep, or where nothing is tracked one that keeps nothing."""
    if not plan.track:
        yield Ledger()
        return
    tried = {name: str(domain) for (_, name), domain in plan.space.settings.items()}
    with ledger.opened(
        folders,
        experiment=plan.experiment,
        name=plan.name,
        settings=_settings(plan.recipe) | {"recipe": plan.recipe.name} | tried,
        again=plan.run_id,
        say=watcher.note,
    ) as kept:
        yield kept


def _settings(recipe: Recipe) -> dict[str, Any]:
    return merged({table: asdict(getattr(recipe, table)) for table in recipes.TABLES})


class _Sweep:
    """A sweep under way."""

    def __init__(self, plan: Plan, study: Study, kept: Ledger, watcher: Watcher):
        self._plan, self._study, self._kept, self._watcher = plan, study, kept, watcher
        self._reports: dict[int, list[EpochReport]] = {}
        self._values: dict[int, dict[str, Value]] = {}

    def run(self, folders: Folders, jobs: int, minutes: float | None) -> None:
        """Run trials until there are enough, or the time is over."""
        for number in self._study.running():  # of a process that is no more
            self._lose(number)
        if not self._study.trials() and (own := self._plan.space.values(self._plan.recipe)):
            self._study.first(own)
        until = _until(minutes)
        with closing(Pool(jobs, folders)) as pool:
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

    def _begin(self, pool: Pool) -> None:
        trial = self._study.ask()
        self._reports[trial.number], self._values[trial.number] = [], trial.values
        self._kept.begin(trial.number, trial.values)
        pool.start(trial.number, self._plan.space.apply(self._plan.recipe, trial.values))

    def _hear(self, pool: Pool, number: int, told: Told) -> None:
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
        self._watcher.note(f"trial {number}: its process has ended; {then}")

    def _end(self, number: int, told: Told) -> None:
        reports = self._reports.pop(number)
        if told.failure:
            self._study.tell(number, FAILED)
            self._kept.end(number, "FAILED", failure=told.failure)
            self._watcher.note(f"trial {number} failed: {told.failure}")
            return
        state = PRUNED if told.loss is None else COMPLETE
        self._study.tell(number, state, told.loss)
        lowest = min(reports, key=lambda report: report.validation_loss)
        tags = {"pruned": f"after epoch {len(reports)}"} if state == PRUNED else {}
        self._kept.end(number, "FINISHED", lowest, **tags)
        self._tell(number, state, lowest)

    def _tell(self, number: int, state: str, lowest: EpochReport) -> None:
        best = self._study.best()
        note = ", stopped early" if state == PRUNED else ""
        if best and best.number == number:
            note = ", the best so far"
        values = self._values.pop(number)
        self._watcher.note(
            f"trial {number}: validation loss {lowest.validation_loss:.4f}, accuracy "
            f"{lowest.validation_accuracy:.2%}{note}  {_listed(values)}"
        )


def _listed(values: dict) -> str:
    return "  ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
    )


def _conclude(swept: Swept, study: Study, kept: Ledger) -> None:
    """Write the best settings as a recipe, and keep it and the pictures in the run."""
    if swept.best is None:
        return
    plan = swept.plan
    best = replace(plan.space.apply(plan.recipe, swept.best.values), name=plan.name)
    head = (
        f"# The best of {len(swept.trials)} trials of the sweep {plan.name}, number "
        f"{swept.best.number}: validation loss {swept.best.loss:.4f}.\n\n"
    )
    plan.best.write_text(head + recipes.as_text(best), "utf-8")
    loss = {"validation/lowest_loss": swept.best.loss or 0.0}
    shares = {f"importance/{name}": share for name, share in swept.importances.items()}
    kept.conclude(swept.best.number, plan.best, loss | shares, study.pictures())
