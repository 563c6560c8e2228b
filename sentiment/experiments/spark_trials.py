"""Run the trials of a sweep on the executors of a Spark cluster."""

from dataclasses import dataclass
from typing import Any

from sentiment.experiments.search_space import Value
from sentiment.experiments.study import COMPLETE, PRUNED, Prune, Study, objective
from sentiment.experiments.sweep_plan import SweepPlan

# Executors import this module with `_Training`, and so the change that spark_study makes to MLflow.
from sentiment.tracking import spark_study
from sentiment.utils.paths import ProjectPaths


@dataclass(frozen=True)
class _Training:
    """The training of one trial, as an executor runs it."""

    plan: SweepPlan
    paths: ProjectPaths

    def __call__(self, values: dict[str, Value], should_prune: Prune) -> float | None:
        from sentiment.experiments.trial import train  # here, as it imports TensorFlow

        recipe = self.plan.trial_recipe(values)
        return train(recipe, self.paths, should_prune)


def run_on_spark(
    plan: SweepPlan,
    paths: ProjectPaths,
    optuna_study: Any,
    study: Study,
    *,
    jobs: int,
    deadline: float,
) -> None:
    """Run the remaining trials of `plan`, `jobs` at a time; none starts after `deadline`.

    optuna_study: the study as `spark_study.study` returns it; study: the same, wrapped.
    """
    finished = sum(trial.state in (COMPLETE, PRUNED) for trial in study.trials())
    remaining = plan.trials - finished
    # One executor alone runs the waiting trials: of a tracking store, two would take the same one.
    waiting = min(study.waiting, remaining)
    run_trial = objective(plan.space, _Training(plan, paths))
    for trials, at_once in ((waiting, 1), (remaining - waiting, jobs)):
        spark_study.optimize(optuna_study, run_trial, trials=trials, jobs=at_once, until=deadline)
    spark_study.end_lost(optuna_study)
