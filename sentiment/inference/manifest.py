"""What `bundle.json` says about a trained model."""

import shlex
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from sentiment.config import ModelSettings
from sentiment.utils.typed_json import check_line, typed

FORMAT = 2
_BUNDLED = Path(__file__).parents[1] / "pretrained"
_MAX_TEMPERATURE = 1e6  # and its reciprocal the minimum; a fit gives 0.05 to 20


@dataclass(frozen=True)
class RunInfo:
    """The run that trained the model. `id` is MLflow's, empty if the run was not tracked."""

    id: str
    name: str
    experiment: str = ""
    other: dict[str, Any] = field(default_factory=dict)  # keys that this version does not know


@dataclass(frozen=True)
class DataInfo:
    """The prepared dataset that the model learnt from.

    digests: SHA-256 by split; reviews: how many training reviews it has, None in older bundles.
    """

    dataset: str
    folder: str  # its name in data/prepared
    digests: dict[str, str] = field(default_factory=dict)
    reviews: int | None = None
    other: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NeutralBand:
    """Probabilities, from `low` to `high`, of short texts that are better called neutral.

    Below and above it, verdicts on closing sentences of validation reviews were mostly right, see
    `evaluation/neutral_band.py`. sentences: how many there were; coverage: the share of them
    outside of the band, 0-1; accuracy: the share of these that were right, 0-1.
    """

    low: float
    high: float
    sentences: int
    coverage: float
    accuracy: float


@dataclass(frozen=True)
class Manifest:
    """The typed content of `bundle.json`.

    created: ISO 8601, UTC; settings: by kind (prepare, model, train), then by name; temperature:
    divides the logit before the sigmoid; measured_on: SHA-256 of the texts that metrics were
    measured on, by the prefix of the metrics; rules: number of the token rules, 1 in older bundles;
    neutral_band: None in older bundles and if it could not be chosen; files: size and SHA-256 of
    the other files, by name.
    """

    created: str
    settings: dict[str, dict[str, Any]]
    run: RunInfo
    data: DataInfo
    temperature: float = 1.0
    metrics: dict[str, float] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    measured_on: dict[str, str] = field(default_factory=dict)
    rules: int = 1
    neutral_band: NeutralBand | None = None
    other: dict[str, Any] = field(default_factory=dict)

    def with_model(self, model: ModelSettings) -> "Manifest":
        """Return this manifest for a network of another shape."""
        return replace(self, settings=self.settings | {"model": asdict(model)})


_Part = TypeVar("_Part", Manifest, RunInfo, DataInfo)
# Absent in older bundles, which mean these values, and not written if they have them.
_OPTIONAL: dict[str, Any] = {
    "experiment": "",
    "digests": {},
    "reviews": None,
    "measured_on": {},
    "rules": 1,
    "neutral_band": None,
}


def damage_hint(folder: Path) -> str:
    """Return what leads out of a damaged model in `folder`: another training would not mend it."""
    other = "--model with another model"
    if folder.resolve() == _BUNDLED.resolve():
        return f"{other}, or install sentiment-rnn again"
    return f"rm -r {shlex.quote(str(folder))}, or {other}"


def to_json(manifest: Manifest) -> dict[str, Any]:
    """Return the content of `bundle.json`, all but its digest."""
    content = {"format": FORMAT, **_to_table(manifest)}
    if manifest.neutral_band is not None:
        content["neutral_band"] = asdict(manifest.neutral_band)
    return content | {"run": _to_table(manifest.run), "data": _to_table(manifest.data)}


def from_json(content: dict[str, Any]) -> Manifest:
    """Return the manifest in the content of `bundle.json`.

    Raises ValueError, which names the field, if one is missing or is not what it has to be.
    """
    table = {name: value for name, value in content.items() if name not in ("format", "digest")}
    table["run"] = _from_table(RunInfo, table.get("run"), "run")
    table["data"] = _from_table(DataInfo, table.get("data"), "data")
    manifest = _from_table(Manifest, table, "bundle.json")
    _check_values(manifest)
    return manifest


def _to_table(part: Manifest | RunInfo | DataInfo) -> dict[str, Any]:
    """Return the fields of `part` by name, and the keys that this version does not know."""
    values = {name: getattr(part, name) for name in _names(type(part))}
    written = {
        name: value
        for name, value in values.items()
        if name not in _OPTIONAL or value != _OPTIONAL[name]
    }
    return written | part.other


def _from_table(kind: type[_Part], table: Any, name: str) -> _Part:
    """Return the part `name`, a JSON object, as `kind`; unknown keys go to `other`."""
    if not isinstance(table, dict):
        raise ValueError(f"{name} is not an object")
    known, hints = _names(kind), get_type_hints(kind)
    for key in known:
        if key not in table and key not in _OPTIONAL:
            raise ValueError(f"{key} is missing from {name}")
    prefix = "" if kind is Manifest else f"{name}."
    values: dict[str, Any] = {
        key: value if is_dataclass(value) else typed(hints[key], value, f"{prefix}{key}")
        for key, value in table.items()
        if key in known
    }
    other = {key: value for key, value in table.items() if key not in known}
    return kind(**values, other=other)


def _names(kind: type[Manifest | RunInfo | DataInfo]) -> list[str]:
    return [part.name for part in fields(kind) if part.name != "other"]


def _check_values(manifest: Manifest) -> None:
    run, data = manifest.run, manifest.data
    lines = {"created": manifest.created, "run.id": run.id, "run.name": run.name}
    lines["run.experiment"] = run.experiment
    for name, text in lines.items():
        check_line(text, name)
    if data.folder in (".", "..") or {"/", "\0"} & set(data.folder):
        raise ValueError("data.folder is not the name of a folder")
    if data.reviews is not None and data.reviews < 0:
        raise ValueError("data.reviews is not a whole number")
    if "model" not in manifest.settings:
        raise ValueError("settings.model is not an object")
    temperature = manifest.temperature
    if not 1 / _MAX_TEMPERATURE <= temperature <= _MAX_TEMPERATURE:
        raise ValueError(f"temperature {temperature!r} is not a positive number, 1e-6 to 1e6")
    if manifest.neutral_band is not None:
        _check_band(manifest.neutral_band)


def _check_band(band: NeutralBand) -> None:
    if not 0 <= band.low <= 0.5 <= band.high <= 1:
        raise ValueError(f"neutral_band {band.low!r} to {band.high!r} is not a band around 0.5")
    if band.sentences < 0 or not (0 <= band.coverage <= 1 and 0 <= band.accuracy <= 1):
        raise ValueError("a share in neutral_band is not 0 to 1, or its sentences are below 0")
