"""Run the trials of a sweep in processes of this machine."""

import time
from contextlib import closing
from dataclasses import dataclass, field

from sentiment.experiments.search_space import Value
from sentiment.experiments.study import COMPLETE, FAILED, PRUNED, Study
from sentiment.experiments.sweep_plan import SweepPlan
from sentiment.experiments.trial_pool import TrialMessage, TrialPool
from sentiment.tracking.sweep_run import SweepLogger
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import EpochMetrics, Progress

_LOST = "its process has ended"


@dataclass(frozen=True)
class _RunningTrial:
    """The settings of a running trial, and its epochs so far."""

    values: dict[str, Value]
    epochs: list[EpochMetrics] = field(default_factory=list)


class LocalTrials:
    """Starts trials, and passes their results to the study, the logger and the progress."""

    def __init__(self, plan: SweepPlan, study: Study, logger: SweepLogger, progress: Progress):
        self._plan, self._study, self._logger, self._progress = plan, study, logger, progress
        self._running: dict[int, _RunningTrial] = {}

    def end_lost(self) -> None:
        """End the trials of an earlier process; their settings are retried."""
        for number in self._study.running():
            self._handle_lost(number, _LOST)

    def run(self, paths: ProjectPaths, jobs: int, deadline: float) -> None:
        """Run trials, `jobs` at a time, until there are enough; none starts after `deadline`."""
        with closing(TrialPool(jobs, paths)) as pool:
            while True:
                while (
                    pool.has_idle_worker
                    and time.monotonic() < deadline
                    and self._study.needs_trial(self._plan.trials)
                ):
                    self._start(pool)
                if not pool.running:
                    return
                for number, message in pool.messages():
                    self._handle(pool, number, message)

    def _start(self, pool: TrialPool) -> None:
        trial = self._study.ask()
        if trial.same_as is not None:
            self._progress.note(
                f"trial {trial.number} repeats the settings of trial {trial.same_as}: no others "
                "were found in the search space"
            )
        self._running[trial.number] = _RunningTrial(trial.values)
        self._logger.begin(trial.number, trial.values)
        pool.start(trial.number, self._plan.trial_recipe(trial.values))

    def _handle(self, pool: TrialPool, number: int, message: TrialMessage) -> None:
        if message.epoch is not None:
            self._handle_epoch(pool, number, message.epoch)
        elif message.lost:
            self._handle_lost(number, message.lost)
        elif message.failure:
            self._handle_failure(number, message.failure)
        else:
            self._handle_end(number, message.loss)

    def _handle_epoch(self, pool: TrialPool, number: int, metrics: EpochMetrics) -> None:
        self._running[number].epochs.append(metrics)
        self._logger.epoch(number, metrics)
        prune = self._study.report(number, metrics.epoch, metrics.validation_loss)
        pool.answer(number, prune=prune)

    def _handle_lost(self, number: int, reason: str) -> None:
        """End a trial whose process has ended, and retry its settings once."""
        self._running.pop(number, None)
        retried = self._study.retry_lost(number)
        self._logger.end(number, "KILLED", failure=reason)
        result = "its settings will be retried" if retried else "this was its second attempt"
        self._progress.note(f"trial {number}: {reason}; {result}")

    def _handle_failure(self, number: int, failure: str) -> None:
        del self._running[number]
        self._study.tell(number, FAILED)
        self._logger.end(number, "FAILED", failure=failure)
        self._progress.note(f"trial {number} failed: {failure}")

    def _handle_end(self, number: int, loss: float | None) -> None:
        """End a trial that is complete, or pruned if `loss` is None."""
        trial = self._running.pop(number)
        state = PRUNED if loss is None else COMPLETE
        self._study.tell(number, state, loss)
        lowest = min(trial.epochs, key=lambda metrics: metrics.validation_loss)
        tags = {"pruned": f"after epoch {len(trial.epochs)}"} if state == PRUNED else {}
        self._logger.end(number, "FINISHED", lowest, **tags)
        self._progress.note(
            f"trial {number}: validation loss {lowest.validation_loss:.4f}, accuracy "
            f"{lowest.validation_accuracy:.2%}{self._remark(number, state)}  "
            f"{_format_values(trial.values)}"
        )

    def _remark(self, number: int, state: str) -> str:
        best = self._study.best()
        if best and best.number == number:
            return ", the best so far"
        return ", stopped early" if state == PRUNED else ""


def _format_values(values: dict[str, Value]) -> str:
    return "  ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
    )
