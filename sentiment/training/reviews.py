"""What the networks of a training learn from, without TensorFlow."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from sentiment.config import ModelSettings, TrainSettings
from sentiment.data.count_ratios import log_count_ratios
from sentiment.data.examples import CountedExamples, Examples
from sentiment.data.prepared import PreparedDataset
from sentiment.data.split import (
    SPLIT_RULE,
    TrainingSplit,
    add_unlabelled,
    split_training_reviews,
)
from sentiment.data.tokenizer import Tokenizer
from sentiment.inference.classifier import sigmoid
from sentiment.training.ahead import ReadAhead, made_ahead
from sentiment.training.regression import NgramRegression
from sentiment.training.sentence_set import sentence_set
from sentiment.training.teacher import UNSUPERVISED, Teacher

_FEW = 5_000  # reviews: another process would take longer to start than to read them


@dataclass(frozen=True)
class TrainingReviews:
    """The reviews of a data set as networks of one shape read them, and their teacher.

    Each part is made when it is asked for. split_rule: how validation reviews are chosen, see
    `split_training_reviews`; ahead: the process that makes the parts before, if there is one.
    """

    data: PreparedDataset
    model: ModelSettings
    settings: TrainSettings
    split_rule: int = SPLIT_RULE
    ahead: ReadAhead | None = None

    @classmethod
    def read_ahead(
        cls, data: PreparedDataset, model: ModelSettings, settings: TrainSettings
    ) -> "TrainingReviews":
        """Return the reviews of a new training, whose parts another process makes meanwhile."""
        count = sum(split.reviews for split in data.splits.values())
        ahead = None if count < _FEW else ReadAhead(data, model, settings, SPLIT_RULE)
        return cls(data, model, settings, ahead=ahead)

    def close(self) -> None:
        """End the other process."""
        if self.ahead is not None:
            self.ahead.close()

    def parts(self) -> Iterator[tuple[Any, str]]:
        """Yield what takes long to make, in the order of its use: an object and its property."""
        yield self, "split"
        if UNSUPERVISED in self.data.splits:
            yield self, "all"
            if self.teacher:
                yield self.teacher, "unlabelled_logits"
        yield self, "first_ratios"
        if self.teacher:
            yield self.teacher, "sum"
        if self.settings.sentence_members:
            yield self, "sentences"

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The vocabulary, without n-grams that the networks don't read."""
        return self.data.tokenizer.up_to(self.model.ngrams, negation=self.model.negation)

    @made_ahead
    def split(self) -> TrainingSplit:
        """The labelled reviews, some of them held back for validation."""
        reviews = self.data.split("train")
        split = split_training_reviews(
            reviews, self.tokenizer, self.model, self.settings, self.split_rule
        )
        return split.balanced() if self.settings.class_weight == "balanced" else split

    @made_ahead
    def all(self) -> Examples:
        """The reviews for training, and after them the unlabelled ones if the data set has some."""
        labelled = self.split.train
        if UNSUPERVISED not in self.data.splits:
            return labelled
        split = self.data.split(UNSUPERVISED)
        return add_unlabelled(labelled, split, self.tokenizer, self.model)

    @property
    def unlabelled(self) -> Examples | None:
        """The unlabelled reviews, if the data set has some."""
        if UNSUPERVISED not in self.data.splits:
            return None
        return self.all.after(len(self.split.train))

    @cached_property
    def teacher(self) -> Teacher | None:
        """The teacher, if the networks have one."""
        return Teacher(self) if self.settings.teacher == "regression" else None

    @property
    def first_round(self) -> CountedExamples:
        """What the first networks learn from: if there is a teacher, unlabelled reviews as well."""
        return CountedExamples(self._first_examples, self.first_ratios)

    @made_ahead
    def first_ratios(self) -> np.ndarray | None:
        """The ratios of the first round, see `CountedExamples`."""
        return self.count(self._first_examples).ratios

    @property
    def _first_examples(self) -> Examples:
        if self.teacher is None or UNSUPERVISED not in self.data.splits:
            return self.split.train
        return self.labelled_by(sigmoid(self.teacher.unlabelled_logits))

    @made_ahead
    def sentences(self) -> CountedExamples:
        """What a network of sentences learns from."""
        regression = self.teacher.sum if self.teacher else None
        if regression is None:
            rows = self.tokenizer.feature_count
            regression = NgramRegression.fit(self.split.train, rows, normalized=False)
        return self.count(sentence_set(self, regression.terms))

    def labelled_by(self, labels: np.ndarray) -> Examples:
        """Return all reviews; labels: float32 (U,), those that the unlabelled ones get."""
        return replace(self.all, labels=np.concatenate([self.split.train.labels, labels]))

    def count(self, examples: Examples) -> CountedExamples:
        """Return `examples` with the ratios that vectors begin with."""
        rows = self.tokenizer.feature_count
        ratios = log_count_ratios(examples, rows) if self.settings.prior else None
        return CountedExamples(examples, ratios)
