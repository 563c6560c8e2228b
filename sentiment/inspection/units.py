"""Describe the hidden units of the first layer: their words, their weight and their memory.

Words enter the first layer, so the units described are those of the first layer. If it is the only
layer, the classifier multiplies each unit with a weight. If other layers follow, no single weight
says how a unit changes the prediction, and none is given.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.tokenizer import FIRST_WORD, NEGATED, Tokenizer
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier, pack_by_step
from sentiment.inference.weights import CLASSIFIER_KERNEL, directions, weight_name

MAX_UNITS = 64  # units described; of more, those with the largest weights
SATURATED = 0.99  # size of a unit from which its slope, 1 - h², is below 0.02
_FREQUENT_WORDS = 20_000  # words that are listed; rarer ones have hardly been learnt
_LIST_LENGTH = 10  # words, and n-grams, in each list
_BUDGET = 1 << 30  # multiplications in one direction's Jacobians: about a second
_MIN_TEXTS = 8  # texts that a median is taken over, whatever they cost
_MIN_STEPS = 16  # words that Jacobians are followed through, whatever they cost
_MEDIAN_SHARE = 4  # a median is taken while at least a quarter of the texts have a further word

Drives = list[tuple[str, float]]


@dataclass(frozen=True)
class Unit:
    """One unit of the first layer.

    name: its direction and number, from 1; weight: the classifier's weight of the unit, None if
    another layer follows; up, down: the words that drive the unit furthest above and below zero,
    with what each adds to it before tanh, the strongest first; ngrams_up, ngrams_down: the same for
    n-grams, written as their words, with what each adds beyond the vectors of those words;
    saturation: share of texts that leave the unit beyond ±0.99.

    decay: float32 (M,), the effect of a small change of the layer's state n words before the end on
    the final value of the unit, ‖∂h_T[k] / ∂h_(T-n)‖, from n = 0, where it is 1. It is the median
    over the texts longer than n words.
    """

    name: str
    weight: float | None
    up: Drives
    down: Drives
    ngrams_up: Drives
    ngrams_down: Drives
    saturation: float
    decay: np.ndarray

    @property
    def half_life(self) -> float:
        """The smallest number of words after which the effect is at most half, or infinity."""
        at_most_half = np.flatnonzero(self.decay <= 0.5)
        return float(at_most_half[0]) if len(at_most_half) else float("inf")


def analyze_units(bundle: Bundle, texts: Sequence[str], max_units: int = MAX_UNITS) -> list[Unit]:
    """Return the first layer's units, those with the largest weights first.

    Saturation is over all `texts`. The Jacobians are followed through evenly chosen texts and, from
    the end of each, through as many words as about a second allows: with 16 units all words of 64
    reviews, with 1,024 units 16 words of 8 reviews.
    """
    weights, settings = bundle.weights, bundle.settings
    kernels = [weights[weight_name(1, name, "kernel")] for name in directions(settings)]
    kernel = np.concatenate(kernels, axis=1)
    order = np.arange(kernel.shape[1])
    classifier_weights = None
    if settings.layers == 1:
        classifier_weights = weights[CLASSIFIER_KERNEL][:, 0]
        order = np.argsort(-np.abs(classifier_weights), kind="stable")
    order = order[:max_units]
    finals, decays = _run(bundle, texts, order)
    word_drives, ngram_drives = _drives(bundle, kernel[:, order])
    names = [
        f"{direction} {number}"
        for direction in directions(settings)
        for number in range(1, settings.units + 1)
    ]
    return [
        Unit(
            names[unit],
            None if classifier_weights is None else float(classifier_weights[unit]),
            *word_drives[index],
            *ngram_drives[index],
            float(np.mean(np.abs(finals[:, unit]) > SATURATED)) if len(finals) else 0.0,
            decays[unit],
        )
        for index, unit in enumerate(order.tolist())
    ]


def _run(
    bundle: Bundle, texts: Sequence[str], order: np.ndarray
) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Return the final states of the first layer (N, S), and the decay of each unit of `order`."""
    settings = replace(bundle.settings, layers=1, readout="last")
    first_layer = Classifier(replace(bundle, settings=settings))
    encoded = first_layer.encode(texts)
    encoded = encoded.take(np.flatnonzero(encoded.lengths))
    decays: dict[int, np.ndarray] = {}
    for index, direction in enumerate(directions(settings)):
        start, end = index * settings.units, (index + 1) * settings.units
        chosen = order[(order >= start) & (order < end)]
        selected, steps = _affordable(encoded, settings.units**2 * max(1, len(chosen)))
        effects = decay(
            first_layer.states(selected)[:, start:end],
            selected.offsets,
            bundle.weights[weight_name(1, direction, "recurrent_kernel")],
            chosen - start,
            backward=direction == "backward",
            steps=steps,
        )
        decays |= dict(zip(chosen.tolist(), effects.T, strict=True))
    return first_layer.final_states(encoded), decays


def _affordable(encoded: EncodedTexts, cost: int) -> tuple[EncodedTexts, int]:
    """Return the texts, and the number of words from their ends, whose Jacobians fit the budget.

    cost: multiplications for one word of one text.
    """
    if not len(encoded):
        return encoded, 0
    longest = int(encoded.lengths.max())
    count = int(np.clip(_BUDGET // (cost * longest), _MIN_TEXTS, len(encoded)))
    count = min(count, len(encoded))
    rows = np.linspace(0, len(encoded) - 1, count).astype(np.int64)
    return encoded.take(rows), max(_MIN_STEPS, _BUDGET // (cost * count))


def decay(
    states: np.ndarray,
    offsets: np.ndarray,
    recurrent_kernel: np.ndarray,
    chosen: np.ndarray,
    *,
    backward: bool = False,
    steps: int = 1 << 20,
) -> np.ndarray:
    """Return the median effect of earlier states on final units, float32 (M, K).

    states: float32 (total tokens, H), all states of one layer in one direction, text after text;
    chosen: int (K,), the units; backward: the final state is the first row of a text, not the
    last. Row n is the median over texts of ‖∂h_T[k] / ∂h_(T-n)‖, for n = 0, 1, … It ends after
    `steps` rows, or before fewer than a quarter of the texts have a word there.
    """
    # Laid out from the final state of each text to its first.
    packed = pack_by_step(offsets, backward=not backward)
    slopes = 1.0 - np.take(states, packed.where, axis=0) ** 2
    min_texts = max(1, -(-len(packed.order) // _MEDIAN_SHARE))
    # h_t = tanh(… + h_(t-1) @ W), so ∂h_t/∂h_(t-1) = W @ diag(1 - h_t²), here on rows of effects.
    effects = np.zeros((len(packed.order), len(chosen), len(recurrent_kernel)), np.float32)
    effects[:, np.arange(len(chosen)), chosen] = 1.0
    medians = [np.ones(len(chosen), np.float32)]
    start = 0
    for count, next_count in zip(packed.active[:-1], packed.active[1:], strict=True):
        if next_count < min_texts or len(medians) > steps:
            break
        slope = slopes[start : start + next_count, np.newaxis]
        effects = (effects[:next_count] * slope) @ recurrent_kernel.T
        medians.append(np.median(np.linalg.norm(effects, axis=2), axis=0))
        start += count
    return np.array(medians, np.float32)


def _drives(
    bundle: Bundle, kernel: np.ndarray
) -> tuple[list[tuple[Drives, Drives]], list[tuple[Drives, Drives]]]:
    """Return the words, and the n-grams, that drive each column of `kernel` (E, K) up and down."""
    tokenizer = bundle.tokenizer
    size = tokenizer.vocabulary_size
    words, ngrams = (
        [
            _strongest(tokenizer, drives, start)
            for drives in (bundle.embedding[start:end].astype(np.float32) @ kernel).T
        ]
        for start, end in ((FIRST_WORD, min(size, FIRST_WORD + _FREQUENT_WORDS)), (size, None))
    )
    return words, ngrams


def _strongest(tokenizer: Tokenizer, drives: np.ndarray, start: int) -> tuple[Drives, Drives]:
    """Return the features with the largest positive and negative drives.

    The feature of drives[i] has the id start + i.
    """

    def largest(values: np.ndarray) -> Drives:
        rows = np.argpartition(-values, min(_LIST_LENGTH, len(values)) - 1)[:_LIST_LENGTH]
        rows = rows[np.argsort(-values[rows], kind="stable")]
        return [
            (_feature_text(tokenizer, start + row), float(drives[row]))
            for row in rows[values[rows] > 0].tolist()
        ]

    if not len(drives):
        return [], []
    return largest(drives), largest(-drives)


def _feature_text(tokenizer: Tokenizer, feature: int) -> str:
    """Return the word, or the words of the n-gram, with the embedding row `feature`.

    A word that is negated is `not … word`.
    """
    size = tokenizer.vocabulary_size
    key = feature if feature < size else int(tokenizer.ngrams[feature - size])
    ids: list[int] = []
    while key:
        key, word = divmod(key, size)
        ids.append(word)
    words = [tokenizer.words[word - FIRST_WORD] for word in ids if word != NEGATED]
    return " ".join([*(["not …"] if NEGATED in ids else []), *reversed(words)])
