"""The settings, data and observers that all parts of a training share."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sentiment.config import ModelSettings, TrainSettings
from sentiment.data.examples import Examples
from sentiment.data.prepared import PreparedDataset
from sentiment.data.split import (
    SPLIT_RULE,
    TrainingSplit,
    split_training_reviews,
    unlabelled_examples,
)
from sentiment.data.tokenizer import Tokenizer
from sentiment.training.callbacks import Callback
from sentiment.training.distributed import WorkerGroup
from sentiment.utils.progress import Progress, Stopwatch

UNSUPERVISED = "unsupervised"  # the split of unlabelled reviews


@dataclass(frozen=True)
class TrainingContext:
    """What a training works with, from its start to its end."""

    data: PreparedDataset
    tokenizer: Tokenizer
    split: TrainingSplit
    model: ModelSettings
    settings: TrainSettings
    callback: Callback = field(default_factory=Callback)
    progress: Progress = field(default_factory=Progress)
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    workers: WorkerGroup = field(default_factory=WorkerGroup)

    @classmethod
    def create(
        cls,
        data: PreparedDataset,
        model: ModelSettings,
        settings: TrainSettings,
        *,
        split_rule: int = SPLIT_RULE,
        **observers: Any,
    ) -> "TrainingContext":
        """Read the training reviews of `data` and hold back some of them for validation."""
        tokenizer = data.tokenizer.up_to(model.ngrams, negation=model.negation)
        split = split_training_reviews(data.split("train"), tokenizer, model, settings, split_rule)
        if settings.class_weight == "balanced":
            split = split.balanced()
        return cls(data, tokenizer, split, model, settings, **observers)

    @cached_property
    def unlabelled(self) -> Examples | None:
        """The unlabelled reviews as the networks read them, if the dataset has some."""
        if UNSUPERVISED not in self.data.splits:
            return None
        with self.stopwatch.measure("data"):
            return unlabelled_examples(self.data.split(UNSUPERVISED), self.tokenizer, self.model)
