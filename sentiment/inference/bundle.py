"""A trained model on disk: everything that a prediction needs, readable from any language.

Knows files, arrays and the tokenizer; knows nothing of Keras or MLflow.

A bundle is a folder:
- `bundle.json`: `format` (2), `created` (ISO 8601, UTC), `settings` (by name), `run` (`id`,
  `name`), `data` (dataset, key, digests of the splits), `temperature` (a positive number that the
  logit is divided by before the sigmoid), `metrics` (by name), `files` (size and SHA-256 of
  each of the others) and `digest` (SHA-256 of the rest of it, written as JSON in ASCII with sorted
  keys, `, ` and `: `; bundles of before there was one have none);
- `words.txt`: one word a line, UTF-8; line n (from 0) has id n + 2. Id 0 is padding, 1 unknown;
- `ngrams.npy`: int64 (G,), ascending. An n-gram of word ids a, b[, c] has the key a·V + b
  [·V + c], V being the number of words + 2, and the row V + its position here;
- `embedding.npy`: float16 (V + G, E), a row for each word and n-gram; row 0, the padding, is zeros;
- `weights.npz`: float32 arrays `rnn_1.forward.kernel` (E, H), `….recurrent_kernel` (H, H),
  `….bias` (H,), likewise `….backward.…` where the network is bidirectional and `rnn_2.…` upwards
  for further layers; `classifier.kernel` (S, 1) and `classifier.bias` (1,), S being the size of
  the final state.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.config import ModelSettings
from sentiment.data.tokenizer import Tokenizer
from sentiment.errors import DamagedFileError, InputError, MissingFileError
from sentiment.inference.weights import weight_shapes
from sentiment.utils import files, npz

FORMAT = 2
HINT = "sentiment train"
_PARTS = ("words.txt", "ngrams.npy", "embedding.npy", "weights.npz")


@dataclass(frozen=True)
class Bundle:
    """A trained model, opened. `embedding` is mapped into memory, not read."""

    folder: Path
    record: dict[str, Any]
    settings: ModelSettings
    tokenizer: Tokenizer
    embedding: np.ndarray
    weights: dict[str, np.ndarray]

    @property
    def temperature(self) -> float:
        """What the logit is divided by, so that probabilities are neither too bold nor too shy."""
        return self.record["temperature"]

    @property
    def name(self) -> str:
        """The name of the run that made it."""
        return self.record["run"]["name"]


def write(
    folder: Path,
    *,
    tokenizer: Tokenizer,
    embedding: np.ndarray,
    weights: dict[str, np.ndarray],
    record: dict[str, Any],
) -> Bundle:
    """Write a bundle, whole or not at all, and open it."""
    with files.atomic_dir(folder) as aside:
        tokenizer.write(aside)
        table = embedding.astype(np.float16)
        table[0] = 0.0
        np.save(aside / "embedding.npy", table, allow_pickle=False)
        np.savez(aside / "weights.npz", **weights)  # type: ignore[arg-type]
        stated = {"format": FORMAT, **record, "files": files.checksums(aside)}
        files.write_json(aside / "bundle.json", files.add_checksum(stated))
    return read(folder)


def read(folder: Path) -> Bundle:
    """Open the bundle in `folder`.

    Raises MissingFileError where there is none and DamagedFileError where it is not whole.
    """
    while True:
        before = _identity(folder)
        try:
            opened = _read(folder)
        except DamagedFileError:
            if _identity(folder) == before:
                raise
        else:
            if _identity(folder) == before:
                return opened
        # A training that went on has put its model in the place of this one: half of each was read.


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells a folder from the one that has its name later."""
    try:
        found = folder.stat()
        return found.st_dev, found.st_ino
    except FileNotFoundError:
        return None


def _read(folder: Path) -> Bundle:
    path = folder / "bundle.json"
    if not path.is_file():
        raise MissingFileError(f"no model in {folder}: it holds no bundle.json", hint=HINT)
    record = files.read_json(path, hint=HINT)
    settings = _settings(path, record)
    files.verify_checksum(path, record, hint=HINT)
    for name in _PARTS:
        files.verify_file(folder / name, record["files"][name], hint=HINT)
    tokenizer = Tokenizer.read(folder, hint=HINT)
    embedding = npz.read_array(folder / "embedding.npy", hint=HINT)
    weights = npz.read_arrays(folder / "weights.npz", hint=HINT)
    bundle = Bundle(folder, record, settings, tokenizer, embedding, weights)
    _check_arrays(bundle)
    return bundle


def _settings(path: Path, record: dict[str, Any]) -> ModelSettings:
    """Return the settings in `record`; raise DamagedFileError where a part of it is missing."""
    found = record.get("format")
    if found != FORMAT:
        newer = isinstance(found, int) and found > FORMAT
        raise DamagedFileError(
            f"{path} is of bundle format {found!r}; this program reads {FORMAT}",
            hint="pip install --upgrade sentiment" if newer else HINT,
        )
    try:
        settings = ModelSettings(**record["settings"]["model"])
        run, data = record["run"], record["data"]
        texts = record["created"], run["id"], run["name"], data["dataset"], data["folder"]
        tables = record["metrics"], *(record["files"][name] for name in _PARTS)
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("created, run and data are not all texts")
        if not all(isinstance(table, dict) for table in tables):
            raise TypeError("metrics and files are not all tables")
        temperature = record["temperature"]
        if not (isinstance(temperature, int | float) and 0 < temperature < float("inf")):
            raise ValueError(f"temperature {temperature!r} is not a positive number")
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise DamagedFileError(f"{path} is incomplete: {error}", hint=HINT) from error
    return settings


def _check_arrays(bundle: Bundle) -> None:
    expected = weight_shapes(bundle.settings)
    expected["embedding"] = (bundle.tokenizer.feature_count, bundle.settings.embedding)
    found = {"embedding": bundle.embedding.shape}
    found |= {name: array.shape for name, array in bundle.weights.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise DamagedFileError(
                f"{bundle.folder}: expected {name} of shape {expected.get(name)}, "
                f"got {found.get(name)}",
                hint=HINT,
            )
    for name, array in {"embedding": bundle.embedding, **bundle.weights}.items():
        kind = np.dtype(np.float16 if name == "embedding" else np.float32)
        if array.dtype != kind:
            raise DamagedFileError(
                f"{bundle.folder}: expected {name} of {kind}, got {array.dtype}", hint=HINT
            )
        if not np.isfinite(array).all():
            raise DamagedFileError(
                f"{bundle.folder}: a weight of {name} is not a finite number", hint=HINT
            )

    if bundle.embedding[0].any():
        raise DamagedFileError(
            f"{bundle.folder}: row 0 of embedding, the padding, is not zeros", hint=HINT
        )


def update_manifest(bundle: Bundle, **parts: Any) -> None:
    """Replace parts of `bundle.json`, such as the metrics, at one stroke."""
    files.write_json(bundle.folder / "bundle.json", files.add_checksum({**bundle.record, **parts}))


def newest_bundle(models: Path) -> Path:
    """Return the folder of the newest bundle in `models`, by the time it was created.

    Raises DamagedFileError where a record is not what was written: its time may be wrong.
    """
    found = []
    for path in models.glob("[!.]*/bundle.json"):
        record = files.read_json(path, hint=HINT)
        files.verify_checksum(path, record, hint=HINT)
        found.append((str(record.get("created", "")), path.parent))
    if not found:
        raise MissingFileError(f"no trained model in {models}", hint=HINT)
    return max(found)[1]
