"""Run one trial of a sweep: a training that returns its validation loss and saves no model."""

from collections.abc import Callable

from sentiment.data.prepare import prepare
from sentiment.recipe import Recipe
from sentiment.training.context import TrainingContext
from sentiment.training.reviews import TrainingReviews
from sentiment.training.self_training import SelfTraining
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import EpochMetrics


class _PrunedError(Exception):
    """The trial is pruned."""


def train(
    recipe: Recipe, paths: ProjectPaths, should_prune: Callable[[EpochMetrics], bool]
) -> float | None:
    """Train with the settings of `recipe`; return the lowest validation loss, None if pruned.

    The training ends if `should_prune`, called after each epoch, returns True. Raises
    DivergedError.
    """
    data, _ = prepare(recipe.prepare, paths)
    reviews = TrainingReviews(data, recipe.model, recipe.train)
    training = SelfTraining(TrainingContext.create(reviews))

    def after_epoch() -> None:
        if should_prune(training.epochs[-1]):
            raise _PrunedError

    try:
        training.run(after_epoch)
    except _PrunedError:
        return None
    return training.final()[1].metrics.validation_loss
