"""The operations that a queue holds, and their form as JSON.

An operation is a JSON object: `kind`, `time` in ms since 1970, and the fields of the class of that
kind, under the names that `to_json` gives them.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from sentiment.tracking.run_logger import Dataset, EvaluationRecord
from sentiment.utils.typed_json import typed

_PICTURE = "picture "  # before the name of a picture among an evaluation's arrays


@dataclass(frozen=True)
class Payload:
    """What an operation logs."""

    kind: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Return the payload with these fields; raise ValueError if they do not fit."""
        return typed(cls, fields, cls.kind)


@dataclass(frozen=True)
class Start(Payload):
    """Create the run."""

    kind: ClassVar[str] = "start"
    experiment: str
    tags: dict[str, str]


@dataclass(frozen=True)
class Begin(Payload):
    """Log the settings and the data that the run starts with."""

    kind: ClassVar[str] = "begin"
    settings: dict[str, str]
    datasets: list[Dataset]


@dataclass(frozen=True)
class Resume(Payload):
    """Set an interrupted run to RUNNING; `tags` name the process that resumes it."""

    kind: ClassVar[str] = "again"
    tags: dict[str, str]


@dataclass(frozen=True)
class Epoch(Payload):
    """Log an epoch's model, the queue's bundle of this operation, and its metrics.

    resumed: the run was resumed before, so that the store may have the epoch already.
    """

    kind: ClassVar[str] = "epoch"
    metrics: dict[str, float]
    step: int
    resumed: bool

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON."""
        return {
            "metrics": _metrics_to_json(self.metrics),
            "step": int(self.step),
            "again": self.resumed,
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Return the payload with these fields."""
        names = {"again": "resumed"}
        named = {names.get(name, name): value for name, value in fields.items()}
        return super().from_json(named | {"metrics": _metrics_from_json(fields.get("metrics"))})


@dataclass(frozen=True)
class Best(Payload):
    """Register the best model: that of an epoch, as "3", or one by its id in the store.

    metrics: those of that epoch, `step`; earlier versions queued none.
    """

    kind: ClassVar[str] = "best"
    model: str
    metrics: dict[str, float] = field(default_factory=dict)
    step: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON."""
        metrics = _metrics_to_json(self.metrics)
        return {"model": self.model, "metrics": metrics, "step": int(self.step)}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Return the payload with these fields."""
        metrics = _metrics_from_json(fields.get("metrics", {}))
        return super().from_json(fields | {"metrics": metrics})


@dataclass(frozen=True)
class Arrays(Payload):
    """Log the operation's arrays as one file."""

    kind: ClassVar[str] = "arrays"
    path: str


@dataclass(frozen=True)
class Image(Payload):
    """Log an image: the operation's array `pixels`."""

    kind: ClassVar[str] = "image"
    key: str
    step: int


@dataclass(frozen=True)
class Table(Payload):
    """Log a table. A cell {"array": NAME} stands for the operation's array of that name."""

    kind: ClassVar[str] = "table"
    columns: dict[str, list[Any]]
    path: str

    @classmethod
    def split(cls, columns: dict[str, list[Any]], path: str) -> tuple[Self, dict[str, np.ndarray]]:
        """Return the payload of a table and, apart from it, the arrays in its cells."""
        arrays: dict[str, np.ndarray] = {}

        def reference(cell: Any) -> Any:
            if not isinstance(cell, np.ndarray):
                return cell
            name = str(len(arrays))
            arrays[name] = cell
            return {"array": name}

        split = {name: [reference(cell) for cell in cells] for name, cells in columns.items()}
        return cls(split, path), arrays

    @property
    def has_arrays(self) -> bool:
        """True if cells stand for arrays."""
        return any(isinstance(cell, dict) for cells in self.columns.values() for cell in cells)

    def joined(self, arrays: dict[str, np.ndarray]) -> dict[str, list[Any]]:
        """Return the columns with the arrays in their cells."""
        return {
            name: [arrays[cell["array"]] if isinstance(cell, dict) else cell for cell in cells]
            for name, cells in self.columns.items()
        }


@dataclass(frozen=True)
class Text(Payload):
    """Log a text file."""

    kind: ClassVar[str] = "text"
    text: str
    path: str


@dataclass(frozen=True)
class Files(Payload):
    """Log files to the folder `path`: the operation's arrays, uint8 each, by the file's name."""

    kind: ClassVar[str] = "files"
    path: str


@dataclass(frozen=True)
class Tag(Payload):
    """Set a tag."""

    kind: ClassVar[str] = "tag"
    name: str
    text: str


@dataclass(frozen=True)
class Evaluation(Payload):
    """Log an evaluation; the operation's arrays are its predictions and its pictures.

    Earlier versions queued neither the accuracy in words nor tables and pictures.
    """

    kind: ClassVar[str] = "evaluation"
    metrics: dict[str, float]
    mistakes: dict[str, list[Any]]
    dataset: Dataset
    accuracy: str = ""
    tables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def split(cls, record: EvaluationRecord) -> tuple[Self, dict[str, np.ndarray]]:
        """Return the payload of an evaluation and, apart from it, its arrays."""
        pictures = {f"{_PICTURE}{name}": pixels for name, pixels in record.pictures.items()}
        payload = cls(
            record.metrics, record.mistakes, record.dataset, record.accuracy, record.tables
        )
        return payload, record.predictions | pictures

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON."""
        return asdict(self) | {"metrics": _metrics_to_json(self.metrics)}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Return the payload with these fields."""
        return super().from_json(fields | {"metrics": _metrics_from_json(fields.get("metrics"))})

    def record(self, arrays: dict[str, np.ndarray]) -> EvaluationRecord:
        """Return the evaluation with its arrays."""
        pictures = {
            name.removeprefix(_PICTURE): array
            for name, array in arrays.items()
            if name.startswith(_PICTURE)
        }
        predictions = {
            name: array for name, array in arrays.items() if not name.startswith(_PICTURE)
        }
        return EvaluationRecord(
            self.metrics,
            self.mistakes,
            predictions,
            self.dataset,
            self.accuracy,
            self.tables,
            pictures,
        )


@dataclass(frozen=True)
class End(Payload):
    """End the run."""

    kind: ClassVar[str] = "end"
    status: str


_CLASSES: tuple[type[Payload], ...] = (
    *(Start, Begin, Resume, Epoch, Best, Arrays, Image, Table, Text, Files, Tag, Evaluation, End),
)
_BY_KIND = {cls.kind: cls for cls in _CLASSES}


def payload_to_json(payload: Payload, time: int) -> dict[str, Any]:
    """Return an operation of `time`, ms since 1970, as JSON."""
    return {"kind": payload.kind, "time": time, **payload.to_json()}


def payload_from_json(content: dict[str, Any]) -> tuple[Payload, int]:
    """Return an operation's payload and time; raise ValueError if it is malformed."""
    fields = {name: value for name, value in content.items() if name not in ("kind", "time")}
    kind = typed(str, content.get("kind"), "kind")
    if kind not in _BY_KIND:
        raise ValueError(f"{kind[:40]!r} is no kind of operation")
    return _BY_KIND[kind].from_json(fields), typed(int, content.get("time"), "time")


def _metrics_to_json(metrics: dict[str, float]) -> dict[str, str]:
    # As text, since JSON has no infinity and no NaN.
    return {name: repr(float(value)) for name, value in metrics.items()}


def _metrics_from_json(metrics: Any) -> dict[str, float]:
    texts = typed(dict[str, str], metrics, "metrics")
    return {name: float(value) for name, value in texts.items()}
