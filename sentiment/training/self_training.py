"""Self-training: one network after another, each labelling unlabelled reviews for the next."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.data.examples import Examples
from sentiment.data.split import unlabelled_examples
from sentiment.training.context import TrainingContext
from sentiment.training.loop import TrainingLoop
from sentiment.training.results import BestEpoch, RoundResult
from sentiment.utils import files
from sentiment.utils.progress import EpochMetrics

UNSUPERVISED = "unsupervised"  # the split of unlabelled reviews
Arrays = Mapping[str, np.ndarray]


class SelfTraining:
    """Trains one network after another; each is a round.

    The first learns from the labelled reviews. Each later one starts from new weights and learns
    from the unlabelled reviews as well, with the labels that the network before it predicts.
    """

    def __init__(self, context: TrainingContext):
        self.context = context
        unlabelled = UNSUPERVISED in context.data.splits
        self._later_rounds = context.settings.own_labels if unlabelled else 0
        self._finished: list[RoundResult] = []
        self._loop: TrainingLoop | None = None  # of the current round
        self._labels = np.empty(0, np.float32)  # of the unlabelled reviews, in a later round

    @property
    def rounds(self) -> list[RoundResult]:
        """The results of all rounds that have finished an epoch."""
        current = self._loop.result if self._loop else None
        return [*self._finished, current] if current else self._finished

    @property
    def epochs(self) -> list[EpochMetrics]:
        """The metrics of all epochs of all rounds."""
        return [metrics for result in self.rounds for metrics in result.epochs]

    @property
    def best(self) -> BestEpoch:
        """The epoch with the lowest validation loss of all rounds."""
        best_of_each = [result.best for result in self.rounds]
        return min(best_of_each, key=lambda best: best.metrics.validation_loss)

    def state(self) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return the state after an epoch: the metrics of each round as JSON, and arrays.

        The arrays are those of `TrainingLoop.state`, those of each round's best epoch
        (`round_0.…`) and `labels`, float32 (U,), the labels of the unlabelled reviews.
        """
        arrays = self._loop.state() if self._loop else {}
        for number, result in enumerate(self.rounds):
            arrays |= {f"round_{number}.{name}": array for name, array in result.arrays().items()}
        return [result.as_json() for result in self.rounds], arrays | {"labels": self._labels}

    def restore(self, state: list[Any], arrays: Arrays) -> None:
        """Set the state that `state` returned; raise DamagedFileError if it is another."""
        # Whatever differs from what `state` returned ends in an error of Keras or NumPy.
        with files.read_errors(Path("the checkpoint"), hint="sentiment train"):
            rounds = []
            for number, epochs in enumerate(state):
                prefix = f"round_{number}."
                own = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
                rounds.append(RoundResult.from_json(epochs, own))
            *self._finished, current = rounds
            self._labels = arrays["labels"]
            loop = self._new_loop()
            loop.restore(current, arrays)
            self._loop = loop
        self.context.callback.on_resume(self.epochs, loop.calibrated_state)

    def run(self, save: Callable[[], None] = lambda: None) -> None:
        """Train all rounds, or those that remain; call `save` after each epoch."""
        if self._loop is None:
            self._loop = self._new_loop()
        self._loop.run_epochs(save)
        while len(self.rounds) <= self._later_rounds:
            labeller, extra, number = self._loop, self._unlabelled(), len(self.rounds)
            self.context.progress.note(
                f"round {number}: {len(extra):,} unlabelled reviews join, labelled by the network"
            )
            self._labels = labeller.pseudo_label(extra).labels
            self._finished, self._loop = self.rounds, None
            self._loop = self._new_loop()
            self._loop.run_epochs(save)

    def _unlabelled(self) -> Examples:
        context = self.context
        split = context.data.split(UNSUPERVISED)
        return unlabelled_examples(split, context.tokenizer, context.model)

    def _new_loop(self) -> TrainingLoop:
        """Return the loop of the round after the finished ones."""
        context = self.context
        total_epochs = context.settings.epochs * (1 + self._later_rounds)
        if self._finished:
            extra = replace(self._unlabelled(), labels=self._labels)
            split = replace(context.split, train=context.split.train + extra)
            # Predicted labels are less than certain already.
            settings = replace(context.settings, label_smoothing=0.0)
            context = replace(context, split=split, settings=settings)
        return TrainingLoop(
            context,
            epochs_before=sum(len(result.epochs) for result in self._finished),
            total_epochs=total_epochs,
            lowest_before=min(
                (result.best.metrics.validation_loss for result in self._finished), default=math.inf
            ),
        )
