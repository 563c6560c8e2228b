"""How a classifier came to what it says of a text, word by word.

Knows the runtime and NumPy; knows nothing of how an explanation is shown or stored.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sentiment.data.tokenizer import UNKNOWN, EncodedTexts, tokenize
from sentiment.errors import InputError
from sentiment.inference.classifier import BATCH_SIZE, Classifier
from sentiment.inference.weights import directions

HINT = 'sentiment predict "A moving film."'


@dataclass(frozen=True)
class Trace:
    """What a classifier makes of a text as it reads on.

    tokens: the T words read; known: bool (T,), whether the vocabulary holds each;
    probabilities: float32 (T,), P(positive) of the text up to and including each word;
    states: float32 (T, S), the state of the last layer after each word of the whole text;
    finals: float32 (T, S), what the classifier reads of the text up to and including each word;
    directions: which the network reads in; each has as many numbers of the state;
    deciding: int64 (S,), the row of `states` that the classifier reads of each number of the
    state, or None where it reads a pool of all rows.
    """

    text: str
    tokens: list[str]
    known: np.ndarray
    probabilities: np.ndarray
    states: np.ndarray
    finals: np.ndarray
    directions: tuple[str, ...]
    deciding: np.ndarray | None


@dataclass(frozen=True)
class WordEffects:
    """How far each word moved the decision.

    tokens: the T words read; known: bool (T,), whether the vocabulary holds each; probability:
    P(positive) of the whole text; without: float32 (T,), P(positive) with that one word taken out;
    effects: float32 (T,), what the word added to the log-odds of positive, log(P / (1 - P)): above
    0 it spoke for positive, below for negative.
    """

    tokens: list[str]
    known: np.ndarray
    probability: float
    without: np.ndarray
    effects: np.ndarray

    def strongest(self, most: int) -> tuple[list[int], list[int]]:
        """Return the places of at most `most` words for positive, and for negative.

        The strongest come first; a word without effect is in neither.
        """
        order = np.argsort(-self.effects, kind="stable").tolist()
        positive = [place for place in order if self.effects[place] > 0]
        negative = [place for place in reversed(order) if self.effects[place] < 0]
        return positive[:most], negative[:most]


def trace(classifier: Classifier, text: str) -> Trace:
    """Follow P(positive) and the hidden states through `text`.

    P(positive) after a word is what the model says of the text up to and including that word: the
    classifier put on the final state of that beginning. Where the network reads forward only and
    the classifier its final state, that is the classifier put on each hidden state in turn. A
    bidirectional network reads each beginning back from its own end, and a readout of mean or max
    pools over that beginning alone, so there each beginning is read by itself.

    Of a text above the model's longest review only the last words are read, as in `predict`.
    Raises InputError where the text holds no word that the model knows.
    """
    encoded, tokens = encode_text(classifier, text)
    settings = classifier.bundle.settings
    states = classifier.states(encoded)
    if settings.bidirectional or settings.readout != "last":
        finals = _final_states(classifier, _beginnings(encoded.tokens))
    else:
        finals = states
    ways, deciding = directions(settings), None
    if settings.readout == "last":
        ends = [len(tokens) - 1, 0][: len(ways)]  # forward the last row, backward the first
        deciding = np.repeat(ends, settings.units)
    known, probabilities = encoded.tokens != UNKNOWN, classifier.probabilities(finals)
    return Trace(text, tokens, known, probabilities, states, finals, ways, deciding)


def word_effects(classifier: Classifier, text: str) -> WordEffects:
    """Measure the effect of each word of `text` by occlusion.

    The text is read again without the word, its neighbours forming n-grams anew: the effect is by
    how much the log-odds fall. Integrated gradients would need few readings of the text instead of
    T, but they share out a path from an empty embedding that no text ever takes, and divide an
    n-gram among its words by rule; occlusion says what the model does say. Effects of words that
    mean something only together ("not bad") do not add up.

    Of a text above the model's longest review only the last words are read, as in `predict`.
    Raises InputError where the text holds no word that the model knows.
    """
    encoded, tokens = encode_text(classifier, text)
    whole = classifier.final_states(encoded)
    finals = _final_states(classifier, _occlusions(encoded.tokens))
    # From logits, not from probabilities: those of a certain model are all 1 in float32.
    effects = classifier.logits(whole) - classifier.logits(finals)
    effects /= np.float32(classifier.bundle.temperature)
    probability = float(classifier.probabilities(whole)[0])
    known = encoded.tokens != UNKNOWN
    return WordEffects(tokens, known, probability, classifier.probabilities(finals), effects)


def encode_text(
    classifier: Classifier, text: str, *, hint: str = HINT
) -> tuple[EncodedTexts, list[str]]:
    """Return the words of `text` that the model reads, as ids and as they are spelt.

    Raises InputError, with `hint`, where the text holds no word that the model knows.
    """
    encoded = classifier.encode([text])
    if not len(encoded.tokens):
        fact = "the text is empty" if not text.strip() else f"{text[:40]!r} holds no word"
        raise InputError(f"nothing to explain: {fact}", hint=hint)
    if (encoded.tokens == UNKNOWN).all():
        raise InputError(f"nothing to explain: the model knows no word of {text[:40]!r}", hint=hint)
    return encoded, tokenize(text)[-len(encoded.tokens) :]


def _final_states(classifier: Classifier, parts: Iterator[EncodedTexts]) -> np.ndarray:
    return np.concatenate([classifier.final_states(part) for part in parts])


def _beginnings(tokens: np.ndarray) -> Iterator[EncodedTexts]:
    """Yield the first 1, 2, … T of `tokens`, so many at once as the runtime reads at once.

    Of the tokens 5 6 7: 5, 5 6 and 5 6 7.
    """
    for start in range(0, len(tokens), BATCH_SIZE):
        lengths = np.arange(start + 1, min(start + BATCH_SIZE, len(tokens)) + 1)
        inside = np.arange(lengths[-1]) < lengths[:, None]
        rows = np.broadcast_to(tokens[: lengths[-1]], inside.shape)
        yield EncodedTexts(rows[inside], np.concatenate([[0], np.cumsum(lengths)]))


def _occlusions(tokens: np.ndarray) -> Iterator[EncodedTexts]:
    """Yield `tokens` without the first, without the second … without the last.

    Of the tokens 5 6 7: 6 7, 5 7 and 5 6.
    """
    left = len(tokens) - 1
    for start in range(0, len(tokens), BATCH_SIZE):
        out = np.arange(start, min(start + BATCH_SIZE, len(tokens)))
        rows = np.arange(left) + (np.arange(left) >= out[:, None])
        yield EncodedTexts(tokens[rows].reshape(-1), np.arange(len(out) + 1) * left)
