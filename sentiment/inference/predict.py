"""Texts in, labels, probabilities and warnings out.

Knows the runtime; imports neither TensorFlow nor MLflow, and knows nothing of files.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sentiment.data.tokenizer import UNKNOWN, EncodedTexts
from sentiment.inference.classifier import Classifier

WARNINGS = {
    "cut": "longer than the model reads: the beginning was left out",
    "unknown-words": "more than half of the words are unknown to the model",
    "no-known-word": "no word is known to the model: the label means nothing",
    "other-script": "mostly in another script than Latin",
}
_LETTERS = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"[A-Za-z\u00aa-\u024f\u1e00-\u1eff]+")


class Prediction(NamedTuple):
    """What a model says of a text.

    probability: that of positive, 0–1; warnings: names of WARNINGS that apply; wrong: why nothing
    can be said, label and probability being None then.
    """

    label: str | None
    probability: float | None
    warnings: tuple[str, ...] = ()
    wrong: str | None = None


@dataclass(frozen=True)
class LabelRule:
    """Where a probability becomes a label.

    threshold: positive from here on; neutral: (low, high), both included, in place of a threshold.
    """

    threshold: float = 0.5
    neutral: tuple[float, float] | None = None

    def label(self, probability: float) -> str:
        """Return negative, positive, or neutral within the band."""
        low, high = self.neutral or (self.threshold, self.threshold)
        if self.neutral and low <= probability <= high:
            return "neutral"
        return "positive" if probability >= high else "negative"


def predict(classifier: Classifier, bands: LabelRule, texts: Sequence[str]) -> list[Prediction]:
    """Classify each text; one that is empty or holds no word has `wrong`."""
    encoded = classifier.bundle.tokenizer.encode(texts)
    longest = classifier.bundle.settings.longest_review
    states = classifier.final_states(encoded.last(longest))
    probabilities = classifier.probabilities(states).tolist()
    unknown = _unknown_shares(encoded)
    said = []
    for text, length, probability, share in zip(
        texts, encoded.lengths.tolist(), probabilities, unknown.tolist(), strict=True
    ):
        if not length:
            said.append(Prediction(None, None, wrong=no_word_error(text)))
            continue
        # Six digits, so that the last bits, which differ between machines, are not in files.
        rounded = round(probability, 6)
        warnings = _warnings(text, share, cut=length > longest)
        said.append(Prediction(bands.label(rounded), rounded, warnings))
    return said


def no_word_error(text: str) -> str:
    """Return what is wrong with a text that has no word."""
    return f"holds no word: {text[:40]!r}" if text.strip() else "is empty"


def _unknown_shares(encoded: EncodedTexts) -> np.ndarray:
    """Return the share of unknown words in each text, float64 (N,); 0 where it has none."""
    counts = np.concatenate([[0], np.cumsum(encoded.tokens == UNKNOWN)])
    unknown = counts[encoded.offsets[1:]] - counts[encoded.offsets[:-1]]
    return unknown / np.maximum(encoded.lengths, 1)


def _warnings(text: str, unknown: float, *, cut: bool) -> tuple[str, ...]:
    found: tuple[str, ...] = ("cut",) if cut else ()
    if unknown > 0.5:
        found += ("no-known-word",) if unknown == 1 else ("unknown-words",)
        # Only here: a model trained on another script knows its words, and nothing is amiss.
        if _count(_LETTERS, text) > 2 * _count(_LATIN, text):
            found += ("other-script",)
    return found


def _count(kind: re.Pattern, text: str) -> int:
    # By what is left without them: a list of 20 million letters would take 2 GB.
    return len(text) - len(kind.sub("", text))
