"""What the networks of a training learn from, without TensorFlow."""

import contextlib
import sys
import threading
from dataclasses import dataclass, replace

import numpy as np

from sentiment.config import ModelSettings, TrainSettings
from sentiment.data.count_ratios import log_count_ratios
from sentiment.data.examples import Examples
from sentiment.data.prepared import PreparedDataset
from sentiment.data.split import (
    SPLIT_RULE,
    TrainingSplit,
    add_unlabelled,
    split_training_reviews,
)
from sentiment.data.tokenizer import Tokenizer
from sentiment.inference.classifier import sigmoid
from sentiment.training.regression import NgramRegression
from sentiment.training.sentence_set import sentence_set
from sentiment.training.teacher import UNSUPERVISED, Teacher
from sentiment.utils.locked_property import locked_property

# Seconds that a thread may keep the others waiting. With Python's default of 0.005 a training step
# would take twice as long while sentences are cut.
_SWITCH_INTERVAL = 0.0005


@dataclass(frozen=True)
class CountedExamples:
    """What a network learns from, and the ratios that its vectors begin with.

    ratios: float32 (rows,), see `log_count_ratios`; None if vectors begin without them.
    """

    examples: Examples
    ratios: np.ndarray | None


@dataclass(frozen=True)
class TrainingReviews:
    """The reviews of a data set as networks of one shape read them, and their teacher.

    Each part is made when it is asked for, or ahead of that; see `read_ahead`. split_rule: how
    validation reviews are chosen, see `split_training_reviews`.
    """

    data: PreparedDataset
    model: ModelSettings
    settings: TrainSettings
    split_rule: int = SPLIT_RULE

    def read_ahead(self) -> None:
        """Make all parts in the order of their use, in a thread that ends with the process.

        Meanwhile TensorFlow is imported, which takes as long, and training begins.
        """
        sys.setswitchinterval(_SWITCH_INTERVAL)
        threading.Thread(target=self._read_all, name="reviews", daemon=True).start()

    def _read_all(self) -> None:
        # What fails here fails again, and is reported, where the part is asked for.
        with contextlib.suppress(Exception):
            _ = self.first_round
            if self.settings.sentence_members:
                _ = self.sentences
            if self.teacher:
                _ = self.teacher.sum

    @locked_property
    def tokenizer(self) -> Tokenizer:
        """The vocabulary, without n-grams that the networks don't read."""
        return self.data.tokenizer.up_to(self.model.ngrams, negation=self.model.negation)

    @locked_property
    def split(self) -> TrainingSplit:
        """The labelled reviews, some of them held back for validation."""
        reviews = self.data.split("train")
        split = split_training_reviews(
            reviews, self.tokenizer, self.model, self.settings, self.split_rule
        )
        return split.balanced() if self.settings.class_weight == "balanced" else split

    @locked_property
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

    @locked_property
    def teacher(self) -> Teacher | None:
        """The teacher, if the networks have one."""
        return Teacher(self) if self.settings.teacher == "regression" else None

    @locked_property
    def first_round(self) -> CountedExamples:
        """What the first networks learn from: if there is a teacher, unlabelled reviews as well."""
        if self.teacher is None or UNSUPERVISED not in self.data.splits:
            return self.count(self.split.train)
        return self.count(self.labelled_by(sigmoid(self.teacher.unlabelled_logits)))

    @locked_property
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
