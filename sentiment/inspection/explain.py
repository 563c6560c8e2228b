"""Explain the prediction for one text, word by word."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.tokenizer import UNKNOWN
from sentiment.errors import InputError
from sentiment.inference.classifier import BATCH_SIZE, Classifier
from sentiment.inference.weights import directions
from sentiment.utils.text import count_of

_SHOWN_WORDS = 12  # in the line of text that stands for an explanation
HINT = 'sentiment predict "A moving film."'


@dataclass(frozen=True)
class Trace:
    """P(positive) and the hidden state after each word of a text.

    tokens: the T words that the model reads; known: bool (T,), whether each is in the vocabulary;
    probabilities: float32 (T,), P(positive) of the text up to and including each word;
    states: float32 (T, S), the state of the last layer at each word of the whole text;
    finals: float32 (T, S), the input of the classifier for the text up to and including each word;
    directions: those that the network reads in; each has an equal share of the S numbers;
    deciding: int64 (S,), for each number of the state the row of `states` that the classifier
    reads, or None if it reads a pool of all rows.
    """

    text: str
    tokens: list[str]
    known: np.ndarray
    probabilities: np.ndarray
    states: np.ndarray
    finals: np.ndarray
    directions: tuple[str, ...]
    deciding: np.ndarray | None

    def __repr__(self) -> str:
        return f"<Trace of {_summary(self.tokens, self.probabilities, '.2f')}>"

    def _repr_html_(self) -> str:
        from sentiment.utils.notebook import draw_words  # here, as predictions don't need it

        values = self.probabilities.tolist()
        words = [
            (word, bool(known), 2 * value - 1, f"{value:.2f}")
            for word, known, value in zip(self.tokens, self.known, values, strict=True)
        ]
        return draw_words("P(positive) after each word", words, _footnote(self.known))


@dataclass(frozen=True)
class WordEffects:
    """The effect of each word of a text on the prediction.

    tokens: the T words that the model reads; known: bool (T,), whether each is in the vocabulary;
    probability: P(positive) of the whole text;
    without: float32 (T,), P(positive) of the text without that one word;
    effects: float32 (T,), the change that the word makes to the log-odds of positive,
    log(P / (1 - P)): above 0 it makes the text more positive, below 0 more negative.
    """

    tokens: list[str]
    known: np.ndarray
    probability: float
    without: np.ndarray
    effects: np.ndarray

    def __repr__(self) -> str:
        return f"<WordEffects of {_summary(self.tokens, self.effects, '+.2f')}>"

    def _repr_html_(self) -> str:
        from sentiment.utils.notebook import draw_words  # here, as predictions don't need it

        largest = float(np.abs(self.effects).max()) or 1.0
        words = [
            (word, bool(known), effect / largest, f"{effect:+.2f}")
            for word, known, effect in zip(
                self.tokens, self.known, self.effects.tolist(), strict=True
            )
        ]
        heading = f"Effect of each word in log-odds; P(positive) {self.probability:.2f}"
        return draw_words(heading, words, _footnote(self.known))

    def strongest(self, most: int) -> tuple[list[int], list[int]]:
        """Return the positions of the words with the strongest positive, and negative, effects.

        Each list has at most `most` positions, from 0, the strongest effect first. A word without
        an effect is in neither.
        """
        order = np.argsort(-self.effects, kind="stable").tolist()
        positive = [position for position in order if self.effects[position] > 0]
        negative = [position for position in reversed(order) if self.effects[position] < 0]
        return positive[:most], negative[:most]


def trace(classifier: Classifier, text: str) -> Trace:
    """Return P(positive) and the hidden state after each word of `text`.

    P(positive) after a word is the prediction for the text that ends with that word. If the network
    reads forward only and its readout is the last state, this is the classifier applied to each
    hidden state in turn. Otherwise the model reads each beginning of the text on its own: a
    bidirectional network reads backward from the end of that beginning, and a readout of mean or
    max pools over that beginning alone.

    A text longer than the model's longest review is cut to its last words, as in `predict`. Raises
    InputError if the model knows no word of the text.
    """
    encoded, tokens = encode_text(classifier, text)
    settings = classifier.bundle.settings
    states = classifier.states(encoded)
    if settings.bidirectional or settings.readout != "last":
        finals = _final_states(classifier, _beginnings(encoded.tokens))
    else:
        finals = states
    names, deciding = directions(settings), None
    if settings.readout == "last":
        last_steps = [len(tokens) - 1, 0][: len(names)]  # forward the last row, backward the first
        deciding = np.repeat(last_steps, settings.units)
    known, probabilities = encoded.tokens != UNKNOWN, classifier.probabilities(finals)
    return Trace(text, tokens, known, probabilities, states, finals, names, deciding)


def word_effects(classifier: Classifier, text: str) -> WordEffects:
    """Return the effect of each word of `text` on the prediction, measured by occlusion.

    The model reads the text without the word, so that the words beside it form new n-grams; the
    effect is the log-odds with the word minus the log-odds without it. Effects of words that carry
    meaning only together ("not bad") do not add up.

    Integrated gradients would need few readings of the text instead of T. But they follow a path
    from an empty embedding, which no text has, and divide an n-gram among its words by a rule;
    occlusion compares predictions that the model makes.

    A text longer than the model's longest review is cut to its last words, as in `predict`. Raises
    InputError if the model knows no word of the text.
    """
    encoded, tokens = encode_text(classifier, text)
    whole = classifier.final_states(encoded)
    finals = _final_states(classifier, _occlusions(encoded.tokens))
    # From logits, not from probabilities: a confident model's probabilities are all 1 in float32.
    effects = classifier.logits(whole) - classifier.logits(finals)
    effects /= np.float32(classifier.bundle.temperature)
    probability = float(classifier.probabilities(whole)[0])
    known = encoded.tokens != UNKNOWN
    return WordEffects(tokens, known, probability, classifier.probabilities(finals), effects)


def encode_text(
    classifier: Classifier, text: str, *, hint: str = HINT
) -> tuple[EncodedTexts, list[str]]:
    """Return the words of `text` that the model reads, as ids and as strings.

    Raises InputError, with `hint`, if the model knows no word of the text.
    """
    encoded = classifier.encode([text])
    if not len(encoded.tokens):
        fact = "the text is empty" if not text.strip() else f"{text[:40]!r} holds no word"
        raise InputError(f"nothing to explain: {fact}", hint=hint)
    if (encoded.tokens == UNKNOWN).all():
        raise InputError(f"nothing to explain: the model knows no word of {text[:40]!r}", hint=hint)
    return encoded, classifier.bundle.tokenizer.tokenize(text)[-len(encoded.tokens) :]


def _summary(tokens: list[str], values: np.ndarray, form: str) -> str:
    """Return the number of words, and the first and last ones with their values."""
    words = [f"{word} {value:{form}}" for word, value in zip(tokens, values.tolist(), strict=True)]
    if len(words) > _SHOWN_WORDS:
        words = [*words[: _SHOWN_WORDS // 2], "…", *words[-(_SHOWN_WORDS // 2) :]]
    return f"{count_of(len(tokens), 'word')}: {', '.join(words)}"


def _footnote(known: np.ndarray) -> str:
    return "" if known.all() else "A dotted line marks words that are not in the vocabulary."


def _final_states(classifier: Classifier, batches: Iterator[EncodedTexts]) -> np.ndarray:
    return np.concatenate([classifier.final_states(batch) for batch in batches])


def _beginnings(tokens: np.ndarray) -> Iterator[EncodedTexts]:
    """Yield the first 1, 2, … T of `tokens` as texts, in batches of the runtime's size.

    For the tokens 5 6 7 the texts are 5, 5 6 and 5 6 7.
    """
    for start in range(0, len(tokens), BATCH_SIZE):
        lengths = np.arange(start + 1, min(start + BATCH_SIZE, len(tokens)) + 1)
        inside = np.arange(lengths[-1]) < lengths[:, None]
        rows = np.broadcast_to(tokens[: lengths[-1]], inside.shape)
        yield EncodedTexts(rows[inside], np.concatenate([[0], np.cumsum(lengths)]))


def _occlusions(tokens: np.ndarray) -> Iterator[EncodedTexts]:
    """Yield `tokens` without the first, without the second, …, in batches of the runtime's size.

    For the tokens 5 6 7 the texts are 6 7, 5 7 and 5 6.
    """
    length = len(tokens) - 1
    for start in range(0, len(tokens), BATCH_SIZE):
        removed = np.arange(start, min(start + BATCH_SIZE, len(tokens)))
        rows = np.arange(length) + (np.arange(length) >= removed[:, None])
        yield EncodedTexts(tokens[rows].reshape(-1), np.arange(len(removed) + 1) * length)
