"""The training loop of one network: its epochs, the best weights so far, and early stopping."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import keras
import numpy as np

from sentiment.data.examples import Examples
from sentiment.errors import DivergedError
from sentiment.evaluation.metrics import fit_temperature
from sentiment.nn import network
from sentiment.training import batching, diagnostics, interrupts
from sentiment.training.callbacks import ModelState
from sentiment.training.context import TrainingContext
from sentiment.training.results import BestEpoch, RoundResult, best_epoch
from sentiment.training.trainer import BatchTotals, ModelOutputs, Trainer
from sentiment.utils.progress import BatchMetrics, EpochMetrics
from sentiment.utils.text import count_of


class TrainingLoop:
    """Trains one network; `epochs` has the metrics of every finished epoch.

    number: of the network in its run, from 1. epochs_before: epochs that earlier networks took; the
    numbers continue after them. total_epochs: the maximum for all networks together. lowest_before:
    the lowest validation loss of the earlier networks. previous: the loop of the network before,
    which has ended: if it had the same shape and settings and took as many steps, its compiled
    parts are used again. What it said of its learning is not said again. validation_batch: reviews
    in a batch of those that it is measured on, if not as many as in a batch that it learns from.
    ratios: float32 (rows,), the log-count ratios that the vectors begin with, if they do.
    """

    def __init__(
        self,
        context: TrainingContext,
        *,
        number: int = 1,
        epochs_before: int = 0,
        total_epochs: int | None = None,
        lowest_before: float = math.inf,
        previous: "TrainingLoop | None" = None,
        validation_batch: int | None = None,
        ratios: np.ndarray | None = None,
    ):
        self.epochs: list[EpochMetrics] = []
        self._trainer: Trainer
        self._best: BestEpoch | None = None
        self._check_interrupt: interrupts.CheckInterrupt = lambda: None
        self._number = number
        # Networks of a run are alike: the first one that does not learn is enough to report.
        self._diagnosed: int = previous._diagnosed if previous else 0  # its number; 0: none
        self._epochs_before, self._lowest_before = epochs_before, lowest_before
        self._total_epochs = total_epochs or context.settings.epochs
        self._context, self._settings = context, context.settings
        self._validation_batch = validation_batch or context.settings.batch_size
        self._train, self._validation = context.split.train, context.split.validation
        self._worker = context.workers.worker
        self._callback, self._progress = context.callback, context.progress
        self._stopwatch = context.stopwatch
        with self._stopwatch.measure("building"):
            self._network = self._build_network(ratios)
            batch_reviews = self._settings.batch_size * self._worker.size
            self._batches = -(-len(self._train) // batch_reviews)
            self._kind = (context.model, replace(self._settings, seed=0), self._batches)
            if previous is not None and previous._kind == self._kind:
                self._trainer = previous._trainer
                self._trainer.restart(self._network)
                self._network = self._trainer.network
                return
            self._trainer = Trainer(
                self._network,
                self._settings,
                steps=self._batches * self._settings.epochs,
                validation_batch=self._validation_batch,
                workers=context.workers,
            )
        with self._stopwatch.measure("compiling"):
            self._compile()

    @property
    def result(self) -> RoundResult | None:
        """The result so far; None before the first epoch has ended."""
        return None if self._best is None else RoundResult(self.epochs, self._best)

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays, by name, that with `result` are enough to resume."""
        return self._trainer.state()

    def restore(self, result: RoundResult, arrays: Mapping[str, np.ndarray]) -> None:
        """Set the state after `result`, given the arrays that `state` returned then."""
        self.epochs, self._best = list(result.epochs), result.best
        self._trainer.restore(arrays)
        # The random generators in a checkpoint are the chief's.
        network.reseed_dropout(self._network, self._worker.index)

    def run_epochs(self, save: Callable[[], None] = lambda: None) -> None:
        """Train until the last epoch, or until the validation loss stops improving.

        `save` is called after each epoch, before callback and progress. Ctrl-C takes effect at
        the end of a batch. Raises DivergedError if the loss is not finite; `result` remains.
        """
        if not self._epochs_before and not self.epochs:
            self._callback.on_train_begin(self.model_state)
        with interrupts.defer_interrupts() as self._check_interrupt:
            while not self._is_finished():
                epoch = self._epochs_before + len(self.epochs) + 1
                metrics, outputs = self._run_epoch(epoch)
                self.epochs.append(metrics)
                save()
                self._callback.on_epoch_end(metrics, partial(self.model_state, outputs))
                self._progress.epoch(metrics)
                if len(self.epochs) > 1 or self._settings.epochs == 1:
                    self._diagnose(metrics, outputs)
                self._check_interrupt()

    def _is_finished(self) -> bool:
        if not self.epochs:
            return False
        since_best = self.epochs[-1].epoch - best_epoch(self.epochs).epoch
        if since_best >= self._settings.patience:
            epochs = count_of(since_best, "epoch")
            self._progress.note(f"no better validation loss for {epochs}: stopping early")
            return True
        return len(self.epochs) == self._settings.epochs

    def logits(self, examples: Examples) -> np.ndarray:
        """Return the best epoch's logit of each review, float32 (N,)."""
        if self._best is not None:
            network.set_arrays(self._network, self._best.embedding, self._best.weights)
        return self._predict(examples).logits

    def model_state(self, outputs: ModelOutputs | None = None) -> ModelState:
        """Return the current weights and a temperature.

        outputs: those for the validation reviews, to fit the temperature; without them it is 1.
        """
        embedding, weights = network.get_arrays(self._network)
        temperature = 1.0
        if outputs:
            examples = self._validation
            temperature = fit_temperature(examples.labels, outputs.logits, examples.weights)
        return ModelState(self._context.model, embedding, weights, temperature)

    def calibrated_state(self) -> ModelState:
        """Return the current weights, with a temperature fitted to the validation reviews."""
        return self.model_state(self._predict(self._validation))

    def _build_network(self, ratios: np.ndarray | None) -> keras.Model:
        settings, tokenizer = self._settings, self._context.reviews.tokenizer
        built = network.build_network(
            self._context.model,
            words=tokenizer.vocabulary_size,
            ngrams=len(tokenizer.ngrams),
            seed=settings.seed,
        )
        if ratios is not None:
            network.add_prior(built, settings.prior * ratios, seed=settings.seed)
        network.reseed_dropout(built, self._worker.index)
        return built

    def _compile(self) -> None:
        """Compile the recurrence ahead of training, for every length that will occur."""
        batches = (
            (self._train, self._settings.batch_size),
            (self._validation, self._validation_batch),
        )
        for examples, size in batches:
            network.compile_loops(self._network, size, batching.longest_width(examples))

    def _run_epoch(self, epoch: int) -> tuple[EpochMetrics, ModelOutputs]:
        """Train for one epoch; return its metrics and the outputs for the validation reviews."""
        totals, seconds = self._train_epoch(epoch)
        with self._stopwatch.measure("validation"):
            outputs = self._predict(self._validation)
        labels = self._validation.labels
        loss = outputs.loss(labels, self._validation.weights)
        self._check_finite(loss, f"on the validation reviews after epoch {epoch}")
        lowest = self._best.metrics.validation_loss if self._best else math.inf
        metrics = EpochMetrics(
            epoch=epoch,
            epochs=self._total_epochs,
            seconds=seconds,
            reviews_per_second=len(self._train) / seconds,
            train_loss=totals.loss / totals.reviews,
            train_accuracy=totals.correct / totals.reviews,
            validation_loss=loss,
            validation_accuracy=outputs.accuracy(labels),
            best=loss < min(lowest, self._lowest_before),
            network=self._number,
        )
        if loss < lowest:
            arrays = network.get_arrays(self._network)
            self._best = BestEpoch(metrics, *arrays, outputs.logits)
        return metrics, outputs

    def _train_epoch(self, epoch: int) -> tuple[BatchTotals, float]:
        """Train on every batch once; return the sums over all reviews, and the seconds."""
        size = self._settings.batch_size
        order = np.random.default_rng([self._settings.seed, epoch])
        batches = batching.arrange_batches(self._train, size * self._worker.size, order)
        rows = [self._worker.share(batch) for batch in batches]
        started = time.perf_counter()
        totals = BatchTotals(0.0, 0.0, 0.0)
        filled = batching.filled_batches(self._train, rows, size)
        with self._stopwatch.measure("epochs"):
            for batch, step in enumerate(self._trainer.run_epoch(filled), 1):
                totals = totals + step
                self._check_finite(step.loss, f"in epoch {epoch}, batch {batch}")
                seconds = time.perf_counter() - started
                self._progress.batch(self._batch_metrics(epoch, batch, totals, seconds))
                self._callback.on_batch_end(epoch, batch, self._batches, self.model_state)
                self._check_interrupt()
        return totals, time.perf_counter() - started

    def _check_finite(self, loss: float, moment: str) -> None:
        if not math.isfinite(loss):
            rate = self._settings.learning_rate / 3
            raise DivergedError(
                f"the loss is no longer a number {moment}",
                hint=f"sentiment train --clip 1 --learning-rate {rate:.1g}",
            )

    def _batch_metrics(
        self, epoch: int, batch: int, totals: BatchTotals, seconds: float
    ) -> BatchMetrics:
        last_epoch = self._epochs_before + self._settings.epochs
        batches_left = self._batches * (last_epoch - epoch + 1) - batch
        return BatchMetrics(
            epoch=epoch,
            epochs=self._total_epochs,
            batch=batch,
            batches=self._batches,
            loss=totals.loss / totals.reviews,
            accuracy=totals.correct / totals.reviews,
            reviews_per_second=totals.reviews / seconds,
            seconds_left=batches_left * seconds / batch,
        )

    def _diagnose(self, metrics: EpochMetrics, outputs: ModelOutputs) -> None:
        """Report measurements and advice if validation accuracy may be mere chance."""
        if self._settings.class_weight == "balanced":
            return  # it gives up accuracy on purpose: the majority class is no measure of it
        if self._diagnosed not in (0, self._number):
            return
        labels = self._validation.labels
        if not diagnostics.near_chance(metrics.validation_accuracy, labels):
            return
        self._diagnosed = self._number
        diagnosis = diagnostics.Diagnosis(
            diagnostics.gradient_norms(self._network, self._context.model, self._validation),
            diagnostics.saturated_share(outputs.states),
            self._context.split.truncated,
            self._settings.learning_rate,
            len(labels),
        )
        findings = diagnosis.findings()
        self._callback.tag("diagnosis", "; ".join(findings))
        heading = diagnostics.chance_message(metrics.validation_accuracy, labels)
        self._progress.note("\n  ".join([heading, *findings]))

    def _predict(self, examples: Examples) -> ModelOutputs:
        size = self._validation_batch
        rows = self._worker.share(batching.arrange_batches(examples, size, None))
        filled = batching.filled_batches(examples, rows, size)
        return self._trainer.predict(filled, rows, len(examples))
