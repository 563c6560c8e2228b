"""What each hidden unit listens to, how far it moves the decision and how long it remembers.

Knows bundles, the NumPy runtime and arrays; knows nothing of how units are shown.

Words enter the first layer, so it is the first layer's units that are told of. Where it is the
only layer they are the numbers that the classifier reads; where others stand above it, no single
weight says what a unit does to the decision, and none is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sentiment.data.tokenizer import FIRST_WORD, EncodedTexts, Tokenizer
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier, pack_by_step
from sentiment.inference.weights import directions

MAX_UNITS = 64  # units told of; of more, those that the classifier weighs most
SATURATED = 0.99  # size of a unit from which its slope, 1 - h², is below 0.02
_FREQUENT = 20_000  # words, the most frequent first; rarer ones have hardly been learnt
_LISTED = 10  # words, and n-grams, in each list
_BUDGET = 1 << 30  # multiplications in one direction's Jacobians: about a second
_FEWEST = 8  # texts that a median is taken over, however dear
_STILL = 4  # a median is taken while a quarter of the texts go on

Drives = list[tuple[str, float]]


@dataclass(frozen=True)
class Unit:
    """One unit of the first layer.

    name: its direction and number, from 1; weight: what the classifier multiplies it with, None
    where another layer stands between; up and down: the words that drive it furthest above and
    below zero, with what they add to it before tanh, the strongest first; ngrams_up, ngrams_down:
    likewise n-grams, as their words, and what each adds beyond the vectors of those words;
    saturation: share of texts that leave it beyond ±0.99.

    decay: float32 (M,), the effect that a nudge to the layer's state n words before the end has on
    the unit's final value, ‖∂h_T[k] / ∂h_(T-n)‖, from n = 0, where it is 1: the median over the
    texts longer than n words. half_life: the least n at which it is 0.5 or less, infinite where
    it never falls so low within the M - 1 words.
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
        """Words until the effect of an input on the final value has fallen by half."""
        fallen = np.flatnonzero(self.decay <= 0.5)
        return float(fallen[0]) if len(fallen) else float("inf")


def analyze_units(bundle: Bundle, texts: Sequence[str], most: int = MAX_UNITS) -> list[Unit]:
    """Return the first layer's units, the one that the classifier weighs most first.

    Saturation is over all `texts`. The Jacobians are followed through evenly chosen texts and,
    from the end of each, through so many words as about a second allows: with 16 units all of 64
    reviews, with 1,024 units 16 words of 8 reviews.
    """
    weights, settings = bundle.weights, bundle.settings
    prefixes = [f"rnn_1.{direction}" for direction in directions(settings)]
    kernel = np.concatenate([weights[f"{prefix}.kernel"] for prefix in prefixes], axis=1)
    decisive = weights["classifier.kernel"][:, 0] if settings.layers == 1 else None
    order = np.arange(kernel.shape[1])
    if decisive is not None:
        order = np.argsort(-np.abs(decisive), kind="stable")
    order = order[:most]
    finals, decays = _run(bundle, texts, order)
    words, ngrams = _driven(bundle, kernel[:, order])
    names = [f"{way} {k + 1}" for way in directions(settings) for k in range(settings.units)]
    return [
        Unit(
            names[number],
            None if decisive is None else float(decisive[number]),
            *words[place],
            *ngrams[place],
            float(np.mean(np.abs(finals[:, number]) > SATURATED)) if len(finals) else 0.0,
            decays[number],
        )
        for place, number in enumerate(order.tolist())
    ]


def _run(
    bundle: Bundle, texts: Sequence[str], order: np.ndarray
) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Return the final states of the first layer (N, S), and the decay of each unit of `order`."""
    settings = replace(bundle.settings, layers=1, readout="last")
    first = Classifier(replace(bundle, settings=settings))
    encoded = first.encode(texts)
    encoded = encoded.take(np.flatnonzero(encoded.lengths))
    units = settings.units
    finals = first.final_states(encoded)
    decays: dict[int, np.ndarray] = {}
    for place, direction in enumerate(directions(settings)):
        chosen = order[(order >= place * units) & (order < (place + 1) * units)]
        cost = units * units * max(1, len(chosen))
        texts_read, steps = _affordable(encoded, cost)
        states = first.states(texts_read)[:, place * units : (place + 1) * units]
        recurrent_kernel = bundle.weights[f"rnn_1.{direction}.recurrent_kernel"]
        backward = direction == "backward"
        found = decay(
            states,
            texts_read.offsets,
            recurrent_kernel,
            chosen - place * units,
            backward=backward,
            steps=steps,
        )
        decays |= dict(zip(chosen.tolist(), found.T, strict=True))
    return finals, decays


def _affordable(encoded: EncodedTexts, cost: int) -> tuple[EncodedTexts, int]:
    """Return the texts, and the words from their ends, whose Jacobians fit the budget.

    cost: multiplications for one word of one text.
    """
    if not len(encoded):
        return encoded, 0
    longest = int(encoded.lengths.max())
    count = int(np.clip(_BUDGET // (cost * longest), _FEWEST, len(encoded)))
    count = min(count, len(encoded))
    rows = np.linspace(0, len(encoded) - 1, count).astype(np.int64)
    return encoded.take(rows), max(16, _BUDGET // (cost * count))


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
    last. Row n is the median over texts of ‖∂h_T[k] / ∂h_(T-n)‖, for n = 0, 1, … up to `steps` or
    to where less than a quarter of the texts go on.
    """
    # From the end that was read last towards the one that was read first.
    packed = pack_by_step(offsets, backward=not backward)
    slopes = 1.0 - np.take(states, packed.where, axis=0) ** 2
    least = max(1, -(-len(packed.order) // _STILL))
    # h_t = tanh(… + h_(t-1) @ W), so ∂h_t/∂h_(t-1) = W @ diag(1 - h_t²), here on rows of effects.
    effects = np.zeros((len(packed.order), len(chosen), len(recurrent_kernel)), np.float32)
    effects[:, np.arange(len(chosen)), chosen] = 1.0
    medians = [np.ones(len(chosen), np.float32)]
    start = 0
    for count, following in zip(packed.active[:-1], packed.active[1:], strict=True):
        if following < least or len(medians) > steps:
            break
        slope = slopes[start : start + following, np.newaxis]
        effects = (effects[:following] * slope) @ recurrent_kernel.T
        medians.append(np.median(np.linalg.norm(effects, axis=2), axis=0))
        start += count
    return np.array(medians, np.float32)


def _driven(
    bundle: Bundle, kernel: np.ndarray
) -> tuple[list[tuple[Drives, Drives]], list[tuple[Drives, Drives]]]:
    """Return what drives each column of `kernel` (E, K) up and down: of words, and of n-grams."""
    tokenizer = bundle.tokenizer
    size = tokenizer.vocabulary_size
    words, ngrams = (
        [
            _furthest(tokenizer, drives, start)
            for drives in (bundle.embedding[start:end].astype(np.float32) @ kernel).T
        ]
        for start, end in ((FIRST_WORD, min(size, FIRST_WORD + _FREQUENT)), (size, None))
    )
    return words, ngrams


def _furthest(tokenizer: Tokenizer, drives: np.ndarray, start: int) -> tuple[Drives, Drives]:
    """Return what drives furthest up and down; the feature of drives[i] has the id start + i."""

    def first(signed: np.ndarray) -> Drives:
        rows = np.argpartition(-signed, min(_LISTED, len(signed)) - 1)[:_LISTED]
        rows = rows[np.argsort(-signed[rows], kind="stable")]
        return [
            (_spelt(tokenizer, start + row), float(drives[row]))
            for row in rows[signed[rows] > 0].tolist()
        ]

    if not len(drives):
        return [], []
    return first(drives), first(-drives)


def _spelt(tokenizer: Tokenizer, feature: int) -> str:
    """Return the word, or the words of the n-gram, whose row of the embedding is `feature`."""
    size = tokenizer.vocabulary_size
    key = feature if feature < size else int(tokenizer.ngrams[feature - size])
    ids: list[int] = []
    while key:
        key, number = divmod(key, size)
        ids.append(number)
    return " ".join(tokenizer.words[number - FIRST_WORD] for number in reversed(ids))
