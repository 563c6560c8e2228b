"""Write and open a trained model: all that a prediction needs, readable from any language.

A bundle is a folder:
- `bundle.json`: `format` (2), `created` (ISO 8601, UTC), `settings` (by kind, then by name), `run`
  (`id`, `name`, `experiment`), `data` (`dataset`, `folder`, `digests` of the splits, `reviews`, the
  number of its training reviews), `temperature` (a positive number that divides the logit before
  the sigmoid), `neutral_band` (`low` and `high`, the probabilities between which a short text is
  neutral, and how they were chosen: `sentences`, `coverage`, `accuracy`), `metrics` (by name),
  `measured_on` (digest of the texts, by prefix of the metrics), `files` (size and SHA-256 of each
  of the other files) and `digest` (SHA-256 of all else in it, written as JSON in ASCII with sorted
  keys, `, ` and `: `), and `rules`, the number of the rules that divide texts into tokens. Older
  bundles have no `experiment`, `reviews`, `measured_on`, `neutral_band`, `digest` or `rules`, which
  are then rules 1;
- `words.txt`: one word a line, UTF-8; line n (from 0) has id n + 2. Id 0 is padding, 1 unknown;
- `ngrams.npy`: int64 (G,), ascending. An n-gram of word ids a, b[, c] has the key a·V + b
  [·V + c], V being the number of words + 2, and the row V + its position here;
- `embedding.npy`: float16 (V + G, E), a row for each word and n-gram; row 0, the padding, is zeros;
- `weights.npz`: float32 arrays `rnn_1.forward.kernel` (E, H), `….recurrent_kernel` (H, H) and
  `….bias` (H,), likewise `….backward.…` in a bidirectional network and `rnn_2.…` upwards for
  further layers (cells other than SimpleRNN have the arrays that `cells.py` names);
  `classifier.kernel` (S, 1) and `classifier.bias` (1,), S being the size of the final state.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.config import ModelSettings
from sentiment.data.tokenizer import Tokenizer
from sentiment.errors import DamagedFileError, InputError, MissingFileError
from sentiment.inference.manifest import FORMAT, Manifest, damage_hint, from_json, to_json
from sentiment.inference.weights import weight_shapes
from sentiment.utils import files, npz
from sentiment.utils.text import shown
from sentiment.utils.typed_json import check_keys

_NONE_HINT = "sentiment train"  # the hint if there is no model
_MANIFEST = "bundle.json"
_FILES = ("words.txt", "ngrams.npy", "embedding.npy", "weights.npz")


@dataclass(frozen=True)
class Bundle:
    """An opened model. `embedding` is mapped into memory, not read."""

    folder: Path
    manifest: Manifest
    settings: ModelSettings
    tokenizer: Tokenizer
    embedding: np.ndarray
    weights: dict[str, np.ndarray]

    @property
    def temperature(self) -> float:
        """The number that divides the logit to calibrate probabilities (Guo et al. 2017)."""
        return self.manifest.temperature

    @property
    def name(self) -> str:
        """The name of the run that trained the model."""
        return self.manifest.run.name


def write(
    folder: Path,
    *,
    tokenizer: Tokenizer,
    embedding: np.ndarray,
    weights: dict[str, np.ndarray],
    manifest: Manifest,
) -> Bundle:
    """Write a bundle, whole or not at all, and open it.

    The files in `manifest` are replaced by those written.
    """
    with files.atomic_dir(folder) as tmp:
        tokenizer.write(tmp)
        table = embedding.astype(np.float16)
        table[0] = 0.0
        np.save(tmp / "embedding.npy", table, allow_pickle=False)
        np.savez(tmp / "weights.npz", **weights)  # type: ignore[arg-type]
        written = replace(manifest, files=files.checksums(tmp), rules=tokenizer.rules)
        _write_manifest(tmp, written)
    return read(folder)


def read(folder: Path) -> Bundle:
    """Open the bundle in `folder`.

    Raises MissingFileError if there is none and DamagedFileError if it is not whole.
    """
    while True:
        before = _identity(folder)
        try:
            bundle = _read(folder)
        except DamagedFileError:
            if _identity(folder) == before:
                raise
        else:
            if _identity(folder) == before:
                return bundle
        # A training has replaced the folder meanwhile, and half of each model was read.


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return numbers that differ between a folder and a later one of the same name."""
    try:
        status = folder.stat()
        return status.st_dev, status.st_ino
    except FileNotFoundError:
        return None


def _read(folder: Path) -> Bundle:
    path = folder / _MANIFEST
    if not path.is_file():
        raise MissingFileError(f"no model in {folder}: there is no {_MANIFEST}", hint=_NONE_HINT)
    hint = damage_hint(folder)
    content = files.read_json(path, hint=hint)
    manifest, settings = _parse(path, content)
    files.verify_checksum(path, content, hint=hint)
    for name in _FILES:
        files.verify_file(folder / name, manifest.files[name], hint=hint)
    tokenizer = Tokenizer.read(folder, manifest.rules, hint=hint)
    embedding = npz.read_array(folder / "embedding.npy", hint=hint)
    weights = npz.read_arrays(folder / "weights.npz", hint=hint)
    bundle = Bundle(folder, manifest, settings, tokenizer, embedding, weights)
    _check_arrays(bundle)
    return bundle


def _parse(path: Path, content: dict[str, Any]) -> tuple[Manifest, ModelSettings]:
    """Return the manifest and the model's settings; raise DamagedFileError if one is not valid."""
    version = content.get("format")
    if version != FORMAT:
        newer = isinstance(version, int) and version > FORMAT
        raise DamagedFileError(
            f"{path} has bundle format {shown(version)}; this program reads format {FORMAT}",
            hint="a newer version of sentiment-rnn" if newer else damage_hint(path.parent),
        )
    try:
        manifest = from_json(content)
        for name in _FILES:
            if name not in manifest.files:
                raise ValueError(f"{name} is missing from files")
        check_keys(ModelSettings, manifest.settings["model"], "settings.model")
        settings = ModelSettings(**manifest.settings["model"])
        weight_shapes(settings)  # raises InputError if the cell is unknown
    except (TypeError, ValueError, InputError) as error:
        hint = damage_hint(path.parent)
        raise DamagedFileError(f"{path} is not valid: {error}", hint=hint) from error
    return manifest, settings


def _check_arrays(bundle: Bundle) -> None:
    """Raise DamagedFileError unless all arrays have the right names, shapes, types and values."""

    def damaged(fact: str) -> DamagedFileError:
        return DamagedFileError(f"{bundle.folder}: {fact}", hint=damage_hint(bundle.folder))

    arrays = {"embedding": bundle.embedding, **bundle.weights}
    shapes = {name: array.shape for name, array in arrays.items()}
    expected = weight_shapes(bundle.settings)
    expected["embedding"] = (bundle.tokenizer.feature_count, bundle.settings.embedding)
    for name in sorted(expected.keys() | shapes.keys()):
        if expected.get(name) != shapes.get(name):
            raise damaged(f"expected {name} of shape {expected.get(name)}, got {shapes.get(name)}")
    for name, array in arrays.items():
        dtype = np.dtype(np.float16 if name == "embedding" else np.float32)
        if array.dtype != dtype:
            raise damaged(f"expected {name} of {dtype}, got {array.dtype}")
        if not np.isfinite(array).all():
            raise damaged(f"a weight of {name} is not a finite number")
    if bundle.embedding[0].any():
        raise damaged("row 0 of embedding, the padding, is not zeros")


def update_manifest(bundle: Bundle, **parts: Any) -> Bundle:
    """Replace fields of the manifest, such as the metrics, in one step; return the new bundle."""
    manifest = replace(bundle.manifest, **parts)
    _write_manifest(bundle.folder, manifest)
    return replace(bundle, manifest=manifest)


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    files.write_json(folder / _MANIFEST, files.add_checksum(to_json(manifest)))
