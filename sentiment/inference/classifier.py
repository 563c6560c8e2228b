"""Run a trained classifier with NumPy alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sentiment.data.encoded_texts import EncodedTexts
from sentiment.errors import DamagedFileError
from sentiment.inference.bundle import Bundle
from sentiment.inference.cells import cell_of
from sentiment.inference.evidence import count_words
from sentiment.inference.manifest import damage_hint
from sentiment.inference.weights import (
    CLASSIFIER_BIAS,
    CLASSIFIER_KERNEL,
    directions,
    weight_name,
)

BATCH_SIZE = 512  # texts read at once; more are no faster and take more memory
_ROWS = 4096  # vectors that are added up at once: they stay in the cache of a core
_STEP = 2.0**-8  # of a difference quotient: short enough for tanh, long enough for float32
# Infinity saturates a unit and is no error; NaN, which may follow, is reported by `_check_numbers`.
_ignore_overflow = np.errstate(over="ignore", invalid="ignore")


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + e^-logits), in the dtype of `logits`."""
    with np.errstate(over="ignore"):  # float32: below -88 the exponential is infinite, and P is 0
        return 1.0 / (1.0 + np.exp(-logits))


@dataclass(frozen=True)
class PackedSteps:
    """Texts laid out by time step, the longest first, so that each step is one slice.

    order: int64 (N,), the texts by falling length; where: int64 (total tokens,), the index in the
    flat array of each position in this layout; active: int64 (T,), how many texts have a step t;
    last: int64 (M,), the position of the last step of the first M texts of `order`, which are those
    with a token.
    """

    order: np.ndarray
    where: np.ndarray
    active: np.ndarray
    last: np.ndarray


def pack_by_step(offsets: np.ndarray, *, backward: bool = False) -> PackedSteps:
    """Lay out texts for reading, from their ends if `backward`."""
    lengths = np.diff(offsets)
    order = np.argsort(-lengths, kind="stable")
    descending = lengths[order]
    longest = int(lengths.max(initial=0))
    active = np.searchsorted(-descending, -np.arange(longest), side="left")
    starts = np.cumsum(active) - active
    step = np.repeat(np.arange(longest), active)
    rows = order[np.arange(len(step)) - starts[step]]
    where = offsets[1:][rows] - 1 - step if backward else offsets[:-1][rows] + step
    some = descending[descending > 0]
    return PackedSteps(order, where, active, starts[some - 1] + np.arange(len(some)))


def _final_states(states: np.ndarray, packed: PackedSteps) -> np.ndarray:
    """Return the state after the last step of each text, (N, H); zeros for a text without any."""
    final = np.zeros((len(packed.order), states.shape[1]), np.float32)
    final[packed.order[: len(packed.last)]] = states[packed.last]
    return final


def _pool(states: np.ndarray, offsets: np.ndarray, kind: str) -> np.ndarray:
    """Return the mean or maximum over the steps of each text; zeros for a text without any."""
    pooled = np.zeros((len(offsets) - 1, states.shape[1]), np.float32)
    lengths = np.diff(offsets)
    some = lengths > 0
    if kind == "mean":
        sums = np.add.reduceat(states, offsets[:-1][some], axis=0)
        pooled[some] = sums / lengths[some, None]
    else:
        pooled[some] = np.maximum.reduceat(states, offsets[:-1][some], axis=0)
    return pooled


@dataclass(frozen=True)
class Reading:
    """What the network has read in N texts.

    states: float32 (N, S), see `Classifier.final_states`; evidence: int64 (N,), how many different
    known words carry the verdict on each text, see `evidence.py`.
    """

    states: np.ndarray
    evidence: np.ndarray


class Classifier:
    """Texts in, final hidden states and probabilities out."""

    def __init__(self, bundle: Bundle):
        self.bundle = bundle
        self._embedding = np.asarray(bundle.embedding)

    @cached_property
    def _float32_embedding(self) -> np.ndarray:
        """The embedding in float32: faster if more rows are read than it has."""
        return self._embedding.astype(np.float32)

    def encode(self, texts: Iterable[str]) -> EncodedTexts:
        """Return the word ids of `texts`, cut as in training."""
        return self.bundle.tokenizer.encode(texts, self.bundle.settings.longest_review)

    def final_states(self, encoded: EncodedTexts) -> np.ndarray:
        """Return the state after the last token of each text, float32 (N, S).

        In a bidirectional network the state after the first token, read backwards, follows it. A
        text with no token has the initial state, zeros. With the `readout` mean or max this is the
        pool over all steps.
        """
        return self._read(encoded, count=False).states

    def read(self, encoded: EncodedTexts) -> Reading:
        """Return the final state of each text, and how many words carry the verdict on it."""
        return self._read(encoded, count=True)

    def _read(self, encoded: EncodedTexts, *, count: bool) -> Reading:
        """Return the final state of each text, and if `count` how many words carry the verdict."""
        states = np.empty((len(encoded), self.bundle.settings.state_size), np.float32)
        evidence = np.zeros(len(encoded), np.int64)
        by_length = np.argsort(-encoded.lengths, kind="stable")
        for start in range(0, len(encoded), BATCH_SIZE):
            rows = by_length[start : start + BATCH_SIZE]
            batch = encoded.take(rows)
            inputs = self._inputs(batch)
            states[rows] = finals = self._finals(inputs, batch.offsets)
            if count:
                evidence[rows] = self._count_words(batch, inputs, finals)
        return Reading(self._check_numbers(states), evidence)

    @_ignore_overflow
    def _count_words(
        self, encoded: EncodedTexts, inputs: np.ndarray, finals: np.ndarray
    ) -> np.ndarray:
        """Return how many words carry the verdict on each text, int64 (N,)."""
        return count_words(encoded, inputs @ self._push, self._raw_logits(finals))

    @cached_property
    @_ignore_overflow
    def _push(self) -> np.ndarray:
        """The change of the log-odds by each number of the vector of a word that stands alone.

        float32 (E,), to first order. Measured, not derived, so that it holds for any cell.
        """
        steps = np.float32(_STEP) * np.eye(self.bundle.settings.embedding, dtype=np.float32)
        inputs = np.concatenate([steps, -steps])
        finals = self._finals(inputs, np.arange(len(inputs) + 1))
        up, down = np.split(self._raw_logits(finals), 2)
        return (up - down) / np.float32(2 * _STEP * self.bundle.temperature)

    def states(self, encoded: EncodedTexts) -> np.ndarray:
        """Return the state of the last layer after every token, float32 (total tokens, S).

        Rows are in the order of the tokens. The forward half of a row is the state after reading up
        to that token. The backward half, in a bidirectional network, is the state after reading
        back to it from the end. So the final state is the last row forward and the first backward.
        """
        states = np.empty((len(encoded.tokens), self.bundle.settings.state_size), np.float32)
        for start in range(0, len(encoded), BATCH_SIZE):
            rows = np.arange(start, min(start + BATCH_SIZE, len(encoded)))
            tokens = slice(encoded.offsets[rows[0]], encoded.offsets[rows[-1] + 1])
            batch = encoded.take(rows)
            states[tokens] = self._run(self._inputs(batch), batch.offsets, every_step=True)[0]
        return self._check_numbers(states)

    def _inputs(self, encoded: EncodedTexts) -> np.ndarray:
        """Return the vector of each token, its n-grams included, float32 (total tokens, E)."""
        settings = self.bundle.settings
        features = self.bundle.tokenizer.features(
            encoded, settings.ngrams, repeats=settings.repeats, negation=settings.negation
        )
        many = features.size > len(self._embedding)
        return _embed(self._float32_embedding if many else self._embedding, features)

    def _finals(self, inputs: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Return what the classifier reads of texts with these inputs, float32 (N, S)."""
        pooled = self.bundle.settings.readout != "last"
        return self._run(inputs, offsets, every_step=pooled)[1]

    @_ignore_overflow
    def _run(
        self, inputs: np.ndarray, offsets: np.ndarray, *, every_step: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return all states (total tokens, S) and what the classifier reads of them (N, S).

        Without `every_step`, ignore the first array: it lacks the states of the last layer.
        """
        settings = self.bundle.settings
        layouts = {
            name: pack_by_step(offsets, backward=name == "backward")
            for name in directions(settings)
        }
        for number in range(1, settings.layers + 1):
            final, sequences = [], []
            for direction, packed in layouts.items():
                states = self._run_layer(number, direction, inputs, packed)
                final.append(_final_states(states, packed))
                if every_step or number < settings.layers:
                    flat = np.empty_like(states)
                    flat[packed.where] = states
                    sequences.append(flat)
            if sequences:
                inputs = np.concatenate(sequences, axis=1)
        if settings.readout == "last":
            return inputs, np.concatenate(final, axis=1)
        return inputs, _pool(inputs, offsets, settings.readout)

    def _run_layer(
        self, number: int, direction: str, inputs: np.ndarray, packed: PackedSteps
    ) -> np.ndarray:
        """Return the states at all steps, float32 (total tokens, H), in the order of `packed`."""
        cell = cell_of(self.bundle.settings)
        weights = {
            part: self.bundle.weights[weight_name(number, direction, part)] for part in cell.parts
        }
        # np.take is several times as fast as an index in brackets, and inputs are not as wide.
        projected = np.take(inputs, packed.where, axis=0) @ weights["kernel"]
        projected += weights["bias"]
        return cell.states(projected, weights, packed.active)

    @_ignore_overflow
    def probabilities(self, states: np.ndarray) -> np.ndarray:
        """Return P(positive) of final states (N, S), float32 (N,)."""
        return sigmoid(self.logits(states) / np.float32(self.bundle.temperature))

    @_ignore_overflow
    def logits(self, states: np.ndarray) -> np.ndarray:
        """Return the uncalibrated logits of final states (N, S), float32 (N,)."""
        return self._check_numbers(self._raw_logits(states))

    def _raw_logits(self, states: np.ndarray) -> np.ndarray:
        weights = self.bundle.weights
        return (states @ weights[CLASSIFIER_KERNEL] + weights[CLASSIFIER_BIAS])[:, 0]

    def _check_numbers(self, values: np.ndarray) -> np.ndarray:
        """Return `values`; raise DamagedFileError if one is NaN, as large weights make it."""
        if np.isnan(values).any():
            raise DamagedFileError(
                f"{self.bundle.folder}: the model's answer is not a number, as its weights in "
                "weights.npz are too large",
                hint=damage_hint(self.bundle.folder),
            )
        return values

    def predict(self, texts: Iterable[str]) -> np.ndarray:
        """Return P(positive) of each text, float32 (N,)."""
        return self.probabilities(self.final_states(self.encode(texts)))


def _embed(table: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return the summed vectors of each token's features, float32 (total tokens, E)."""
    vectors = np.empty((len(features), table.shape[1]), np.float32)
    for start in range(0, len(features), _ROWS):
        block = vectors[start : start + _ROWS]
        first, *others = features[start : start + _ROWS].T
        block[:] = np.take(table, first, axis=0)
        for column in others:
            # A token without a known n-gram has feature 0 there: this adds row 0, which is zeros.
            block += np.take(table, column, axis=0)
    return vectors
