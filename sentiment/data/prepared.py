"""A prepared dataset on disk: reviews, labels and word ids of each split, and the vocabulary.

Knows files and the tokenizer; knows nothing of where reviews come from or what becomes of them.

A prepared set is a folder `NAME-KEY` holding `manifest.json` (settings, statistics, digests,
its own among them), the vocabulary, and for each split five NumPy arrays: `texts` uint8, all
reviews as UTF-8 one after the other; `bounds` int64 (N + 1,), where each begins; `labels` int8
(N,), 1 positive, 0 negative, -1 unlabelled; `tokens` int32, all word ids; `offsets` int64 (N + 1,),
where each review's begin.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.data.tokenizer import RULES, UNKNOWN, EncodedTexts, Tokenizer
from sentiment.errors import DamagedFileError
from sentiment.utils import files, npz

FORMAT = 1
HINT = "sentiment prepare --again"


def settings_key(settings: dict[str, Any]) -> str:
    """Return the eight digits that tell prepared sets of different settings apart."""
    stated = json.dumps({"format": FORMAT, "rules": RULES, **settings}, sort_keys=True)
    return hashlib.sha256(stated.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Split:
    """One split of a prepared set, mapped into memory."""

    texts: np.ndarray
    bounds: np.ndarray
    labels: np.ndarray
    encoded: EncodedTexts

    def __len__(self) -> int:
        return len(self.labels)

    def text(self, row: int) -> str:
        """Return one review as it came."""
        return self.texts[self.bounds[row] : self.bounds[row + 1]].tobytes().decode("utf-8")


def write_split(
    folder: Path, name: str, texts: Sequence[str], labels: np.ndarray, encoded: EncodedTexts
) -> dict[str, Any]:
    """Write one split and return its statistics.

    The digest is that of the texts and labels alone: the same reviews have the same digest
    whatever the vocabulary.
    """
    raw = [text.encode("utf-8") for text in texts]
    arrays: dict[str, np.ndarray] = {
        "texts": np.frombuffer(b"".join(raw), np.uint8),
        "bounds": np.cumsum([0] + [len(part) for part in raw], dtype=np.int64),
        "labels": np.asarray(labels, np.int8),
        "tokens": encoded.tokens,
        "offsets": encoded.offsets,
    }
    for part, array in arrays.items():
        np.save(folder / f"{name}.{part}.npy", array, allow_pickle=False)
    content = hashlib.sha256()
    for part in ("texts", "bounds", "labels"):
        content.update(np.ascontiguousarray(arrays[part]).data)
    lengths = encoded.lengths
    middle, long = np.percentile(lengths, [50, 95]) if len(lengths) else (0, 0)
    return {
        "reviews": len(raw),
        "tokens": len(encoded.tokens),
        "median_length": int(middle),
        "95th_percentile_length": int(long),
        "longest_length": int(lengths.max(initial=0)),
        "unknown_share": float(np.mean(encoded.tokens == UNKNOWN)) if len(encoded.tokens) else 0.0,
        "digest": content.hexdigest(),
    }


@dataclass(frozen=True)
class PreparedDataset:
    """A prepared set, opened. Splits are checked against their digests when they are read."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that it was prepared with."""
        return self.manifest["settings"]

    @property
    def splits(self) -> dict[str, dict[str, Any]]:
        """The statistics of each split, by its name."""
        return self.manifest["splits"]

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The vocabulary, built from the training split alone."""
        for name in ("words.txt", "ngrams.npy"):
            self._check(name)
        return Tokenizer.read(self.folder, hint=HINT)

    def split(self, name: str) -> Split:
        """Return one split; raise DamagedFileError where a file isn't what was written."""
        arrays = {}
        for part in ("texts", "bounds", "labels", "tokens", "offsets"):
            self._check(f"{name}.{part}.npy")
            arrays[part] = npz.read_array(self.folder / f"{name}.{part}.npy", hint=HINT)
        encoded = EncodedTexts(arrays["tokens"], arrays["offsets"])
        return Split(arrays["texts"], arrays["bounds"], arrays["labels"], encoded)

    def _check(self, name: str) -> None:
        files.verify_file(self.folder / name, self.manifest["files"].get(name, {}), hint=HINT)


def open_dataset(folder: Path) -> PreparedDataset:
    """Open the prepared set in `folder`; raise DamagedFileError where its manifest isn't whole."""
    path = folder / "manifest.json"
    manifest = files.read_json(path, hint=HINT)
    parts = ("settings", "vocabulary", "splits", "files")
    whole = all(isinstance(manifest.get(part), dict) for part in parts)
    if manifest.get("format") != FORMAT or not whole:
        raise DamagedFileError(f"{path} is none of a set of format {FORMAT}", hint=HINT)
    files.verify_checksum(path, manifest, hint=HINT)
    return PreparedDataset(folder, manifest)
