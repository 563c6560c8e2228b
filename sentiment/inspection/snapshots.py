"""What a classifier makes of the probes at one moment of its training.

Knows the runtime's explanations and arrays; knows nothing of Keras, of pictures or of where a
snapshot goes.
"""

from dataclasses import dataclass

import numpy as np

from sentiment.data.tokenizer import UNKNOWN
from sentiment.inference.classifier import Classifier
from sentiment.inspection import explain, projection
from sentiment.inspection.explain import Trace
from sentiment.inspection.probes import Probes


@dataclass(frozen=True)
class SentencePath:
    """How a classifier reads a sentence.

    trace: of its T words; points: float32 (T, 2), what the classifier reads of the sentence up to
    and including each word (`trace.finals`) in two dimensions.
    """

    trace: Trace
    points: np.ndarray


@dataclass(frozen=True)
class Snapshot:
    """The final states of the probes, and how they come about in the sentences.

    probes: the N texts; states: float32 (N, S), what the classifier reads; probabilities: float32
    (N,), P(positive); points: float32 (N, 2), the states in two dimensions; walks: by the
    sentences' ids, without those that hold no word of the vocabulary.
    """

    probes: Probes
    states: np.ndarray
    probabilities: np.ndarray
    points: np.ndarray
    walks: dict[str, SentencePath]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by the names that they are stored under.

        Those of a sentence begin with its id: `negation/words`, unicode (T,), `…/states`, float32
        (T, S), `…/probabilities`, float32 (T,), and `…/points`, float32 (T, 2).
        """
        stored = {
            "ids": np.array(self.probes.ids),
            "labels": self.probes.labels,
            "states": self.states,
            "probabilities": self.probabilities,
            "points": self.points,
        }
        for name, walk in self.walks.items():
            stored[f"{name}/words"] = np.array(walk.trace.tokens)
            stored[f"{name}/states"] = walk.trace.finals
            stored[f"{name}/probabilities"] = walk.trace.probabilities
            stored[f"{name}/points"] = walk.points
        return stored


def reference_points(classifier: Classifier, probes: Probes) -> np.ndarray:
    """Return where a reference model sees the probes, float64 (N, 2)."""
    states = classifier.final_states(classifier.encode(probes.texts))
    return projection.principal_points(states, probes.labels)


def take_snapshot(classifier: Classifier, probes: Probes, reference: np.ndarray) -> Snapshot:
    """Read the probes, and see their states along the axes of `reference`, float64 (N, 2)."""
    encoded = classifier.encode(probes.texts)
    states = classifier.final_states(encoded)
    rotation = projection.fit_rotation(reference, states)
    walks = {}
    for place in probes.sentences:
        words = encoded.tokens[encoded.offsets[place] : encoded.offsets[place + 1]]
        if (words != UNKNOWN).any():
            trace = explain.trace(classifier, probes.texts[place])
            walks[probes.ids[place]] = SentencePath(trace, rotation.points(trace.finals))
    return Snapshot(
        probes, states, classifier.probabilities(states), rotation.points(states), walks
    )
