"""What the report of a run shows."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.inspection.snapshots import Snapshot
from sentiment.recipe import DEFAULT, changed_settings
from sentiment.utils.progress import EpochMetrics


@dataclass(frozen=True)
class TrainingReport:
    """A run that has ended.

    settings: by name; reports: the metrics of each epoch, and of the merged network if there is
    one; snapshots: (epoch, snapshot) in the order taken, with a fraction of an epoch if taken
    within it; bundle: the model of the best epoch, or the merged one; mistakes: text and label of
    its most confident mistakes on validation reviews, the worst first; recipe: the name of the one
    that the settings came from.
    """

    name: str
    settings: dict[str, Any]
    reports: list[EpochMetrics]
    snapshots: list[tuple[float, Snapshot]]
    bundle: Bundle
    mistakes: list[tuple[str, int]]
    recipe: str = DEFAULT

    @cached_property
    def classifier(self) -> Classifier:
        """The model of the best epoch, ready to read texts."""
        return Classifier(self.bundle)

    @cached_property
    def changed(self) -> dict[str, Any]:
        """The settings that differ from the recipe's."""
        return changed_settings(self.recipe, self.settings)

    @property
    def borders(self) -> list[float]:
        """Where another network begins, between two epochs: 2.5 if the third is its first."""
        pairs = pairwise(self.learnt)
        return [before.epoch + 0.5 for before, after in pairs if before.network != after.network]

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
