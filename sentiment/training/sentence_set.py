"""What the networks that read single sentences learn from."""

from dataclasses import replace

import numpy as np

from sentiment.data.contrast import contrast_sentences
from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.examples import Examples
from sentiment.data.sentences import encode_sentences
from sentiment.data.split import make_examples
from sentiment.inference.classifier import sigmoid
from sentiment.training.context import TrainingContext
from sentiment.training.regression import NgramRegression

_MOST = 150_000  # sentences of labelled reviews, and of unlabelled ones
_SHARPENING = 5.0  # of a regression's logits: its labels were those of whole reviews
_LARGEST = 3.5  # logit of a label


def sentence_set(context: TrainingContext, labels: np.ndarray) -> Examples:
    """Return sentences of reviews, and sentences that were changed by rule; see `contrast`.

    A sentence has the label of its review. labels: float32 (U,), those of the unlabelled reviews,
    or empty to leave these out. If all reviews are too short to be cut, the result is the reviews.
    """
    random = np.random.default_rng(context.settings.seed)
    split, tokenizer = context.split, context.tokenizer
    encoded, origin = encode_sentences(context.data.split("train"), split.train_rows, tokenizer)
    if not len(encoded):
        return split.train
    labelled = make_examples(encoded, split.train.labels[origin], tokenizer, context.model)
    if split.train.weights is not None:
        labelled = replace(labelled, weights=split.train.weights[origin])
    terms = NgramRegression.fit(labelled, tokenizer.feature_count, normalized=False).terms
    parts, pool = [_sample(labelled, random)], [encoded]
    if len(labels):
        rows = np.sort(random.permutation(len(labels))[: len(split.train)])
        encoded, origin = encode_sentences(context.data.split("unsupervised"), rows, tokenizer)
        examples = make_examples(encoded, labels[rows][origin], tokenizer, context.model)
        parts.append(_sample(examples, random))
        pool.append(encoded)
    for sentences in pool:
        changed = contrast_sentences(sentences, terms, tokenizer, random)
        targets = sigmoid(np.clip(_SHARPENING * changed.logits, -_LARGEST, _LARGEST))
        parts.append(make_examples(changed.encoded(), targets, tokenizer, context.model))
    return sum(parts[1:], parts[0])


def _sample(examples: Examples, random: np.random.Generator) -> Examples:
    """Return at most `_MOST` of the examples."""
    rows = np.sort(random.permutation(len(examples))[:_MOST])
    spans = EncodedTexts(np.arange(len(examples.features)), examples.offsets).take(rows)
    weights = None if examples.weights is None else examples.weights[rows]
    return Examples(examples.features[spans.tokens], spans.offsets, examples.labels[rows], weights)
