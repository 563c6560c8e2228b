"""Read and write prepared datasets.

A prepared dataset is a folder `NAME-KEY` with `manifest.json` (settings, statistics, and digests of
all files and of itself), the vocabulary (see `Tokenizer.write`) and five NumPy arrays per split:
`texts`, uint8, all reviews in UTF-8, concatenated; `bounds`, int64 (N + 1,), where each begins;
`labels`, int8 (N,), 1 positive, 0 negative, -1 unlabelled; `tokens`, int32, all word ids;
`offsets`, int64 (N + 1,), where the word ids of each review begin.
"""

import hashlib
import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.config import PrepareSettings
from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.labels import NEGATIVE, POSITIVE
from sentiment.data.tokenizer import RULES, UNKNOWN, Tokenizer
from sentiment.errors import DamagedFileError
from sentiment.recipe import default_recipe
from sentiment.utils import files, npz
from sentiment.utils.text import count_of
from sentiment.utils.typed_json import typed

FORMAT = 1
_MANIFEST = "manifest.json"
_PERCENTILE_FIELD, _PERCENTILE_KEY = "percentile_95_length", "95th_percentile_length"


def remove_hint(folder: Path) -> str:
    """Return what leads out of a damaged dataset: its settings, and so its command, are unknown."""
    return f"rm -r {shlex.quote(str(folder))}, and then the same command again"


def prepare_command(settings: dict[str, Any]) -> str:
    """Return the command that prepares a dataset with `settings`, as manifests record them."""
    words, defaults = ["sentiment", "prepare"], asdict(default_recipe().prepare)
    # Settings that came later than the manifest have the value that means the same as before.
    for name, value in {**asdict(PrepareSettings()), **settings}.items():
        # The digest in the name of a file is no part of its path.
        text = re.sub(r":[0-9a-f]{64}$", "", value) if isinstance(value, str) else str(value)
        if name in defaults and value != defaults[name] and not isinstance(value, bool):
            words += [f"--{name.replace('_', '-')}", text]
        elif name in defaults and value != defaults[name]:
            words.append(f"--no-{name}")
    return shlex.join(words)


def settings_key(settings: dict[str, Any]) -> str:
    """Return the eight hexadecimal digits that identify a prepared dataset by its settings."""
    content = json.dumps({"format": FORMAT, "rules": RULES, **settings}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class VocabularySize:
    """Number of words and of n-grams that have a vector."""

    words: int
    ngrams: int


@dataclass(frozen=True)
class SplitStatistics:
    """Statistics of one split.

    Lengths are in tokens; unknown_share: share of tokens outside the vocabulary, 0-1; digest: the
    SHA-256 of texts and labels, the same for every vocabulary; positive and negative: reviews with
    that label, None in manifests without them.
    """

    reviews: int
    tokens: int
    median_length: int
    percentile_95_length: int
    longest_length: int
    unknown_share: float
    digest: str
    positive: int | None = None
    negative: int | None = None

    @property
    def positive_share(self) -> float | None:
        """The share of positive ones among the labelled reviews, 0-1; None if it is unknown."""
        labelled = (self.positive or 0) + (self.negative or 0)
        return (self.positive or 0) / labelled if labelled else None


@dataclass(frozen=True)
class Manifest:
    """The content of `manifest.json`.

    settings: those of `PrepareSettings`, with the digest in the name of a dataset that is a file;
    splits: by name; files: size and digest of each file, see `utils.files.checksums`; rules: number
    of the token rules, 1 in older datasets; notes: sentences about how the reviews were read, such
    as which rows were left out.
    """

    settings: dict[str, Any]
    vocabulary: VocabularySize
    splits: dict[str, SplitStatistics]
    files: dict[str, dict[str, Any]]
    rules: int = RULES
    notes: list[str] = field(default_factory=list)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json` to `folder`."""
    content = {
        "format": FORMAT,
        "rules": manifest.rules,
        "settings": manifest.settings,
        "vocabulary": asdict(manifest.vocabulary),
        "splits": {
            name: _renamed(asdict(statistics), _PERCENTILE_FIELD, _PERCENTILE_KEY)
            for name, statistics in manifest.splits.items()
        },
        "files": manifest.files,
        "notes": manifest.notes,
    }
    files.write_json(folder / _MANIFEST, files.add_checksum(content))


def _read_manifest(path: Path) -> Manifest:
    hint = remove_hint(path.parent)
    content = files.read_json(path, hint=hint)
    files.verify_checksum(path, content, hint=hint)
    try:
        if content["format"] != FORMAT:
            raise ValueError(content["format"])
        statistics = typed(dict[str, dict[str, Any]], content["splits"], "splits")
        splits = {
            name: _renamed(values, _PERCENTILE_KEY, _PERCENTILE_FIELD)
            for name, values in statistics.items()
        }
        fields = {name: content[name] for name in ("settings", "vocabulary", "files")}
        optional = {name: content[name] for name in ("notes",) if name in content}
        rules = content.get("rules", 1)
        fields |= {"splits": splits, "rules": rules, **optional}
        manifest: Manifest = typed(Manifest, fields, "manifest")
        typed(str, manifest.settings.get("dataset"), "settings.dataset")
        if missing := {"train", "test"} - splits.keys():
            raise ValueError(f"splits.{min(missing)} is missing")
        return manifest
    except (KeyError, ValueError) as error:
        raise DamagedFileError(
            f"{path} is not a manifest of format {FORMAT} ({error})", hint=hint
        ) from error


def _renamed(values: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """Return `values` with one key renamed."""
    return {new if name == old else name: value for name, value in values.items()}


@dataclass(frozen=True)
class Split:
    """The arrays of one split, mapped into memory; see the head of this module."""

    texts: np.ndarray
    bounds: np.ndarray
    labels: np.ndarray
    encoded: EncodedTexts
    hint: str = ""  # what leads out if a text is damaged

    def __len__(self) -> int:
        return len(self.labels)

    def text(self, row: int) -> str:
        """Return the original text of one review."""
        raw = self.texts[self.bounds[row] : self.bounds[row + 1]].tobytes()
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DamagedFileError(f"review {row + 1} is not UTF-8 text", hint=self.hint) from error


def write_split(
    folder: Path, name: str, texts: Sequence[str], labels: np.ndarray, encoded: EncodedTexts
) -> SplitStatistics:
    """Write the arrays of one split and return its statistics."""
    raw, bounds = bytearray(), [0]
    for text in texts:
        raw += text.encode("utf-8")
        bounds.append(len(raw))
    arrays: dict[str, np.ndarray] = {
        "texts": np.frombuffer(raw, np.uint8),
        "bounds": np.array(bounds, np.int64),
        "labels": np.asarray(labels, np.int8),
        "tokens": encoded.tokens,
        "offsets": encoded.offsets,
    }
    for part, array in arrays.items():
        np.save(folder / f"{name}.{part}.npy", array, allow_pickle=False)
    digest = hashlib.sha256()
    for part in ("texts", "bounds", "labels"):
        digest.update(np.ascontiguousarray(arrays[part]).data)
    lengths, tokens = encoded.lengths, encoded.tokens
    median, percentile_95 = np.percentile(lengths, [50, 95]) if len(lengths) else (0, 0)
    return SplitStatistics(
        reviews=len(texts),
        tokens=len(tokens),
        median_length=int(median),
        percentile_95_length=int(percentile_95),
        longest_length=int(lengths.max(initial=0)),
        unknown_share=float(np.mean(tokens == UNKNOWN)) if len(tokens) else 0.0,
        digest=digest.hexdigest(),
        positive=int(np.sum(arrays["labels"] == POSITIVE)),
        negative=int(np.sum(arrays["labels"] == NEGATIVE)),
    )


@dataclass(frozen=True)
class PreparedDataset:
    """An open prepared dataset. Files are verified against their digests when they are read."""

    folder: Path
    manifest: Manifest

    def __repr__(self) -> str:
        splits = ", ".join(f"{name} {split.reviews:,}" for name, split in self.splits.items())
        return f"<PreparedDataset {self.folder.name}: {splits}>"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that it was prepared with."""
        return self.manifest.settings

    @property
    def splits(self) -> dict[str, SplitStatistics]:
        """The statistics of each split, by its name."""
        return self.manifest.splits

    def describe(self) -> list[str]:
        """Return a line on the labels of each split, and the notes on how they were read."""
        lines = [
            f"{name} {count_of(split.reviews, 'review')}: {100 * share:.1f} % positive"
            for name, split in self.splits.items()
            if (share := split.positive_share) is not None
        ]
        return lines + self.manifest.notes

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The vocabulary, built without the test reviews."""
        for name in ("words.txt", "ngrams.npy"):
            self._verify(name)
        return Tokenizer.read(self.folder, self.manifest.rules, hint=remove_hint(self.folder))

    def split(self, name: str) -> Split:
        """Return one split; raise DamagedFileError if one of its files has changed."""
        arrays, hint = {}, remove_hint(self.folder)
        for part in ("texts", "bounds", "labels", "tokens", "offsets"):
            self._verify(f"{name}.{part}.npy")
            arrays[part] = npz.read_array(self.folder / f"{name}.{part}.npy", hint=hint)
        encoded = EncodedTexts(arrays["tokens"], arrays["offsets"])
        with files.read_errors(self.folder / f"{name}.*.npy", hint=hint):
            _check_arrays(arrays, self.splits[name].reviews, self.tokenizer.vocabulary_size)
        return Split(arrays["texts"], arrays["bounds"], arrays["labels"], encoded, hint)

    def _verify(self, name: str) -> None:
        files.verify_file(
            self.folder / name, self.manifest.files.get(name, {}), hint=remove_hint(self.folder)
        )


_DTYPES = {"texts": "u1", "bounds": "i8", "labels": "i1", "tokens": "i4", "offsets": "i8"}


def _check_arrays(arrays: dict[str, np.ndarray], reviews: int, words: int) -> None:
    """Raise ValueError unless the arrays of a split are what `write_split` writes."""
    for part, array in arrays.items():
        if array.ndim != 1 or array.dtype != np.dtype(_DTYPES[part]):
            raise ValueError(f"{part} is {array.dtype} of {array.ndim} dimensions")
    for part, whole in (("bounds", "texts"), ("offsets", "tokens")):
        ends = arrays[part]
        if len(ends) != reviews + 1 or ends[0] != 0 or ends[-1] != len(arrays[whole]):
            raise ValueError(f"{part} does not divide {whole} into {reviews} reviews")
        if (ends[1:] < ends[:-1]).any():
            raise ValueError(f"{part} does not ascend")
    labels, tokens = arrays["labels"], arrays["tokens"]
    if len(labels) != reviews or not np.isin(labels, (-1, 0, 1)).all():
        raise ValueError("labels are not one for each review, -1, 0 or 1")
    if len(tokens) and not 0 <= tokens.min() <= tokens.max() < words:
        raise ValueError("tokens are not ids of words")


def open_dataset(folder: Path) -> PreparedDataset:
    """Open the prepared dataset in `folder`; raise DamagedFileError if its manifest is damaged."""
    return PreparedDataset(folder, _read_manifest(folder / _MANIFEST))
