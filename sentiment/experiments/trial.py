"""One trial of a sweep: a training that is measured on its validation reviews and leaves no model.

Knows rounds of training; knows nothing of how settings are chosen or of where results are kept.
"""

from collections.abc import Callable

from sentiment.data.prepare import prepare
from sentiment.recipe import Recipe
from sentiment.training.context import TrainingContext
from sentiment.training.self_training import SelfTraining
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import EpochMetrics


class _PrunedError(Exception):
    """Nobody wants to know how this trial ends."""


def train(
    recipe: Recipe, paths: ProjectPaths, hopeless: Callable[[EpochMetrics], bool]
) -> float | None:
    """Train as `recipe` says, and return the lowest validation loss.

    `hopeless` is asked after each epoch, and ends the training where it says so; then there is
    no loss. Raises DivergedError.
    """
    data, _ = prepare(recipe.prepare, paths)
    rounds = SelfTraining(TrainingContext.create(data, recipe.model, recipe.train))

    def after() -> None:
        if hopeless(rounds.epochs[-1]):
            raise _PrunedError

    try:
        rounds.run(after)
    except _PrunedError:
        return None
    return rounds.best.metrics.validation_loss
