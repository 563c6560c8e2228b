"""The teacher: regressions on n-grams that label reviews and set one unit of the saved network."""

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sentiment.data.examples import Examples
from sentiment.data.split import make_examples
from sentiment.evaluation.metrics import fit_temperature
from sentiment.training.ahead import made_ahead
from sentiment.training.regression import NgramRegression

if TYPE_CHECKING:
    from sentiment.training.reviews import TrainingReviews

UNSUPERVISED = "unsupervised"  # the split of unlabelled reviews

_SHARE = 1 / 3  # of the teacher's logits in the labels of a later round; the networks' are the rest
_SOFTENING = 0.75  # of these labels' logits: networks that learn from them grow overconfident
_NGRAMS = 3


class Teacher:
    """Learns from the labelled reviews of a training, n-grams included.

    The networks may read words alone: the teacher reads n-grams all the same.
    """

    def __init__(self, reviews: "TrainingReviews"):
        self._reviews, self.ahead = reviews, reviews.ahead
        self._model = replace(reviews.model, ngrams=_NGRAMS, repeats=False)

    @cached_property
    def _regression(self) -> NgramRegression:
        split = self._reviews.split
        examples = self._examples("train", split.train_rows, split.train)
        examples = replace(examples, weights=split.train.weights)
        rows = self._reviews.data.tokenizer.feature_count
        return NgramRegression.fit(examples, rows, normalized=True)

    @made_ahead
    def unlabelled_logits(self) -> np.ndarray:
        """The logits of the unlabelled reviews, float32 (U,)."""
        return self._regression.logits(self._examples(UNSUPERVISED, same=self._reviews.unlabelled))

    def mix(self, logits: np.ndarray, validation_logits: np.ndarray) -> np.ndarray:
        """Return the logits of new labels for the unlabelled reviews, float32 (U,).

        They are calibrated means of the teacher's logits and of `logits`, float32 (U,), those of
        the networks; validation_logits: float32 (N,), what these give the validation reviews.
        """
        split = self._reviews.split
        own = self._regression.logits(
            self._examples("train", split.validation_rows, split.validation)
        )
        mixed = _SHARE * own + (1 - _SHARE) * validation_logits
        temperature = fit_temperature(
            split.validation.labels, mixed.astype(np.float32), split.validation.weights
        )
        means = _SHARE * self.unlabelled_logits + (1 - _SHARE) * logits
        return (means * (_SOFTENING / temperature)).astype(np.float32)

    @made_ahead
    def sum(self) -> NgramRegression | None:
        """The regression that a unit of the network can carry out; None if its shape has none.

        It is a sum over the features that the network reads.
        """
        model = self._reviews.model
        plain = model.cell == "simple_rnn" and model.layers == 1 and model.readout == "last"
        if model.repeats or not plain:
            return None
        rows = self._reviews.tokenizer.feature_count
        return NgramRegression.fit(self._reviews.split.train, rows, normalized=False)

    def _examples(
        self, name: str, rows: np.ndarray | None = None, same: Examples | None = None
    ) -> Examples:
        """Return reviews of a split as the teacher reads them; `same`: as the network does."""
        if same is not None and self._model == self._reviews.model:
            return same
        split = self._reviews.data.split(name)
        encoded = split.encoded.last(self._model.longest_review)
        rows = np.arange(len(split)) if rows is None else rows
        labels = split.labels[rows].astype(np.float32)
        return make_examples(encoded.take(rows), labels, self._reviews.data.tokenizer, self._model)
