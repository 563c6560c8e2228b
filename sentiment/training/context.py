"""The settings, data and observers that all parts of a training share."""

from dataclasses import dataclass, field
from typing import Any

from sentiment.config import ModelSettings, TrainSettings
from sentiment.data.split import TrainingSplit
from sentiment.training.callbacks import Callback
from sentiment.training.distributed import WorkerGroup
from sentiment.training.reviews import TrainingReviews
from sentiment.utils.progress import Progress, Stopwatch


@dataclass(frozen=True)
class TrainingContext:
    """What a training works with, from its start to its end.

    split, model, settings: those of one network; those of the whole training are in `reviews`.
    """

    reviews: TrainingReviews
    split: TrainingSplit
    model: ModelSettings
    settings: TrainSettings
    callback: Callback = field(default_factory=Callback)
    progress: Progress = field(default_factory=Progress)
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    workers: WorkerGroup = field(default_factory=WorkerGroup)

    @classmethod
    def create(cls, reviews: TrainingReviews, **observers: Any) -> "TrainingContext":
        """Return the context of a training on all of `reviews`; observers: the other fields."""
        return cls(reviews, reviews.split, reviews.model, reviews.settings, **observers)
