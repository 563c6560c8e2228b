"""Split the training reviews into reviews for training and reviews for validation."""

from dataclasses import dataclass

import numpy as np

from sentiment.config import ModelSettings
from sentiment.data.examples import Examples
from sentiment.data.prepared import Split
from sentiment.data.tokenizer import Tokenizer


@dataclass(frozen=True)
class TrainingSplit:
    """Reviews for training and for validation.

    validation_rows: int64, rows of the validation reviews in the prepared split; truncated: share
    of all reviews that are longer than the model's longest review, 0-1.
    """

    train: Examples
    validation: Examples
    validation_rows: np.ndarray
    truncated: float


def unlabelled_examples(split: Split, tokenizer: Tokenizer, model: ModelSettings) -> Examples:
    """Return unlabelled reviews, with 0.5 for each label."""
    encoded = split.encoded.last(model.longest_review)
    features = tokenizer.features(encoded, model.ngrams)
    return Examples(features, encoded.offsets, np.full(len(split), 0.5, np.float32))


def split_training_reviews(
    split: Split, tokenizer: Tokenizer, model: ModelSettings, share: float
) -> TrainingSplit:
    """Use `share` of the reviews, 0-1, for validation and the rest for training.

    The choice depends on the number of reviews alone, so that runs with different seeds are
    compared on the same reviews.
    """
    encoded = split.encoded.last(model.longest_review)
    order = np.random.default_rng(0).permutation(len(split))
    count = max(1, round(len(split) * share))
    validation, train = np.sort(order[:count]), np.sort(order[count:])

    def examples(rows: np.ndarray) -> Examples:
        chosen = encoded.take(rows)
        features = tokenizer.features(chosen, model.ngrams)
        return Examples(features, chosen.offsets, split.labels[rows].astype(np.float32))

    truncated = float(np.mean(split.encoded.lengths > model.longest_review))
    return TrainingSplit(examples(train), examples(validation), validation, truncated)
