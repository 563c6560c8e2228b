"""Count the texts of an evaluation that a model has seen in training."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sentiment.data import stored
from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.labels import POSITIVE
from sentiment.data.prepared import PreparedDataset
from sentiment.inference.bundle import Bundle
from sentiment.utils import names
from sentiment.utils.paths import ProjectPaths

_CHUNK_SIZE = 1000  # texts that are encoded at once


@dataclass(frozen=True)
class TrainingOverlap:
    """How many of `texts` are also training texts, and the accuracy without them.

    accuracy_without: 0-1, None if no text remains.
    """

    texts: int
    seen: int
    accuracy_without: float | None

    def describe(self) -> str:
        """Return a sentence."""
        fact = f"{self.seen:,} of {self.texts:,} texts are also in the training data"
        if self.accuracy_without is None:
            return fact
        return f"{fact}; without them accuracy is {100 * self.accuracy_without:.2f} %"


def find_training_data(bundle: Bundle, paths: ProjectPaths) -> PreparedDataset | None:
    """Return a prepared dataset with the training texts of `bundle`, None if there is none."""
    named, digest = bundle.manifest.data.folder, bundle.manifest.data.digests.get("train")
    if not names.is_plain_name(named):
        return None
    data = stored.find_reviews(paths.prepared / named, "train", digest)
    return data if data and data.splits["train"].digest == digest else None


def measure_overlap(
    data: PreparedDataset, texts: Sequence[str], labels: np.ndarray, probabilities: np.ndarray
) -> TrainingOverlap:
    """Compare texts, with labels (N,) and P(positive) (N,), with the training texts of `data`."""
    seen = find_seen(data, texts)
    correct = ((probabilities >= 0.5) == (labels == POSITIVE))[~seen]
    return TrainingOverlap(
        len(texts), int(seen.sum()), float(correct.mean()) if len(correct) else None
    )


def find_seen(data: PreparedDataset, texts: Sequence[str]) -> np.ndarray:
    """Return which texts have the same tokens as a training text of `data`, bool (N,)."""
    train = data.split("train")
    training_keys = _keys(train.encoded)
    keys = [
        key
        for start in range(0, len(texts), _CHUNK_SIZE)
        for key in _keys(data.tokenizer.encode(texts[start : start + _CHUNK_SIZE]))
    ]
    # Equal ids are not enough, as all unknown words share one; so these texts are compared.
    candidates = set(keys) & set(training_keys)
    tokens = {
        _digest_words(data.tokenizer.tokenize(train.text(row)))
        for row, key in enumerate(training_keys)
        if key in candidates
    }
    seen = [
        key in candidates and _digest_words(data.tokenizer.tokenize(text)) in tokens
        for key, text in zip(keys, texts, strict=True)
    ]
    return np.array(seen, bool)


def _keys(encoded: EncodedTexts) -> list[bytes]:
    """Return a digest of the word ids of each text."""
    return [
        _digest(encoded.tokens[start:end].tobytes()) for start, end in pairwise(encoded.offsets)
    ]


def _digest_words(words: list[str]) -> bytes:
    return _digest(" ".join(words).encode("utf-8", "surrogatepass"))


def _digest(data: bytes) -> bytes:
    """Return what stands for a text: all texts themselves would take several times their size."""
    return hashlib.blake2b(data, digest_size=16).digest()
