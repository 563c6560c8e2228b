"""The training split in two: reviews that are learnt from, and reviews that choices are made on.

Knows prepared splits, the tokenizer and arrays; knows nothing of the network.
"""

from dataclasses import dataclass

import numpy as np

from sentiment.config import ModelSettings
from sentiment.data.examples import Examples
from sentiment.data.prepared import Split
from sentiment.data.tokenizer import Tokenizer


@dataclass(frozen=True)
class TrainingSplit:
    """What is learnt from, and what choices are made on.

    held_rows: int64, where the reviews held back stand in the split; truncated: the share of all
    reviews that were too long to be read whole.
    """

    train: Examples
    validation: Examples
    validation_rows: np.ndarray
    truncated: float


def unlabelled_examples(split: Split, tokenizer: Tokenizer, model: ModelSettings) -> Examples:
    """Return reviews that nobody has labelled, with one half in the place of their labels."""
    encoded = split.encoded.last(model.longest_review)
    features = tokenizer.features(encoded, model.ngrams)
    return Examples(features, encoded.offsets, np.full(len(split), 0.5, np.float32))


def split_training_reviews(
    split: Split, tokenizer: Tokenizer, model: ModelSettings, share: float
) -> TrainingSplit:
    """Hold back `share` of the reviews; which ones depends on their number alone.

    So runs with different seeds are compared on the same reviews.
    """
    encoded = split.encoded.last(model.longest_review)
    order = np.random.default_rng(0).permutation(len(split))
    count = max(1, round(len(split) * share))
    held, train = np.sort(order[:count]), np.sort(order[count:])

    def examples(rows: np.ndarray) -> Examples:
        chosen = encoded.take(rows)
        features = tokenizer.features(chosen, model.ngrams)
        return Examples(features, chosen.offsets, split.labels[rows].astype(np.float32))

    truncated = float(np.mean(split.encoded.lengths > model.longest_review))
    return TrainingSplit(examples(train), examples(held), held, truncated)
