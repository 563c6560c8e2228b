"""One network while it is trained: its epochs, the best weights so far, when to stop, what to say.

Knows the trainer, the journal and the watcher; knows nothing of files or of where models go.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from sentiment.config import ModelSettings, TrainSettings
from sentiment.data.examples import Examples
from sentiment.data.split import TrainingSplit
from sentiment.data.tokenizer import Tokenizer
from sentiment.errors import DivergedError
from sentiment.evaluation.metrics import fit_temperature
from sentiment.nn import network
from sentiment.nn.initializers import log_count_ratios
from sentiment.training import batching, diagnostics, interrupts
from sentiment.training.callbacks import Callback, ModelState
from sentiment.training.distributed import WorkerGroup
from sentiment.training.results import BestEpoch, RoundResult
from sentiment.training.tf_config import Worker
from sentiment.training.trainer import BatchTotals, ModelOutputs, Trainer
from sentiment.utils.progress import BatchMetrics, EpochMetrics, Progress, Stopwatch


class TrainingLoop:
    """A network, what it learns from, and how it has done. `reports` has an entry an epoch."""

    def __init__(
        self,
        parts: TrainingSplit,
        model: ModelSettings,
        settings: TrainSettings,
        *,
        tokenizer: Tokenizer,
        journal: Callback,
        progress: Progress,
        stopwatch: Stopwatch,
        cluster: WorkerGroup | None = None,
        epochs_before: int = 0,
        epochs_in_all: int | None = None,
    ):
        self.reports: list[EpochMetrics] = []
        self._kept: BestEpoch | None = None
        self._heed: interrupts.CheckInterrupt = lambda: None
        self._epochs_before = epochs_before
        self._epochs_in_all = epochs_in_all or settings.epochs
        self._parts, self._model, self._settings = parts, model, settings
        self._journal, self._progress, self._stopwatch = journal, progress, stopwatch
        self._task = cluster.task if cluster else Worker()
        with stopwatch.measure("building"):
            self._network = network.build_network(
                model,
                words=tokenizer.vocabulary_size,
                ngrams=len(tokenizer.ngrams),
                seed=settings.seed,
            )
            if settings.prior:
                ratios = log_count_ratios(parts.train, tokenizer.feature_count)
                network.add_prior(self._network, settings.prior * ratios, seed=settings.seed)
            network.reseed_dropout(self._network, self._task.index)
            self._batches = -(-len(parts.train) // (settings.batch_size * self._task.size))
            steps = self._batches * settings.epochs
            self._trainer = Trainer(self._network, settings, steps=steps, cluster=cluster)
        with stopwatch.measure("compiling"):
            self._compile()

    @property
    def round(self) -> RoundResult | None:
        """What the network has come to; None before its first epoch has ended."""
        return None if self._kept is None else RoundResult(self.reports, self._kept)

    def state(self) -> dict[str, np.ndarray]:
        """Return by name what the next epoch depends on beside `round`."""
        return self._trainer.state()

    def restore(self, done: RoundResult, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from `done`, given what `state` returned then."""
        self.reports, self._kept = list(done.reports), done.kept
        self._trainer.restore(arrays)
        network.reseed_dropout(self._network, self._task.index)  # they are the chief's

    def run_epochs(self, keep: Callable[[], None] = lambda: None) -> None:
        """Train until the last epoch, or until validation has not improved for long enough.

        `keep` is called after each epoch, before anybody hears of it. Ctrl-C lets the batch end
        first. Raises DivergedError where the loss is no longer a number; the best weights stay.
        """
        if not self._epochs_before and not self.reports:
            self._journal.begin(self.look)
        with interrupts.defer_interrupts() as self._heed:
            while not self._is_done():
                epoch = self._epochs_before + len(self.reports) + 1
                report, held = self._epoch(epoch)
                self.reports.append(report)
                keep()
                self._journal.epoch(report, partial(self.look, held))
                self._progress.epoch(report)
                if len(self.reports) > 1 or self._settings.epochs == 1:
                    self._diagnose(report, held)
                self._heed()

    def _is_done(self) -> bool:
        if not self.reports:
            return False
        since_best = [report.best for report in reversed(self.reports)].index(True)
        if since_best >= self._settings.patience:
            self._progress.note(f"no better validation loss for {since_best} epochs: stopping")
            return True
        return len(self.reports) == self._settings.epochs

    def with_own_labels(self, examples: Examples) -> Examples:
        """Return `examples` labelled with P(positive) as the best epoch has it."""
        if self._kept is not None:
            network.set_arrays(self._network, self._kept.embedding, self._kept.weights)
        return replace(examples, labels=self._read(examples).probabilities)

    def _compile(self) -> None:
        """Compile the recurrence for every width that is to come, rather than where it comes."""
        lengths = [np.diff(part.offsets) for part in (self._parts.train, self._parts.validation)]
        widths = sorted({batching.padded_width(int(length)) for length in np.concatenate(lengths)})
        for layer in network.recurrent_layers(self._network).values():
            layer.compile_loops(self._settings.batch_size, widths)

    def _epoch(self, epoch: int) -> tuple[EpochMetrics, ModelOutputs]:
        settings, train = self._settings, self._parts.train
        order = np.random.default_rng([settings.seed, epoch])
        rows = batching.arrange_batches(train, settings.batch_size * self._task.size, order)
        rows = [self._task.share(part) for part in rows]
        started = time.perf_counter()
        total = BatchTotals(0.0, 0.0, 0.0)
        stream = batching.make_dataset(train, rows, settings.batch_size)
        with self._stopwatch.measure("epochs"):
            for batch, step in enumerate(self._trainer.run_epoch(stream), 1):
                total = total + step
                self._check(step.loss, f"in epoch {epoch}, batch {batch}")
                self._progress.batch(self._batch_report(epoch, batch, total, started))
                self._journal.batch(epoch, batch, self._batches, self.look)
                self._heed()
        seconds = time.perf_counter() - started
        with self._stopwatch.measure("validation"):
            held = self._read(self._parts.validation)
        loss = held.loss(self._parts.validation.labels)
        self._check(loss, f"on the validation reviews after epoch {epoch}")
        best = self._kept is None or loss < self._kept.report.validation_loss
        report = EpochMetrics(
            epoch=epoch,
            epochs=self._epochs_in_all,
            seconds=seconds,
            reviews_per_second=len(train) / seconds,
            train_loss=total.loss / total.reviews,
            train_accuracy=total.correct / total.reviews,
            validation_loss=loss,
            validation_accuracy=held.accuracy(self._parts.validation.labels),
            best=best,
        )
        if best:
            self._kept = BestEpoch(report, *network.get_arrays(self._network), held.logits)
        return report, held

    def _check(self, loss: float, where: str) -> None:
        if not math.isfinite(loss):
            rate = self._settings.learning_rate / 3
            raise DivergedError(
                f"the loss is no longer a number {where}",
                hint=f"sentiment train --clip 1 --learning-rate {rate:.1g}",
            )

    def _batch_report(
        self, epoch: int, batch: int, total: BatchTotals, started: float
    ) -> BatchMetrics:
        spent = time.perf_counter() - started
        last = self._epochs_before + self._settings.epochs
        left = self._batches * (last - epoch + 1) - batch
        return BatchMetrics(
            epoch=epoch,
            epochs=self._epochs_in_all,
            batch=batch,
            batches=self._batches,
            loss=total.loss / total.reviews,
            accuracy=total.correct / total.reviews,
            reviews_per_second=total.reviews / spent,
            seconds_left=left * spent / batch,
        )

    def _diagnose(self, report: EpochMetrics, held: ModelOutputs) -> None:
        """Where validation is no better than chance, say so and what to look at."""
        if not diagnostics.near_chance(report.validation_accuracy, self._parts.validation.labels):
            return
        found = diagnostics.Diagnosis(
            diagnostics.gradient_norms(self._network, self._model, self._parts.validation),
            diagnostics.saturated_share(held.states),
            self._parts.truncated,
            self._settings.learning_rate,
        )
        told = found.findings()
        self._journal.tag("diagnosis", "; ".join(told))
        chance = f"validation accuracy {report.validation_accuracy:.1%} is near chance"
        self._progress.note("\n  ".join([chance, *told]))

    def look_again(self) -> ModelState:
        """Return what `look` did after the last epoch."""
        return self.look(self._read(self._parts.validation))

    def look(self, held: ModelOutputs | None = None) -> ModelState:
        """Return the network as it is, with the temperature that suits what it said of `held`."""
        embedding, weights = network.get_arrays(self._network)
        labels = self._parts.validation.labels
        return ModelState(embedding, weights, fit_temperature(labels, held.logits) if held else 1.0)

    def _read(self, examples: Examples) -> ModelOutputs:
        size = self._settings.batch_size
        rows = self._task.share(batching.arrange_batches(examples, size, None))
        return self._trainer.read(batching.make_dataset(examples, rows, size), rows, len(examples))
