"""Split the training reviews into reviews for training and reviews for validation."""

from dataclasses import dataclass, replace

import numpy as np

from sentiment.config import ModelSettings, TrainSettings
from sentiment.data import large_arrays
from sentiment.data.apart import unrelated
from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.examples import Examples
from sentiment.data.grouping import choose_groups
from sentiment.data.prepared import Split
from sentiment.data.tokenizer import Tokenizer
from sentiment.data.trainable import check_labels, group_reviews
from sentiment.errors import InputError

SPLIT_RULE = 2  # of `split_training_reviews`
_SHARE, _MAX_VALIDATION = 0.1, 1250  # of the training reviews; reviews


@dataclass(frozen=True)
class TrainingSplit:
    """Reviews for training and for validation.

    train_rows, validation_rows: int64, rows of these reviews in the prepared split; truncated:
    share of all reviews that are longer than the model's longest review, 0-1.
    """

    train: Examples
    validation: Examples
    train_rows: np.ndarray
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


def make_examples(
    encoded: EncodedTexts, labels: np.ndarray, tokenizer: Tokenizer, model: ModelSettings
) -> Examples:
    """Return reviews as a network of this shape reads them; labels: float32 (N,)."""
    features = tokenizer.features(
        encoded, model.ngrams, repeats=model.repeats, negation=model.negation
    )
    return Examples(features, encoded.offsets, labels)


def add_unlabelled(
    labelled: Examples, split: Split, tokenizer: Tokenizer, model: ModelSettings
) -> Examples:
    """Return `labelled` followed by the unlabelled reviews of a split, with 0.5 for each label."""
    encoded = split.encoded.last(model.longest_review)
    start, columns = labelled.features.shape
    features = large_arrays.zeros((start + len(encoded.tokens), columns))
    features[:start] = labelled.features
    tokenizer.features(
        encoded, model.ngrams, repeats=model.repeats, negation=model.negation, out=features[start:]
    )
    offsets = np.concatenate([labelled.offsets, encoded.offsets[1:] + start])
    labels = np.concatenate([labelled.labels, np.full(len(split), 0.5, np.float32)])
    weights = labelled.weights
    if weights is not None:
        weights = np.concatenate([weights, np.ones(len(split), np.float32)])
    return Examples(features, offsets, labels, weights)


def split_training_reviews(
    split: Split,
    tokenizer: Tokenizer,
    model: ModelSettings,
    settings: TrainSettings,
    rule: int = SPLIT_RULE,
) -> TrainingSplit:
    """Use a share of the reviews for validation and the rest for training.

    The choice depends on the reviews and on `fold`, not on the seed, so that runs with different
    seeds are compared on the same reviews. Folds share no review. With `validation` "apart",
    training reviews that are close to a validation review are left out; see `apart`. rule: 2, by
    which reviews that are equal to the network stay on one side and both sides have the same share
    of each label; 1, by which versions before this one chose any rows. Raises InputError if the
    labels are too few for both sides.
    """
    encoded = split.encoded.last(model.longest_review)
    share = settings.validation_share or validation_share(len(split))
    if rule == 1:
        order = np.random.default_rng(0).permutation(len(split))
        count = max(1, round(len(split) * share))
        validation = np.sort(order[:count])
    else:
        groups = group_reviews(encoded)
        check_labels(split.labels, groups)
        validation = _choose_fold(groups, split.labels, share, settings.fold)
    train = np.setdiff1d(np.arange(len(split)), validation)
    if settings.validation == "apart":
        train = unrelated(encoded, validation, train)

    def examples(rows: np.ndarray) -> Examples:
        labels = split.labels[rows].astype(np.float32)
        return make_examples(encoded.take(rows), labels, tokenizer, model)

    truncated = float(np.mean(split.encoded.lengths > model.longest_review))
    return TrainingSplit(examples(train), examples(validation), train, validation, truncated)


def validation_share(reviews: int) -> float:
    """Return the share of training reviews that validates unless a share is set.

    A temperature and a neutral band need no more than _MAX_VALIDATION reviews, and the network
    learns from the others. Whoever compares settings sets a larger share.
    """
    return min(_SHARE, _MAX_VALIDATION / reviews)


def _choose_fold(groups: np.ndarray, labels: np.ndarray, share: float, fold: int) -> np.ndarray:
    """Return the rows of a fold, int64: `share` of all rows, and none of those of earlier folds."""
    if (fold + 1) * share > 1:
        raise InputError(
            f"fold {fold} does not exist: each fold is {share:g} of the reviews",
            hint=f"sentiment train --validation-share {1 / (fold + 1):.2g}",
        )
    rows, chosen = np.arange(len(groups)), np.empty(0, np.int64)
    for _ in range(fold + 1):
        rows = np.setdiff1d(rows, chosen)
        of_rest = share * len(groups) / len(rows)
        chosen = rows[choose_groups(groups[rows], labels[rows], of_rest)]
    return chosen
