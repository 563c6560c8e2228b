"""Split the training reviews into reviews for training and reviews for validation."""

from dataclasses import dataclass, replace

import numpy as np

from sentiment.config import ModelSettings
from sentiment.data.examples import Examples
from sentiment.data.grouping import choose_groups
from sentiment.data.prepared import Split
from sentiment.data.tokenizer import Tokenizer
from sentiment.data.trainable import check_labels, group_reviews

SPLIT_RULE = 2  # of `split_training_reviews`


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

    def balanced(self) -> "TrainingSplit":
        """Return the split with reviews weighted by N / (2 N_label), so that labels weigh equally.

        N counts the training reviews. Their weights have a mean of 1; those of the validation
        reviews are the same for the same label.
        """
        positive = self.train.labels > 0.5
        counts = np.array([np.sum(~positive), np.sum(positive)])
        of_label = (len(positive) / (2 * np.maximum(counts, 1))).astype(np.float32)

        def weighted(examples: Examples) -> Examples:
            return replace(examples, weights=of_label[(examples.labels > 0.5).astype(int)])

        return replace(self, train=weighted(self.train), validation=weighted(self.validation))


def unlabelled_examples(split: Split, tokenizer: Tokenizer, model: ModelSettings) -> Examples:
    """Return unlabelled reviews, with 0.5 for each label."""
    encoded = split.encoded.last(model.longest_review)
    features = tokenizer.features(encoded, model.ngrams)
    return Examples(features, encoded.offsets, np.full(len(split), 0.5, np.float32))


def split_training_reviews(
    split: Split,
    tokenizer: Tokenizer,
    model: ModelSettings,
    share: float,
    rule: int = SPLIT_RULE,
) -> TrainingSplit:
    """Use `share` of the reviews, 0-1, for validation and the rest for training.

    The choice depends on the reviews alone, so that runs with different seeds are compared on the
    same reviews. rule: 2, by which reviews that are equal to the network stay on one side and both
    sides have the same share of each label; 1, by which versions before this one chose any rows.
    Raises InputError if the labels are too few for both sides.
    """
    encoded = split.encoded.last(model.longest_review)
    if rule == 1:
        order = np.random.default_rng(0).permutation(len(split))
        validation = np.sort(order[: max(1, round(len(split) * share))])
    else:
        groups = group_reviews(encoded)
        check_labels(split.labels, groups)
        validation = choose_groups(groups, split.labels, share)
    train = np.setdiff1d(np.arange(len(split)), validation)

    def examples(rows: np.ndarray) -> Examples:
        chosen = encoded.take(rows)
        features = tokenizer.features(chosen, model.ngrams)
        return Examples(features, chosen.offsets, split.labels[rows].astype(np.float32))

    truncated = float(np.mean(split.encoded.lengths > model.longest_review))
    return TrainingSplit(examples(train), examples(validation), validation, truncated)
