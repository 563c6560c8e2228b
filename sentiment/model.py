"""A trained model inside a Python program, as `sentiment.load` gives it.

Knows the runtime and explanations; knows nothing of commands or terminals, and imports neither
TensorFlow nor MLflow.
"""

from collections.abc import Iterable
from os import PathLike, fspath

import numpy as np

from sentiment.inference import resolve
from sentiment.inference.classifier import Classifier
from sentiment.inspection import explain
from sentiment.inspection.explain import Trace, WordEffects
from sentiment.utils.paths import find_project


class Model:
    """Texts in; probabilities, hidden states and explanations out.

    Of a text above the model's longest review only the last words are read. A text without a word
    has the initial state, zeros, and its probability.
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

        The words themselves are the `tokens` of `trace`. See `Classifier.states` for the order.
        """
        return self.classifier.states(self.classifier.encode([text]))

    def trace(self, text: str) -> Trace:
        """Return P(positive), float32 (T,), and the state, float32 (T, S), after each word.

        Raises InputError where the text holds no word that the model knows.
        """
        return explain.trace(self.classifier, text)

    def why(self, text: str) -> WordEffects:
        """Return how far each word moved the decision, float32 (T,) in log-odds.

        Raises InputError where the text holds no word that the model knows.
        """
        return explain.word_effects(self.classifier, text)

    def __repr__(self) -> str:
        return f"<Model {self.classifier.bundle.name} in {self.classifier.bundle.folder}>"


def load(folder: str | PathLike[str] | None = None) -> Model:
    """Open the model in `folder`, else the one that `choice` gives; see `sentiment.load`."""
    named = fspath(folder) if folder is not None else None
    return Model(Classifier(resolve.resolve_model(named, find_project())))
