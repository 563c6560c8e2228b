"""Stage 4: texts in, labels and probabilities out.

Knows the runtime; imports neither TensorFlow nor MLflow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sentiment.bundle import Bundle
from sentiment.errors import InputError
from sentiment.runtime import Classifier


@dataclass(frozen=True)
class Prediction:
    """What a model says of a text; `probability` is that of positive."""

    text: str
    label: str
    probability: float


def predict(bundle: Bundle, texts: Sequence[str]) -> list[Prediction]:
    """Classify each text. Raises InputError where one is empty or holds no word at all."""
    classifier = Classifier(bundle)
    encoded = classifier.encode(texts)
    for number, (text, length) in enumerate(zip(texts, encoded.lengths, strict=True), 1):
        if not length:
            fact = "is empty" if not text.strip() else f"holds no word: {text[:40]!r}"
            raise InputError(f"text {number} {fact}", remedy='sentiment predict "A moving film."')
    probabilities = classifier.probabilities(classifier.final_states(encoded))
    return [
        Prediction(text, "positive" if probability >= 0.5 else "negative", float(probability))
        for text, probability in zip(texts, probabilities, strict=True)
    ]
