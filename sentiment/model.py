"""Use a trained model in a Python program, as returned by `sentiment.load`."""

from collections.abc import Iterable
from os import PathLike, fspath
from typing import Literal

import numpy as np

from sentiment.inference import predict, resolve
from sentiment.inference.classifier import Classifier
from sentiment.inference.predict import Prediction
from sentiment.inference.texts import check_text, check_texts
from sentiment.inspection import explain
from sentiment.inspection.explain import Trace, WordEffects
from sentiment.utils.paths import find_project


class Model:
    """Compute probabilities, hidden states and explanations of texts.

    If a text is longer than the model's longest review, only its last words are read. A text
    without words has the initial state, zeros. Methods raise TypeError, which says what they got,
    for anything but strings: `model.predict(frame["text"])` is right, a whole DataFrame is not.
    """

    def __init__(self, classifier: Classifier):
        self.classifier = classifier

    def __call__(self, text: str) -> float:
        """Return P(positive) of `text`, 0–1."""
        return float(self.classifier.predict([check_text(text)])[0])

    def predict(self, texts: Iterable[str]) -> np.ndarray:
        """Return P(positive) of each text, float32 (N,).

        texts: a list, a generator, a 1-d array, a pandas Series or another series of strings.
        """
        return self.classifier.predict(check_texts(texts))

    def classify(
        self,
        texts: Iterable[str],
        threshold: float = 0.5,
        neutral: tuple[float, float] | Literal["auto"] | None = None,
    ) -> list[Prediction]:
        """Return label, probability, warnings and evidence, as `sentiment predict` does.

        threshold: the lowest probability, 0–1, of a positive text; neutral: (low, high), the
        probabilities of a neutral text, both included, instead of a threshold; or "auto", the
        model's own band for short texts. A text without a word has no label: its `wrong` says why.
        Raises ValueError if these are not such numbers, or if the model has no band.
        """
        rule = predict.make_rule(threshold, neutral, self.classifier.bundle.manifest.neutral_band)
        return predict.predict(self.classifier, rule, list(check_texts(texts)))

    def states(self, text: str) -> np.ndarray:
        """Return the hidden state after each word of `text`, float32 (T, S).

        `trace` returns the words as its `tokens`. See `Classifier.states` for the order of the S
        numbers.
        """
        return self.classifier.states(self.classifier.encode([check_text(text)]))

    def trace(self, text: str) -> Trace:
        """Return P(positive), float32 (T,), and the state, float32 (T, S), after each word.

        Raises InputError if the model knows no word of the text.
        """
        return explain.trace(self.classifier, check_text(text))

    def why(self, text: str) -> WordEffects:
        """Return how far each word moves the decision, float32 (T,) in log-odds.

        Raises InputError if the model knows no word of the text.
        """
        return explain.word_effects(self.classifier, check_text(text))

    def __repr__(self) -> str:
        return f"<Model {self.classifier.bundle.name} in {self.classifier.bundle.folder}>"


def load(folder: str | PathLike[str] | None = None) -> Model:
    """Open the model in `folder`, else the default model.

    The default is SENTIMENT_MODEL if it is set, else the newest model of the project that was
    trained on enough reviews, else the bundled model. `folder` may also be any name that the option
    `--model` takes, such as the id of a run. Raises MissingFileError if there is no such model.
    """
    requested = fspath(folder) if folder is not None else None
    return Model(Classifier(resolve.resolve_model(requested, find_project())))
