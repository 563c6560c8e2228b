"""What the report of a run shows."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.inspection.snapshots import Snapshot
from sentiment.utils.progress import EpochMetrics


@dataclass(frozen=True)
class TrainingReport:
    """A run that has ended.

    settings: by name; reports: the metrics of each epoch, and of the merged network if there is
    one; snapshots: (epoch, snapshot) in the order taken, with a fraction of an epoch if taken
    within it; bundle: the model of the best epoch, or the merged one; mistakes: text and label of
    its most confident mistakes on validation reviews, the worst first.
    """

    name: str
    settings: dict[str, Any]
    reports: list[EpochMetrics]
    snapshots: list[tuple[float, Snapshot]]
    bundle: Bundle
    mistakes: list[tuple[str, int]]

    @cached_property
    def classifier(self) -> Classifier:
        """The model of the best epoch, ready to read texts."""
        return Classifier(self.bundle)

    @property
    def learnt(self) -> list[EpochMetrics]:
        """The epochs in which a network learnt: all but that of the merged network."""
        return [report for report in self.reports if not report.is_merged]

    @property
    def merged_at(self) -> int | None:
        """The epoch under which the metrics of the merged network stand; None without one."""
        return next((report.epoch for report in self.reports if report.is_merged), None)

    @property
    def best(self) -> EpochMetrics | None:
        """The best epoch: the last that was better than all before it."""
        return next((report for report in reversed(self.reports) if report.best), None)
