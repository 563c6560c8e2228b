"""Make the network that a training saves from the networks that it trained."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from sentiment.config import ModelSettings
from sentiment.data.count_ratios import count_features
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.manifest import DataInfo, Manifest, RunInfo
from sentiment.training.context import TrainingContext
from sentiment.training.merging import NetworkArrays, add_sum, cut_table, merge
from sentiment.training.results import BestEpoch, RoundResult
from sentiment.training.teacher import Teacher
from sentiment.utils.progress import EpochMetrics

_SENTENCE_WEIGHT = 2 / 3  # of a network of sentences in the networks' mean; one of reviews has 1
_SUM_SHARE = 0.3  # of the teacher's sum in the logit; the networks' mean is the rest


def merge_networks(
    context: TrainingContext,
    of_reviews: list[RoundResult],
    of_sentences: list[RoundResult],
    teacher: Teacher | None,
) -> tuple[ModelSettings, BestEpoch]:
    """Merge the best epochs of networks into one network; return its shape and it.

    of_reviews, of_sentences: the networks that learnt from whole reviews and from single sentences.
    Its vectors are as long as those of one network. If the shape allows it, a unit adds up the
    teacher's regression. The metrics on the validation reviews are those of the merged network as
    the runtime reads it; those on training reviews are means over the networks that learnt them.
    """
    networks = [
        NetworkArrays(context.model, result.best.embedding, result.best.weights)
        for result in of_reviews + of_sentences
    ]
    shares = _shares(len(of_reviews), len(of_sentences))
    rows = context.reviews.tokenizer.feature_count
    counts = count_features(context.reviews.all.features, rows)
    counts[0] = 0  # padding has no vector
    merged = cut_table(merge(networks, shares), context.model.embedding, counts)
    if teacher and (regression := teacher.sum):
        merged = add_sum(merged, regression.terms, regression.bias, _SUM_SHARE)
    merged.table[0] = 0.0
    last = (of_reviews + of_sentences)[-1].epochs[-1]
    return merged.model, _measure(context, merged, of_reviews, last)


def _shares(of_reviews: int, of_sentences: int) -> list[float]:
    """Return the weight of each network's logit, given how many there are of each kind."""
    weights = [1.0] * of_reviews + [_SENTENCE_WEIGHT] * of_sentences
    return [weight / sum(weights) for weight in weights]


def _measure(
    context: TrainingContext,
    merged: NetworkArrays,
    results: list[RoundResult],
    last: EpochMetrics,
) -> BestEpoch:
    """Return the merged network as an epoch after `last`."""
    logits = _runtime_logits(context, merged)
    examples = context.split.validation
    losses = np.logaddexp(0.0, logits) - examples.labels * logits
    if examples.weights is not None:
        losses = losses * examples.weights
    trained = [result.best.metrics for result in results]
    metrics = replace(
        last,
        epoch=last.epoch + 1,
        train_loss=float(np.mean([one.train_loss for one in trained])),
        train_accuracy=float(np.mean([one.train_accuracy for one in trained])),
        validation_loss=float(np.mean(losses)),
        validation_accuracy=float(np.mean((logits >= 0) == (examples.labels == 1))),
        best=True,
        network=0,
    )
    return BestEpoch(metrics, merged.table, merged.weights, logits)


def _runtime_logits(context: TrainingContext, network: NetworkArrays) -> np.ndarray:
    """Return the logits of the validation reviews, float32 (N,), as the saved model gives them."""
    nobody = Manifest("", {}, RunInfo("", ""), DataInfo("", ""))
    table = network.table.astype(np.float16)
    model = Bundle(Path(), nobody, network.model, context.reviews.tokenizer, table, network.weights)
    classifier, split = Classifier(model), context.reviews.data.split("train")
    rows = context.split.validation_rows
    encoded = split.encoded.last(network.model.longest_review).take(rows)
    return classifier.logits(classifier.final_states(encoded))
