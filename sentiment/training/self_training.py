"""A whole training: one network after another, and where it stands after each epoch.

Knows sessions and what a checkpoint holds; knows nothing of where either is written.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from sentiment.config import ModelSettings, TrainSettings
from sentiment.data.prepared import PreparedDataset
from sentiment.data.split import TrainingSplit, unlabelled_examples
from sentiment.data.tokenizer import Tokenizer
from sentiment.training.callbacks import Callback
from sentiment.training.distributed import WorkerGroup
from sentiment.training.loop import TrainingLoop
from sentiment.training.results import BestEpoch, RoundResult
from sentiment.utils.progress import EpochMetrics, Progress, Stopwatch

UNSUPERVISED = "unsupervised"  # the split of unlabelled reviews
Arrays = Mapping[str, np.ndarray]


class SelfTraining:
    """One network after another, each a round.

    The first learns from the labelled reviews; each later one begins anew and learns from the
    unlabelled ones too, which the network before it has labelled.
    """

    def __init__(
        self,
        data: PreparedDataset,
        parts: TrainingSplit,
        tokenizer: Tokenizer,
        model: ModelSettings,
        settings: TrainSettings,
        journal: Callback,
        progress: Progress,
        stopwatch: Stopwatch,
        cluster: WorkerGroup | None = None,
    ):
        self._data, self._parts, self._tokenizer = data, parts, tokenizer
        self._model, self._settings = model, settings
        self._journal, self._progress = journal, progress
        self._begin = partial(
            TrainingLoop,
            tokenizer=tokenizer,
            journal=journal,
            progress=progress,
            stopwatch=stopwatch,
            cluster=cluster,
        )
        self._later = settings.own_labels if UNSUPERVISED in data.splits else 0
        self._done: list[RoundResult] = []
        self._session: TrainingLoop | None = None
        self._labels = np.empty(0, np.float32)  # of the unlabelled reviews, in a later round

    @property
    def rounds(self) -> list[RoundResult]:
        """The rounds that have finished an epoch."""
        current = self._session.round if self._session else None
        return [*self._done, current] if current else self._done

    @property
    def reports(self) -> list[EpochMetrics]:
        """How all epochs went."""
        return [report for done in self.rounds for report in done.reports]

    @property
    def kept(self) -> BestEpoch:
        """The epoch that is the model: the best of the best."""
        return min((done.kept for done in self.rounds), key=lambda k: k.report.validation_loss)

    def state(self) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return where training stands after an epoch: the reports of each round, and arrays.

        The arrays are those of `Session.state`, of each round's best epoch (`round_0.…`) and
        `labels`, float32 (U,), what the unlabelled reviews are taken for.
        """
        arrays = self._session.state() if self._session else {}
        for number, done in enumerate(self.rounds):
            arrays |= {f"round_{number}.{name}": array for name, array in done.arrays().items()}
        return [done.as_json() for done in self.rounds], arrays | {"labels": self._labels}

    def restore(self, told: list[Any], arrays: Arrays) -> None:
        """Take up the training that `state` was asked of."""
        rounds = []
        for number, reports in enumerate(told):
            prefix = f"round_{number}."
            own = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
            rounds.append(RoundResult.of(reports, own))
        *self._done, current = rounds
        self._labels = arrays["labels"]
        session = self._new_session()
        session.restore(current, arrays)
        self._session = session
        self._journal.again(self.reports, session.look_again)

    def run(self, keep: Callable[[], None]) -> None:
        """Train all rounds, or what is left of them; `keep` is called after each epoch."""
        if self._session is None:
            self._session = self._new_session()
        self._session.run_epochs(keep)
        while len(self.rounds) <= self._later:
            before = self._session
            extra = unlabelled_examples(
                self._data.split(UNSUPERVISED), self._tokenizer, self._model
            )
            number = len(self.rounds)
            self._progress.note(
                f"round {number}: {len(extra):,} unlabelled reviews join, labelled by the network"
            )
            self._labels = before.with_own_labels(extra).labels
            self._done, self._session = self.rounds, None
            self._session = self._new_session()
            self._session.run_epochs(keep)

    def _new_session(self) -> TrainingLoop:
        """Return the session that comes after the rounds that are done."""
        parts, settings = self._parts, self._settings
        if self._done:
            extra = unlabelled_examples(
                self._data.split(UNSUPERVISED), self._tokenizer, self._model
            )
            parts = replace(parts, train=parts.train + replace(extra, labels=self._labels))
            # What a network says is less than certain as it is.
            settings = replace(settings, label_smoothing=0.0)
        return self._begin(
            parts,
            self._model,
            settings,
            epochs_before=sum(len(done.reports) for done in self._done),
            epochs_in_all=settings.epochs * (1 + self._later),
        )
