"""What `bundle.json` says about a trained model."""

from dataclasses import dataclass, field, fields
from typing import Any

FORMAT = 2


@dataclass(frozen=True)
class RunInfo:
    """The run that trained the model. `id` is MLflow's, empty if the run was not tracked."""

    id: str
    name: str
    experiment: str = ""
    other: dict[str, Any] = field(default_factory=dict)  # keys that this version does not know


@dataclass(frozen=True)
class DataInfo:
    """The prepared dataset that the model learnt from; `digests` are SHA-256 by split."""

    dataset: str
    folder: str  # its name in data/prepared
    digests: dict[str, str] = field(default_factory=dict)
    other: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """The typed content of `bundle.json`.

    created: ISO 8601, UTC; settings: by kind (prepare, model, train), then by name; temperature:
    divides the logit before the sigmoid; measured_on: SHA-256 of the texts that metrics were
    measured on, by the prefix of the metrics; files: size and SHA-256 of the other files, by name.
    """

    created: str
    settings: dict[str, dict[str, Any]]
    run: RunInfo
    data: DataInfo
    temperature: float = 1.0
    metrics: dict[str, float] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    measured_on: dict[str, str] = field(default_factory=dict)
    other: dict[str, Any] = field(default_factory=dict)


_OPTIONAL = {
    "experiment",
    "digests",
    "measured_on",
}  # absent in older bundles: not written if empty


def to_json(manifest: Manifest) -> dict[str, Any]:
    """Return the content of `bundle.json`, all but its digest."""
    content = {"format": FORMAT, **_to_table(manifest)}
    return content | {"run": _to_table(manifest.run), "data": _to_table(manifest.data)}


def from_json(content: dict[str, Any]) -> Manifest:
    """Return the manifest in the content of `bundle.json`.

    Raises TypeError or ValueError if a part is missing or is not what it has to be.
    """
    known, other = _split(Manifest, content)
    other = {name: value for name, value in other.items() if name not in ("format", "digest")}
    run, run_other = _split(RunInfo, known.pop("run"))
    data, data_other = _split(DataInfo, known.pop("data"))
    manifest = Manifest(
        **known, run=RunInfo(**run, other=run_other), data=DataInfo(**data, other=data_other),
        other=other,
    )  # fmt: skip
    _check_types(manifest)
    return manifest


def _to_table(part: Manifest | RunInfo | DataInfo) -> dict[str, Any]:
    """Return the fields of `part` by name, and the keys that this version does not know."""
    values = {name: getattr(part, name) for name in _names(type(part))}
    written = {name: value for name, value in values.items() if value or name not in _OPTIONAL}
    return written | part.other


def _split(
    kind: type[Manifest | RunInfo | DataInfo], table: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields of `kind` in a JSON object, and its other keys."""
    if not isinstance(table, dict):
        raise TypeError("run or data is not an object")
    names = _names(kind)
    for name in names:
        if name not in table and name not in _OPTIONAL:
            raise ValueError(f"{name} is missing")
    known = {name: table[name] for name in names if name in table}
    return known, {name: value for name, value in table.items() if name not in names}


def _names(kind: type[Manifest | RunInfo | DataInfo]) -> list[str]:
    return [part.name for part in fields(kind) if part.name != "other"]


def _check_types(manifest: Manifest) -> None:
    run, data, settings = manifest.run, manifest.data, manifest.settings
    _check(str, created=manifest.created, id=run.id, name=run.name, experiment=run.experiment)
    _check(str, dataset=data.dataset, folder=data.folder)
    _check(dict, settings=settings, metrics=manifest.metrics, files=manifest.files)
    _check(dict, digests=data.digests, measured_on=manifest.measured_on)
    _check(dict, **{"the part model of settings": settings.get("model")})
    _check(dict, **{f"the entry of {name}": entry for name, entry in manifest.files.items()})
    temperature = manifest.temperature
    if not (isinstance(temperature, int | float) and 0 < temperature < float("inf")):
        raise ValueError(f"temperature {temperature!r} is not a positive number")


def _check(kind: type, **values: Any) -> None:
    names: dict[type, str] = {str: "a string", dict: "an object"}
    for name, value in values.items():
        if not isinstance(value, kind):
            raise TypeError(f"{name} is not {names[kind]}")
