"""Predict labels, probabilities and warnings for texts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.labels import UNKNOWN_LABEL
from sentiment.data.tokenizer import UNKNOWN
from sentiment.inference.classifier import Classifier
from sentiment.inference.manifest import NeutralBand

WARNINGS = {
    "cut": "too long for the model: the beginning was left out",
    "unknown-words": "more than half of the words are unknown to the model",
    "no-known-word": "all words are unknown to the model: it has no label",
    "other-script": "most of the text is not in Latin script",
    "no-evidence": "no known word carries the verdict",
}
_LETTERS = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"[A-Za-z\u00aa-\u024f\u1e00-\u1eff]+")


class Prediction(NamedTuple):
    """The prediction for one text.

    label: negative, positive, neutral, or unknown if the model knows no word of the text;
    probability: P(positive), 0–1; warnings: keys of WARNINGS; wrong: why there is no prediction, in
    which case label, probability and evidence are None; evidence: how many different known words
    carry the verdict, see `evidence.py`.
    """

    label: str | None
    probability: float | None
    warnings: tuple[str, ...] = ()
    wrong: str | None = None
    evidence: int | None = None


@dataclass(frozen=True)
class LabelRule:
    """How a probability becomes a label.

    threshold: the least probability that is positive; neutral: (low, high), both included, instead
    of a threshold.
    """

    threshold: float = 0.5
    neutral: tuple[float, float] | None = None

    def label(self, probability: float) -> str:
        """Return negative, positive, or neutral within the band."""
        low, high = self.neutral or (self.threshold, self.threshold)
        if self.neutral and low <= probability <= high:
            return "neutral"
        return "positive" if probability >= high else "negative"


def make_rule(
    threshold: float,
    neutral: tuple[float, float] | Literal["auto"] | None,
    band: NeutralBand | None,
) -> LabelRule:
    """Return the rule that a program asks for; with "auto", that of the model's `band`.

    Raises ValueError if these are no probabilities, if both a threshold and a band are given, and
    for "auto" if the model has no band.
    """
    if neutral == "auto":
        if band is None:
            raise ValueError("the model has no neutral band: give one, such as (0.3, 0.7)")
        neutral = band.low, band.high
    low, high = neutral if neutral is not None else (threshold, threshold)
    if not 0 <= low <= high <= 1:
        raise ValueError(f"expected probabilities from 0 to 1, got {neutral or threshold}")
    if neutral is not None and threshold != 0.5:
        raise ValueError("`neutral` replaces `threshold`: give only one of them")
    return LabelRule(threshold, neutral)


def predict(classifier: Classifier, rule: LabelRule, texts: Sequence[str]) -> list[Prediction]:
    """Classify each text; the prediction for a text without a word says what is `wrong`."""
    encoded = classifier.bundle.tokenizer.encode(texts)
    max_length = classifier.bundle.settings.longest_review
    reading = classifier.read(encoded.last(max_length))
    probabilities = classifier.probabilities(reading.states).tolist()
    unknown, evidence = _unknown_shares(encoded).tolist(), reading.evidence.tolist()
    predictions = []
    for text, length, probability, share, words in zip(
        texts, encoded.lengths.tolist(), probabilities, unknown, evidence, strict=True
    ):
        if not length:
            predictions.append(Prediction(None, None, wrong=no_word_error(text)))
            continue
        # Six digits, so that the last bits, which differ between machines, are not in files.
        rounded = round(probability, 6)
        warnings = _warnings(text, share, words, cut=length > max_length)
        label = UNKNOWN_LABEL if share == 1 else rule.label(rounded)
        predictions.append(Prediction(label, rounded, warnings, evidence=words))
    return predictions


def no_word_error(text: str) -> str:
    """Return why a text without a word can't be classified."""
    return f"holds no word: {text[:40]!r}" if text.strip() else "is empty"


def _unknown_shares(encoded: EncodedTexts) -> np.ndarray:
    """Return the share of unknown words in each text, float64 (N,); 0 if it has no words."""
    counts = np.concatenate([[0], np.cumsum(encoded.tokens == UNKNOWN)])
    unknown = counts[encoded.offsets[1:]] - counts[encoded.offsets[:-1]]
    return unknown / np.maximum(encoded.lengths, 1)


def _warnings(text: str, unknown: float, evidence: int, *, cut: bool) -> tuple[str, ...]:
    warnings: tuple[str, ...] = ("cut",) if cut else ()
    if unknown > 0.5:
        warnings += ("no-known-word",) if unknown == 1 else ("unknown-words",)
        # Only here: a model trained on another script knows its words.
        if _count(_LETTERS, text) > 2 * _count(_LATIN, text):
            warnings += ("other-script",)
    if not evidence and unknown < 1:
        warnings += ("no-evidence",)
    return warnings


def _count(pattern: re.Pattern[str], text: str) -> int:
    """Return the number of characters that `pattern` matches."""
    # By what is left without them: a list of 20 million letters would take 2 GB.
    return len(text) - len(pattern.sub("", text))
