"""Results of a training: the metrics of every epoch, and the weights of the best one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.evaluation.evaluate import Evaluation
from sentiment.evaluation.metrics import fit_temperature
from sentiment.utils.notebook import draw_sheets
from sentiment.utils.progress import EpochMetrics
from sentiment.utils.sheet import Sheet
from sentiment.utils.typed_json import typed

_WEIGHTS = "weights."  # before the names of the weights in `RoundResult.arrays`


@dataclass(frozen=True)
class BestEpoch:
    """The epoch with the lowest validation loss.

    embedding: float32 (V + G, E); weights: by bundle name; logits: float32 (N,), its predictions
    for the validation reviews.
    """

    metrics: EpochMetrics
    embedding: np.ndarray
    weights: dict[str, np.ndarray]
    logits: np.ndarray

    def temperature(self, labels: np.ndarray, weights: np.ndarray | None = None) -> float:
        """Return the temperature that calibrates it, given validation labels and weights."""
        return fit_temperature(labels, self.logits, weights)

    def worst_mistakes(self, labels: np.ndarray, count: int) -> np.ndarray:
        """Return the validation reviews with its most confident mistakes, worst first.

        At most `count` positions, int64.
        """
        wrong = np.flatnonzero((self.logits >= 0) != (labels == 1))
        return wrong[np.argsort(-np.abs(self.logits[wrong]), kind="stable")][:count]


def best_epoch(epochs: list[EpochMetrics]) -> EpochMetrics:
    """Return the first of the epochs of a round with the lowest validation loss."""
    return min(epochs, key=lambda metrics: metrics.validation_loss)


@dataclass(frozen=True)
class RoundResult:
    """The metrics of all epochs of one network, at least one, and the best of these epochs."""

    epochs: list[EpochMetrics]
    best: BestEpoch

    def as_json(self) -> list[dict[str, Any]]:
        """Return the metrics of the epochs as JSON stores them; floats survive unchanged."""
        return [asdict(metrics) for metrics in self.epochs]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of the best epoch by name."""
        weights = {f"{_WEIGHTS}{name}": array for name, array in self.best.weights.items()}
        return {"embedding": self.best.embedding, "logits": self.best.logits, **weights}

    @classmethod
    def from_json(
        cls, state: list[dict[str, Any]], arrays: Mapping[str, np.ndarray]
    ) -> "RoundResult":
        """Return the result that `as_json` and `arrays` were taken from."""
        epochs = [typed(EpochMetrics, metrics, "epoch") for metrics in state]
        weights = {
            name.removeprefix(_WEIGHTS): array
            for name, array in arrays.items()
            if name.startswith(_WEIGHTS)
        }
        best = best_epoch(epochs)
        return cls(epochs, BestEpoch(best, arrays["embedding"], weights, arrays["logits"]))


@dataclass(frozen=True)
class TrainingResult:
    """A finished training: the model's folder, its run, and the metrics of all epochs.

    run_id: MLflow's, empty if the run is not tracked; best: of the saved network; majority:
    accuracy on the validation reviews of always predicting the more frequent label; evaluation: on
    the test reviews, None if they were not read; exports: files and folders that the model was
    exported to; seconds: of each part of the work, by its name.
    """

    folder: Path
    name: str
    run_id: str
    epochs: list[EpochMetrics]
    best: EpochMetrics
    majority: float
    evaluation: Evaluation | None = None
    exports: list[Path] = field(default_factory=list)
    seconds: Mapping[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        facts = "; ".join(f"{name} {value}" for name, value in self._facts())
        return f"<TrainingResult {self.name}: {facts}>"

    def _repr_html_(self) -> str:
        columns = {"": "left", " ": "left"}
        return draw_sheets(Sheet(self.name, columns, self._facts()))

    def _facts(self) -> list[tuple[str, str]]:
        """Return names and values of what matters most."""
        facts = [("validation accuracy", f"{100 * self.best.validation_accuracy:.2f} %")]
        if self.evaluation:
            facts.insert(0, ("test accuracy", f"{100 * self.evaluation.scores.accuracy:.2f} %"))
        return [*facts, ("run", self.run_id or "not tracked"), ("folder", str(self.folder))]
