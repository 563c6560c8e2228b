"""Run a trained classifier with NumPy alone.

Knows token ids, arrays and the bundle; knows nothing of TensorFlow or MLflow.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sentiment.data.tokenizer import EncodedTexts
from sentiment.errors import DamagedFileError
from sentiment.inference.bundle import HINT, Bundle
from sentiment.inference.weights import directions

BATCH_SIZE = 512  # reviews read at once; more are no faster and take more memory
# Infinity saturates a unit and is no fault; what is no number after it is told in one sentence.
_large_weights = np.errstate(over="ignore", invalid="ignore")


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + e^-logits), in the dtype of `logits`."""
    with np.errstate(over="ignore"):  # float32: below -88 the exponential is infinite, and P is 0
        return 1.0 / (1.0 + np.exp(-logits))


@dataclass(frozen=True)
class Packed:
    """Reviews laid out by time step, the longest first, so that step t is one slice.

    order: int64 (N,), the reviews by falling length; where: int64 (total tokens,), for each place
    here its place in the flat array; active: int64 (T,), reviews that still go on at each step.
    """

    order: np.ndarray
    where: np.ndarray
    active: np.ndarray


def pack_by_step(offsets: np.ndarray, *, backward: bool = False) -> Packed:
    """Lay out reviews for reading, from their ends where `backward`."""
    lengths = np.diff(offsets)
    order = np.argsort(-lengths, kind="stable")
    longest = int(lengths.max(initial=0))
    active = np.searchsorted(-lengths[order], -np.arange(longest), side="left")
    step = np.repeat(np.arange(longest), active)
    rows = order[np.arange(len(step)) - (np.cumsum(active) - active)[step]]
    where = offsets[1:][rows] - 1 - step if backward else offsets[:-1][rows] + step
    return Packed(order, where, active)


def recur(projected: np.ndarray, recurrent_kernel: np.ndarray, packed: Packed) -> np.ndarray:
    """Return the final states, float32 (N, H), turning `projected` into the states at all steps.

    projected: float32 (total tokens, H), x·kernel + bias in packed order; overwritten.
    """
    state = np.zeros((len(packed.order), len(recurrent_kernel)), np.float32)
    start = 0
    for count in packed.active:
        now = projected[start : start + count]
        now += state[:count] @ recurrent_kernel
        np.tanh(now, out=now)
        state[:count] = now
        start += count
    final = np.empty_like(state)
    final[packed.order] = state
    return final


def _pool(states: np.ndarray, offsets: np.ndarray, kind: str) -> np.ndarray:
    """Return the mean or maximum over the steps of each review; zeros where it has none."""
    pooled = np.zeros((len(offsets) - 1, states.shape[1]), np.float32)
    lengths = np.diff(offsets)
    some = lengths > 0
    if kind == "mean":
        sums = np.add.reduceat(states, offsets[:-1][some], axis=0)
        pooled[some] = sums / lengths[some, None]
    else:
        pooled[some] = np.maximum.reduceat(states, offsets[:-1][some], axis=0)
    return pooled


class Classifier:
    """Texts in, final hidden states and probabilities out."""

    def __init__(self, bundle: Bundle):
        self.bundle = bundle
        self._embedding = np.asarray(bundle.embedding)

    @cached_property
    def _whole(self) -> np.ndarray:
        """The embedding in float32, for those who read more rows than it has."""
        return self._embedding.astype(np.float32)

    def encode(self, texts: Iterable[str]) -> EncodedTexts:
        """Return the word ids of `texts`, cut as in training."""
        encoded = self.bundle.tokenizer.encode(texts)
        return encoded.last(self.bundle.settings.longest_review)

    def final_states(self, encoded: EncodedTexts) -> np.ndarray:
        """Return the state after the last token of each review, float32 (N, S).

        Where the network is bidirectional the state after the first token, read backwards, follows
        it. A review with no token has the initial state, zeros. With the `readout` mean or max the
        pool over all steps takes the final state's place.
        """
        pooled = self.bundle.settings.readout != "last"
        states = np.empty((len(encoded), self.bundle.settings.state_size), np.float32)
        by_length = np.argsort(-encoded.lengths, kind="stable")
        for start in range(0, len(encoded), BATCH_SIZE):
            rows = by_length[start : start + BATCH_SIZE]
            states[rows] = self._read(encoded.take(rows), every_step=pooled)[1]
        return self._numbers(states)

    def states(self, encoded: EncodedTexts) -> np.ndarray:
        """Return the state of the last layer after every token, float32 (total tokens, S).

        Rows are in the order of the tokens: the forward half of a row is the state after reading
        on to that token, the backward half, in a bidirectional network, the one after reading back
        to it from the end. So the final state is forward the last row and backward the first.
        """
        states = np.empty((len(encoded.tokens), self.bundle.settings.state_size), np.float32)
        for start in range(0, len(encoded), BATCH_SIZE):
            rows = np.arange(start, min(start + BATCH_SIZE, len(encoded)))
            place = slice(encoded.offsets[rows[0]], encoded.offsets[rows[-1] + 1])
            states[place] = self._read(encoded.take(rows), every_step=True)[0]
        return self._numbers(states)

    @_large_weights
    def _read(self, encoded: EncodedTexts, *, every_step: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return all states (total tokens, S) and what the classifier reads of them (N, S).

        Without `every_step` the first are not those of the last layer, whose final states suffice.
        """
        settings, weights = self.bundle.settings, self.bundle.weights
        features = self.bundle.tokenizer.features(encoded, settings.ngrams)
        many = features.size > len(self._embedding)
        entering = _embed(self._whole if many else self._embedding, features)
        layouts = {
            name: pack_by_step(encoded.offsets, backward=name == "backward")
            for name in directions(settings)
        }
        for number in range(1, settings.layers + 1):
            finals, sequences = [], []
            for direction, packed in layouts.items():
                prefix = f"rnn_{number}.{direction}"
                # np.take is several times as fast as an index in brackets.
                states = np.take(entering @ weights[f"{prefix}.kernel"], packed.where, axis=0)
                states += weights[f"{prefix}.bias"]
                finals.append(recur(states, weights[f"{prefix}.recurrent_kernel"], packed))
                if every_step or number < settings.layers:
                    flat = np.empty_like(states)
                    flat[packed.where] = states
                    sequences.append(flat)
            if sequences:
                entering = np.concatenate(sequences, axis=1)
        if settings.readout == "last":
            return entering, np.concatenate(finals, axis=1)
        return entering, _pool(entering, encoded.offsets, settings.readout)

    def probabilities(self, states: np.ndarray) -> np.ndarray:
        """Return P(positive) of final states (N, S), float32 (N,)."""
        return sigmoid(self.logits(states) / np.float32(self.bundle.temperature))

    @_large_weights
    def logits(self, states: np.ndarray) -> np.ndarray:
        """Return what the classifier makes of final states (N, S), uncalibrated, float32 (N,)."""
        weights = self.bundle.weights
        return self._numbers(
            (states @ weights["classifier.kernel"] + weights["classifier.bias"])[:, 0]
        )

    def _numbers(self, said: np.ndarray) -> np.ndarray:
        """Return `said`; raise DamagedFileError where finite weights have led to what is none."""
        if np.isnan(said).any():
            raise DamagedFileError(
                f"{self.bundle.folder}: the model's answer is not a number, as its weights in "
                "weights.npz are too large",
                hint=HINT,
            )
        return said

    def predict(self, texts: Iterable[str]) -> np.ndarray:
        """Return P(positive) of each text, float32 (N,)."""
        return self.probabilities(self.final_states(self.encode(texts)))


def _embed(table: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return the summed vectors of each token's features, float32 (total tokens, E)."""
    vectors = np.take(table, features[:, 0], axis=0).astype(np.float32, copy=False)
    for column in features.T[1:]:
        # Where no n-gram is known this adds row 0, which is zeros.
        vectors += np.take(table, column, axis=0)
    return vectors
