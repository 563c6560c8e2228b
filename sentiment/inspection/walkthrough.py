"""Follow a trained classifier through one sentence, with every intermediate number."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sentiment.data.tokenizer import PADDING, UNKNOWN
from sentiment.errors import InputError
from sentiment.inference.classifier import Classifier
from sentiment.inference.weights import (
    CELL_PARTS,
    CLASSIFIER_BIAS,
    CLASSIFIER_KERNEL,
    directions,
    weight_name,
)
from sentiment.inspection import explain
from sentiment.inspection.unrolled import Cell, Decision, Step, unroll

LONGEST = 200  # words; more are hard to follow, and a page of more is slow to open
Item = TypeVar("Item")


@dataclass(frozen=True)
class WordPart:
    """A word, an n-gram that ends with it, or the negated word, as part of the vector of the word.

    vector: float32 (E,), None for an n-gram that is not in the vocabulary, which adds nothing;
    unknown: True for a word that is not in the vocabulary: all such words share one vector;
    negated: True for the negated word.
    """

    text: str
    vector: np.ndarray | None
    unknown: bool = False
    negated: bool = False


@dataclass(frozen=True)
class LayerPass:
    """One direction of one layer: its T steps in reading order.

    number: of the layer, from 1. Backward the first step is at the last word.
    """

    number: int
    direction: str
    steps: list[Step]

    def at(self, items: list[Item]) -> list[Item]:
        """Return `items`, one for each word of the text, in the reading order of this pass."""
        return items[::-1] if self.direction == "backward" else items


@dataclass(frozen=True)
class Walkthrough:
    """A sentence as the model reads it.

    parts: for each of the T words, the parts whose vectors add up to its vector; tracks: the passes
    of the first layer, forward then backward, then those of the next; readout: how the states of
    the last layer become the state of `decision`.
    """

    text: str
    model: str
    words: list[str]
    parts: list[list[WordPart]]
    tracks: list[LayerPass]
    readout: str
    decision: Decision


def walk_through(classifier: Classifier, text: str, *, hint: str) -> Walkthrough:
    """Read `text` and record every number.

    Raises InputError, with `hint`, if the model knows no word of it or it has too many words.
    """
    encoded, words = explain.encode_text(classifier, text, hint=hint)
    if len(words) > LONGEST:
        raise InputError(
            f"expected at most {LONGEST} words to follow, got {len(words):,}", hint=hint
        )
    bundle = classifier.bundle
    settings = bundle.settings
    features = bundle.tokenizer.features(
        encoded, settings.ngrams, repeats=settings.repeats, negation=settings.negation
    )
    parts = _word_parts(classifier, features, words)
    decision = Decision(
        classifier.final_states(encoded)[0],  # from the runtime, which applies any readout
        bundle.weights[CLASSIFIER_KERNEL][:, 0],
        float(bundle.weights[CLASSIFIER_BIAS][0]),
        bundle.temperature,
    )
    passes = _layer_passes(classifier, np.array([vector(of_word) for of_word in parts]))
    return Walkthrough(text, bundle.name, words, parts, passes, settings.readout, decision)


def vector(parts: list[WordPart]) -> np.ndarray:
    """Return the vector of a word, float32 (E,): the sum of the vectors of its parts."""
    return np.sum([part.vector for part in parts if part.vector is not None], axis=0)


def _word_parts(
    classifier: Classifier, features: np.ndarray, words: list[str]
) -> list[list[WordPart]]:
    """Return the parts of each word; `features` has the rows of the embedding that it reads."""
    table, order = classifier.bundle.embedding, classifier.bundle.settings.ngrams
    result = []
    for index, (word, *others) in enumerate(features.tolist()):
        parts = [WordPart(words[index], table[word].astype(np.float32), unknown=word == UNKNOWN)]
        # An n-gram of k words ends here. The first words of a text end no n-gram of that size.
        for size, row in enumerate(others[: min(index, order - 1)], 2):
            text = " ".join(words[index + 1 - size : index + 1])
            parts.append(WordPart(text, None if row == PADDING else table[row].astype(np.float32)))
        if (negated := features[index, order:]).any():
            text, row = f"not … {words[index]}", negated[0]
            parts.append(WordPart(text, table[row].astype(np.float32), negated=True))
        result.append(parts)
    return result


def _layer_passes(classifier: Classifier, inputs: np.ndarray) -> list[LayerPass]:
    """Return the passes of every layer; `inputs` of the first layer are (T, E)."""
    settings, weights = classifier.bundle.settings, classifier.bundle.weights
    passes = []
    for number in range(1, settings.layers + 1):
        states = []
        for direction in directions(settings):
            cell = Cell(*(weights[weight_name(number, direction, part)] for part in CELL_PARTS))
            order = slice(None, None, -1 if direction == "backward" else 1)
            steps = unroll(inputs[order], cell)
            passes.append(LayerPass(number, direction, steps))
            states.append(np.array([step.h for step in steps])[order])
        inputs = np.concatenate(states, axis=1)
    return passes
