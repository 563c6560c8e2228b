"""What a network that is being trained has come to: how its epochs went, and the best of them.

Knows reports and arrays; knows nothing of Keras, of training or of files.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sentiment.evaluation.metrics import fit_temperature
from sentiment.utils.progress import EpochMetrics


@dataclass(frozen=True)
class BestEpoch:
    """The weights of the best epoch, and what they say of the N reviews held back.

    embedding: float32 (V + G, E); weights as in a bundle; logits: float32 (N,).
    """

    report: EpochMetrics
    embedding: np.ndarray
    weights: dict[str, np.ndarray]
    logits: np.ndarray

    def temperature(self, labels: np.ndarray) -> float:
        """Return the temperature that suits it on the reviews held back, with their labels."""
        return fit_temperature(labels, self.logits)

    def worst(self, labels: np.ndarray, count: int) -> np.ndarray:
        """Return its most confident mistakes, the worst first.

        They are at most `count` places among the reviews held back, int64.
        """
        wrong = np.flatnonzero((self.logits >= 0) != (labels == 1))
        return wrong[np.argsort(-np.abs(self.logits[wrong]), kind="stable")][:count]


@dataclass(frozen=True)
class RoundResult:
    """How the epochs of a network went, of which there is one at least, and the best of them."""

    reports: list[EpochMetrics]
    kept: BestEpoch

    def as_json(self) -> list[dict[str, Any]]:
        """Return the reports as JSON has them; floats come back as they were."""
        return [asdict(report) for report in self.reports]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of the best epoch by name."""
        weights = {f"weights.{name}": array for name, array in self.kept.weights.items()}
        return {"embedding": self.kept.embedding, "logits": self.kept.logits, **weights}

    @classmethod
    def of(cls, told: list[dict[str, Any]], arrays: Mapping[str, np.ndarray]) -> "RoundResult":
        """Return the round that `as_json` and `arrays` came from."""
        reports = [EpochMetrics(**report) for report in told]
        weights = {
            name.removeprefix("weights."): array
            for name, array in arrays.items()
            if name.startswith("weights.")
        }
        best = [report for report in reports if report.best][-1]
        return cls(reports, BestEpoch(best, arrays["embedding"], weights, arrays["logits"]))
