"""Every number of a trained classifier's reading of one sentence.

Knows the runtime's weights and the recurrence step by step; knows nothing of how they are shown.
"""

from dataclasses import dataclass

import numpy as np

from sentiment.data.tokenizer import PADDING, UNKNOWN
from sentiment.errors import InputError
from sentiment.inference.classifier import Classifier
from sentiment.inference.weights import directions
from sentiment.inspection import explain
from sentiment.inspection.unrolled import Cell, Decision, Step, unroll

LONGEST = 200  # words; nobody follows more by hand, and a page of more is slow to open


@dataclass(frozen=True)
class WordPart:
    """A word, or an n-gram that ends with it, as part of the vector that stands for the word.

    vector: float32 (E,), None where the vocabulary does not hold the n-gram, which adds nothing.
    unknown: a word out of the vocabulary, which has the vector of all unknown words.
    """

    text: str
    vector: np.ndarray | None
    unknown: bool = False


@dataclass(frozen=True)
class LayerPass:
    """One direction of one layer: its T steps in the order in which it reads.

    number: of the layer, from 1. Backward the first step is at the last word.
    """

    number: int
    direction: str
    steps: list[Step]

    def at(self, places: list) -> list:
        """Return what stands at each word of the text in the order in which this track reads."""
        return places[::-1] if self.direction == "backward" else places


@dataclass(frozen=True)
class Walkthrough:
    """A sentence as the model reads it.

    parts: for each of the T words what its vector is the sum of; tracks: of the first layer
    forward and backward, then of the next; readout: what `decision` reads of the last layer.
    """

    text: str
    model: str
    words: list[str]
    parts: list[list[WordPart]]
    tracks: list[LayerPass]
    readout: str
    decision: Decision


def walk_through(classifier: Classifier, text: str, *, hint: str) -> Walkthrough:
    """Read `text` with every number kept.

    Raises InputError, with `hint`, where it holds no known word, or too many to follow.
    """
    encoded, words = explain.encode_text(classifier, text, hint=hint)
    if len(words) > LONGEST:
        raise InputError(
            f"expected at most {LONGEST} words to follow, got {len(words):,}", hint=hint
        )
    opened, weights = classifier.bundle, classifier.bundle.weights
    parts = _parts(classifier, opened.tokenizer.features(encoded, opened.settings.ngrams), words)
    decision = Decision(
        # From the runtime itself, whatever its readout makes of the states.
        classifier.final_states(encoded)[0],
        weights["classifier.kernel"][:, 0],
        float(weights["classifier.bias"][0]),
        opened.temperature,
    )
    tracks = _tracks(classifier, np.array([vector(of) for of in parts]))
    return Walkthrough(text, opened.name, words, parts, tracks, opened.settings.readout, decision)


def vector(parts: list[WordPart]) -> np.ndarray:
    """Return the vector of a word, float32 (E,): those of its parts added up."""
    return np.sum([part.vector for part in parts if part.vector is not None], axis=0)


def _parts(classifier: Classifier, features: np.ndarray, words: list[str]) -> list[list[WordPart]]:
    table, found = classifier.bundle.embedding, []
    for place, ids in enumerate(features.tolist()):
        own = WordPart(words[place], table[ids[0]].astype(np.float32), unknown=ids[0] == UNKNOWN)
        # An n-gram of k words ends here; the first words of a text end none.
        ngrams = [
            WordPart(
                " ".join(words[place + 1 - size : place + 1]),
                None if row == PADDING else table[row].astype(np.float32),
            )
            for size, row in enumerate(ids[1 : place + 1], 2)
        ]
        found.append([own, *ngrams])
    return found


def _tracks(classifier: Classifier, entering: np.ndarray) -> list[LayerPass]:
    """Return the tracks of every layer; `entering` is what the first one reads, (T, E)."""
    settings, weights = classifier.bundle.settings, classifier.bundle.weights
    tracks = []
    for number in range(1, settings.layers + 1):
        states = []
        for direction in directions(settings):
            kinds = ("kernel", "recurrent_kernel", "bias")
            cell = Cell(*(weights[f"rnn_{number}.{direction}.{kind}"] for kind in kinds))
            order = slice(None, None, -1 if direction == "backward" else 1)
            steps = unroll(entering[order], cell)
            tracks.append(LayerPass(number, direction, steps))
            states.append(np.array([step.h for step in steps])[order])
        entering = np.concatenate(states, axis=1)
    return tracks
