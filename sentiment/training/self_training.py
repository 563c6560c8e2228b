"""Self-training: networks that learn from unlabelled reviews too, with labels that models give."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.config import ModelSettings
from sentiment.data.examples import CountedExamples
from sentiment.inference.classifier import sigmoid
from sentiment.nn import network
from sentiment.training.batching import padded_width
from sentiment.training.context import TrainingContext
from sentiment.training.final import merge_networks
from sentiment.training.loop import TrainingLoop
from sentiment.training.results import BestEpoch, RoundResult
from sentiment.training.teacher import UNSUPERVISED
from sentiment.utils import files
from sentiment.utils.progress import EpochMetrics

_SEED_STEP = 7919  # between the networks of a round
_SENTENCE_BATCH = 2  # times the batch size of reviews
_SENTENCE_NGRAM_DROPOUT = 0.3  # a sentence has few n-grams, and what a negator does is in them
Arrays = Mapping[str, np.ndarray]


class SelfTraining:
    """Trains the networks of a run, one after another, and merges them.

    A round has `members` networks. In the first one a teacher labels the unlabelled reviews; if
    there is none, the networks learn from the labelled reviews alone. In each later round the
    networks of the round before label them, together with the teacher. After the last round
    `sentence_members` networks learn from single sentences of reviews. Every network starts from
    weights of its own.
    """

    def __init__(self, context: TrainingContext):
        self.context = context
        settings = context.settings
        self._has_unlabelled = UNSUPERVISED in context.reviews.data.splits
        later_rounds = settings.own_labels if self._has_unlabelled else 0
        self._members = settings.members
        self._in_rounds = settings.members * (1 + later_rounds)  # networks that read whole reviews
        self._total = self._in_rounds + settings.sentence_members
        self._teacher = context.reviews.teacher
        self._finished: list[RoundResult] = []
        self._loop: TrainingLoop | None = None  # of the current network
        self._previous: TrainingLoop | None = None
        # Both float32 (U,): the labels of the unlabelled reviews in the current round, and the sum
        # of the logits that the finished networks of this round give them.
        self._labels, self._logits = np.empty(0, np.float32), np.zeros(1, np.float32)
        self._reviews: CountedExamples | None = None  # what networks of the round learn from

    @property
    def rounds(self) -> list[RoundResult]:
        """The results of all networks that have finished an epoch."""
        current = self._loop.result if self._loop else None
        return [*self._finished, current] if current else self._finished

    @property
    def epochs(self) -> list[EpochMetrics]:
        """The metrics of all epochs of all networks."""
        return [metrics for result in self.rounds for metrics in result.epochs]

    @property
    def best(self) -> BestEpoch:
        """The epoch with the lowest validation loss of all networks."""
        best_of_each = [result.best for result in self.rounds]
        return min(best_of_each, key=lambda best: best.metrics.validation_loss)

    def final(self) -> tuple[ModelSettings, BestEpoch]:
        """Return the network to save, as far as training got, and its shape.

        It is the best one if a round has one network, and nothing else learns or teaches. Otherwise
        all those that have learnt from unlabelled reviews, if some have, are merged.
        """
        results, of_sentences = self.rounds[: self._in_rounds], self.rounds[self._in_rounds :]
        if self._members == 1 and self._teacher is None and not of_sentences:
            return self.context.model, self.best
        if self._has_unlabelled and self._teacher is None:
            results = results[self._members :] or results
        return merge_networks(self.context, results, of_sentences, self._teacher)

    def state(self) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return the state after an epoch: the metrics of each network as JSON, and arrays.

        The arrays are those of `TrainingLoop.state`, those of each network's best epoch
        (`round_0.…`), `labels` and `unlabelled_logits`, float32 (U,), see `__init__`.
        """
        arrays = self._loop.state() if self._loop else {}
        for number, result in enumerate(self.rounds):
            arrays |= {f"round_{number}.{name}": array for name, array in result.arrays().items()}
        arrays |= {"labels": self._labels, "unlabelled_logits": self._logits}
        return [result.as_json() for result in self.rounds], arrays

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
            self._logits = arrays.get("unlabelled_logits", self._logits)  # absent in older ones
            loop = self._new_loop()
            loop.restore(current, arrays)
            self._loop = loop
        self.context.callback.on_resume(self.epochs, loop.calibrated_state)

    def run(self, save: Callable[[], None] = lambda: None) -> None:
        """Train all networks, or those that remain; call `save` after each epoch."""
        if self._loop is None:
            if self._teacher and self._has_unlabelled:
                # Meanwhile a thread reads the unlabelled reviews, and the teacher learns.
                self._compile_ahead()
                self._note_unlabelled("a regression on n-grams")
                with self.context.stopwatch.measure("teacher"):
                    self._reviews = self.context.reviews.first_round
                    self._labels = sigmoid(self._teacher.unlabelled_logits)
            self._note_network()
            self._loop = self._new_loop()
        self._loop.run_epochs(save)
        while len(self.rounds) < self._total:
            self._end_network(self._loop)
            self._note_network()
            self._loop = self._new_loop()
            self._loop.run_epochs(save)

    def _compile_ahead(self) -> None:
        """Compile the recurrence for the networks of the first round."""
        context = self.context
        longest = max(split.longest_length for split in context.reviews.data.splits.values())
        with context.stopwatch.measure("compiling"):
            network.compile_ahead(
                context.model,
                context.settings.batch_size,
                padded_width(min(longest, context.model.longest_review)),
            )

    def _note_network(self) -> None:
        number = len(self._finished) + 1
        reads = ", which reads single sentences" if number > self._in_rounds else ""
        if self._members > 1 or reads:
            self.context.progress.note(f"network {number} of {self._total}{reads}")

    def _end_network(self, loop: TrainingLoop) -> None:
        """Let a trained network label unlabelled reviews if a later round will use it."""
        finished = self.rounds
        labels_others = len(finished) <= self._in_rounds - self._members
        if labels_others and (unlabelled := self.context.reviews.unlabelled) is not None:
            self._logits = self._logits + loop.logits(unlabelled)
        self._finished, self._loop, self._previous = finished, None, loop
        if len(finished) % self._members == 0 and len(finished) < self._in_rounds:
            self._note_unlabelled("the network" if self._members == 1 else "the networks so far")
            self._labels = sigmoid(self._new_logits(finished[-self._members :]))
            self._logits, self._reviews = np.zeros(1, np.float32), None

    def _new_logits(self, labellers: list[RoundResult]) -> np.ndarray:
        """Return the logits of the unlabelled reviews' new labels, float32 (U,)."""
        means = self._logits / np.float32(len(labellers))
        if self._teacher is None:
            return means
        validation = np.mean([result.best.logits for result in labellers], axis=0)
        return self._teacher.mix(means, validation)

    def _note_unlabelled(self, labeller: str) -> None:
        count = self.context.reviews.data.splits[UNSUPERVISED].reviews
        number = len(self._finished) // self._members
        self.context.progress.note(
            f"round {number + 1}: {count:,} unlabelled reviews join, labelled by {labeller}"
        )

    def _new_loop(self) -> TrainingLoop:
        """Return the loop of the network after the finished ones."""
        context, number = self.context, len(self._finished)
        of_sentences = number >= self._in_rounds
        index = self._members + number if of_sentences else number % self._members
        settings = replace(
            context.settings, seed=(context.settings.seed + _SEED_STEP * index) % 2**31
        )
        if len(self._labels):
            # Predicted labels are less than certain already.
            settings = replace(settings, label_smoothing=0.0)
        with context.stopwatch.measure("sentences" if of_sentences else "data"):
            learnt = context.reviews.sentences if of_sentences else self._round_reviews()
        split = replace(context.split, train=learnt.examples)
        context = replace(context, settings=settings, split=split)
        if of_sentences:
            context = _for_sentences(context)
        return TrainingLoop(
            context,
            number=number + 1,
            epochs_before=sum(len(result.epochs) for result in self._finished),
            total_epochs=settings.epochs * self._total,
            lowest_before=min(
                (result.best.metrics.validation_loss for result in self._finished), default=math.inf
            ),
            previous=self._previous,
            ratios=learnt.ratios,
            validation_batch=self.context.settings.batch_size,
        )

    def _round_reviews(self) -> CountedExamples:
        """Return what the networks of the current round learn from."""
        if self._reviews is None:
            reviews = self.context.reviews
            has_labels = self._has_unlabelled and len(self._labels)
            examples = reviews.labelled_by(self._labels) if has_labels else reviews.split.train
            self._reviews = reviews.count(examples)
        return self._reviews


def _for_sentences(context: TrainingContext) -> TrainingContext:
    """Return the context of a network of sentences: more n-grams count, and more texts a step."""
    model, settings = context.model, context.settings
    dropout = min(model.ngram_dropout, _SENTENCE_NGRAM_DROPOUT)
    return replace(
        context,
        model=replace(model, ngram_dropout=dropout),
        settings=replace(settings, batch_size=_SENTENCE_BATCH * settings.batch_size),
    )
