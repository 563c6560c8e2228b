"""The protocol by which a training logs to a run, whether in MLflow or in a queue on disk."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

Notify = Callable[[str], None]  # shows a sentence to a person


@dataclass(frozen=True)
class Dataset:
    """A split of reviews that a run has used; `context` is training or testing."""

    name: str
    context: str
    digest: str
    source: dict[str, Any]


@dataclass(frozen=True)
class EvaluationRecord:
    """What a run logs of an evaluation.

    mistakes: the columns of a table; predictions: `probabilities`, float32 (N,), and `labels`,
    int8 (N,); accuracy: in words, with its interval; tables: CSV by name; pictures: uint8
    (height, width, 3) by name.
    """

    metrics: dict[str, float]
    mistakes: dict[str, list[Any]]
    predictions: dict[str, np.ndarray]
    dataset: Dataset
    accuracy: str = ""
    tables: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, np.ndarray] = field(default_factory=dict)


class EpochModel(NamedTuple):
    """The logged model of an epoch. bundle: its folder; None if the store does not answer."""

    id: str
    bundle: Path | None


class RunLogger(Protocol):
    """A run that has started and is being logged. Steps count epochs, or batches for some images.

    `id` is the run's id in the store, or that of its queue until the store knows the run.
    """

    id: str
    name: str

    def models(self, steps: list[int]) -> dict[int, EpochModel]:
        """Return the model of each of these epochs that has been logged whole, by epoch.

        Only the last of `steps` may be missing, if logging it was interrupted.
        """

    def log_epoch(self, metrics: dict[str, float], step: int, bundle: Path) -> str:
        """Log the model of an epoch, from the folder `bundle`, and its metrics; return its id."""

    def log_arrays(self, arrays: dict[str, np.ndarray], path: str) -> None:
        """Log arrays as one `.npz` file at `path`."""

    def log_image(self, pixels: np.ndarray, key: str, step: int) -> None:
        """Log an image, uint8 (height, width, 3), the one at `step` in the series `key`."""

    def log_table(self, columns: dict[str, list[Any]], path: str) -> None:
        """Log a table as JSON at `path`; uint8 arrays in it become images."""

    def log_text(self, text: str, path: str) -> None:
        """Log a text file at `path`."""

    def set_tag(self, name: str, text: str) -> None:
        """Set a tag of the run."""

    def register_best(self, model_id: str, metrics: dict[str, float], step: int) -> None:
        """Register the model of the best epoch, `step`, and log its metrics.

        model_id: what logging the epoch returned.
        """

    def end(self, status: str) -> None:
        """End the run as FINISHED, KILLED or FAILED."""
