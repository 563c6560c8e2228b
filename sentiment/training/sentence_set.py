"""What the networks that read single sentences learn from."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sentiment.data.contrast import contrast_sentences
from sentiment.data.examples import Examples
from sentiment.data.sentences import encode_sentences
from sentiment.data.split import make_examples
from sentiment.inference.classifier import sigmoid

if TYPE_CHECKING:
    from sentiment.training.reviews import TrainingReviews

_SHARPENING = 5.0  # of a regression's logits: a sentence is a small part of a review
_TIMES = 3  # that each changed sentence is read: there are five plain ones for each of them
_LARGEST = 3.5  # logit of a label


def sentence_set(reviews: "TrainingReviews", terms: np.ndarray) -> Examples:
    """Return sentences of the labelled reviews, and sentences changed by rule; see `contrast`.

    A sentence has the label of its review. If all reviews are too short to be cut, the result is
    the reviews. terms: float32 (rows,), what each feature of a review adds to its logit.
    """
    random = np.random.default_rng(reviews.settings.seed)
    split, tokenizer = reviews.split, reviews.tokenizer
    encoded, origin = encode_sentences(reviews.data.split("train"), split.train_rows, tokenizer)
    if not len(encoded):
        return split.train
    sentences = make_examples(encoded, split.train.labels[origin], tokenizer, reviews.model)
    if split.train.weights is not None:
        sentences = replace(sentences, weights=split.train.weights[origin])
    changed = contrast_sentences(encoded, terms, tokenizer, random)
    targets = sigmoid(np.clip(_SHARPENING * changed.logits, -_LARGEST, _LARGEST))
    examples = make_examples(changed.encoded(), targets, tokenizer, reviews.model)
    return sum([examples] * _TIMES, sentences)
