"""Record the hidden states of the probes at one moment of a training."""

from dataclasses import dataclass

import numpy as np

from sentiment.data.tokenizer import UNKNOWN
from sentiment.inference.classifier import Classifier
from sentiment.inspection import explain, projection
from sentiment.inspection.explain import Trace
from sentiment.inspection.probes import Probes


@dataclass(frozen=True)
class SentencePath:
    """The path of a sentence through the hidden states.

    trace: of its T words; points: float32 (T, 2), `trace.finals` in two dimensions.
    """

    trace: Trace
    points: np.ndarray


@dataclass(frozen=True)
class Snapshot:
    """The states and predictions of the probes, and the paths of the sentences.

    probes: the N texts; states: float32 (N, S), the input of the classifier; probabilities: float32
    (N,), P(positive); points: float32 (N, 2), the states in two dimensions; walks: the paths by
    the sentences' ids, without sentences that hold no known word.
    """

    probes: Probes
    states: np.ndarray
    probabilities: np.ndarray
    points: np.ndarray
    walks: dict[str, SentencePath]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by the names that they are stored under.

        Names of a sentence's arrays begin with its id: `negation/words`, unicode (T,), `…/states`,
        float32 (T, S), `…/probabilities`, float32 (T,), and `…/points`, float32 (T, 2).
        """
        arrays = {
            "ids": np.array(self.probes.ids),
            "labels": self.probes.labels,
            "states": self.states,
            "probabilities": self.probabilities,
            "points": self.points,
        }
        for name, path in self.walks.items():
            arrays[f"{name}/words"] = np.array(path.trace.tokens)
            arrays[f"{name}/states"] = path.trace.finals
            arrays[f"{name}/probabilities"] = path.trace.probabilities
            arrays[f"{name}/points"] = path.points
        return arrays


def reference_points(classifier: Classifier, probes: Probes) -> np.ndarray:
    """Return the points of the probes in a reference model, float64 (N, 2)."""
    states = classifier.final_states(classifier.encode(probes.texts))
    return projection.principal_points(states, probes.labels)


def take_snapshot(classifier: Classifier, probes: Probes, reference: np.ndarray) -> Snapshot:
    """Read the probes and project their states on the axes of `reference`, float64 (N, 2)."""
    encoded = classifier.encode(probes.texts)
    states = classifier.final_states(encoded)
    rotation = projection.fit_rotation(reference, states)
    paths = {}
    for row in probes.sentences:
        words = encoded.tokens[encoded.offsets[row] : encoded.offsets[row + 1]]
        if (words != UNKNOWN).any():
            trace = explain.trace(classifier, probes.texts[row])
            paths[probes.ids[row]] = SentencePath(trace, rotation.points(trace.finals))
    return Snapshot(
        probes, states, classifier.probabilities(states), rotation.points(states), paths
    )
