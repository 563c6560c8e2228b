"""Use a trained model in a Python program, as returned by `sentiment.load`."""

from collections.abc import Iterable
from os import PathLike, fspath

import numpy as np

from sentiment.inference import resolve
from sentiment.inference.classifier import Classifier
from sentiment.inspection import explain
from sentiment.inspection.explain import Trace, WordEffects
from sentiment.utils.paths import find_project


class Model:
    """Compute probabilities, hidden states and explanations of texts.

    If a text is longer than the model's longest review, only its last words are read. A text
    without words has the initial state, zeros.
    """

    def __init__(self, classifier: Classifier):
        self.classifier = classifier

    def __call__(self, text: str) -> float:
        """Return P(positive) of `text`, 0–1."""
        return float(self.predict([text])[0])

    def predict(self, texts: Iterable[str]) -> np.ndarray:
        """Return P(positive) of each text, float32 (N,). Raises TypeError for a single string."""
        if isinstance(texts, str):
            raise TypeError("expected texts, got one string: call the model itself with it")
        return self.classifier.predict(texts)

    def states(self, text: str) -> np.ndarray:
        """Return the hidden state after each word of `text`, float32 (T, S).

        `trace` returns the words as its `tokens`. See `Classifier.states` for the order of the S
        numbers.
        """
        return self.classifier.states(self.classifier.encode([text]))

    def trace(self, text: str) -> Trace:
        """Return P(positive), float32 (T,), and the state, float32 (T, S), after each word.

        Raises InputError if the model knows no word of the text.
        """
        return explain.trace(self.classifier, text)

    def why(self, text: str) -> WordEffects:
        """Return how far each word moves the decision, float32 (T,) in log-odds.

        Raises InputError if the model knows no word of the text.
        """
        return explain.word_effects(self.classifier, text)

    def __repr__(self) -> str:
        return f"<Model {self.classifier.bundle.name} in {self.classifier.bundle.folder}>"


def load(folder: str | PathLike[str] | None = None) -> Model:
    """Open the model in `folder`, else the default model.

    The default is SENTIMENT_MODEL if it is set, else the newest model of the project, else the
    bundled model. Raises MissingFileError if `folder` holds no model.
    """
    requested = fspath(folder) if folder is not None else None
    return Model(Classifier(resolve.resolve_model(requested, find_project())))
