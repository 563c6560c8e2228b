"""One trial of a sweep: a training that is measured on its validation reviews and leaves no model.

Knows rounds of training; knows nothing of how settings are chosen or of where results are kept.
"""

from collections.abc import Callable

from sentiment.data.prepare import prepare
from sentiment.data.split import divide
from sentiment.recipe import Recipe
from sentiment.training.callbacks import Journal
from sentiment.training.self_training import Rounds
from sentiment.utils.paths import Folders
from sentiment.utils.progress import Clock, EpochReport, Watcher


class _PrunedError(Exception):
    """Nobody wants to know how this trial ends."""


def train(
    recipe: Recipe, folders: Folders, hopeless: Callable[[EpochReport], bool]
) -> float | None:
    """Train as `recipe` says, and return the lowest validation loss.

    `hopeless` is asked after each epoch, and ends the training where it says so; then there is
    no loss. Raises DivergedError.
    """
    data, _ = prepare(recipe.prepare, folders)
    tokenizer = data.tokenizer.up_to(recipe.model.ngrams)
    parts = divide(data.split("train"), tokenizer, recipe.model, recipe.train.validation_share)
    rounds = Rounds(
        data, parts, tokenizer, recipe.model, recipe.train, Journal(), Watcher(), Clock()
    )

    def after() -> None:
        if hopeless(rounds.reports[-1]):
            raise _PrunedError

    try:
        rounds.run(after)
    except _PrunedError:
        return None
    return rounds.kept.report.validation_loss
