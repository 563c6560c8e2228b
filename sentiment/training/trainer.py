"""The training step and the pass over batches, for a network that gives logits and states."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from sentiment.config import TrainSettings
from sentiment.inference.classifier import sigmoid
from sentiment.nn.optimizer import make_optimizer
from sentiment.training.distributed import WorkerGroup


def _is_foreign(record: logging.LogRecord) -> bool:
    """Return False for TensorFlow's warning that each `Trainer` is compiled: it is meant to be."""
    return Trainer.__module__ not in record.getMessage()


tf.get_logger().addFilter(_is_foreign)


@dataclass(frozen=True)
class ModelOutputs:
    """The network's outputs for N reviews. logits: float32 (N,); states: float32 (N, S)."""

    logits: np.ndarray
    states: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """P(positive), float32 (N,)."""
        return sigmoid(self.logits)

    def loss(self, labels: np.ndarray, weights: np.ndarray | None = None) -> float:
        """Return the mean cross-entropy against `labels`, times `weights` if given, in nats."""
        losses = np.logaddexp(0.0, self.logits) - labels * self.logits
        return float(np.mean(losses if weights is None else losses * weights))

    def accuracy(self, labels: np.ndarray) -> float:
        """Return the share of correct predictions."""
        return float(np.mean((self.logits >= 0.0) == (labels == 1)))


@dataclass(frozen=True)
class BatchTotals:
    """Sums over the reviews of one batch: weighted loss in nats, correct predictions, reviews."""

    loss: float
    correct: float
    reviews: float

    def __add__(self, other: "BatchTotals") -> "BatchTotals":
        return BatchTotals(
            self.loss + other.loss, self.correct + other.correct, self.reviews + other.reviews
        )


class Trainer:
    """A network, its optimizer, and their compiled training step.

    The learning rate falls linearly to zero over `steps` steps. validation_batch: reviews in a
    batch of `predict`, if not as many as in one of `run_epoch`.
    """

    def __init__(
        self,
        network: keras.Model,
        settings: TrainSettings,
        *,
        steps: int,
        validation_batch: int | None = None,
        workers: WorkerGroup | None = None,
    ):
        self.network, self._workers = network, workers or WorkerGroup()
        self._clip, self._smoothing = settings.clip, settings.label_smoothing
        self.optimizer = make_optimizer(network, settings, steps)
        orders = network.inputs[0].shape[-1]
        ids = tf.TensorSpec((settings.batch_size, None, orders), tf.int32)
        row = tf.TensorSpec((settings.batch_size,), tf.float32)
        # One trace for all widths; XLA then compiles the recurrence for each.
        self._step = tf.function(self._train_step, input_signature=[ids, row, row], autograph=False)
        seen = tf.TensorSpec((validation_batch or settings.batch_size, None, orders), tf.int32)
        self._forward = tf.function(self._predict_batch, input_signature=[seen], autograph=False)

    def _train_step(self, ids: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        gradients, totals = self._workers.run(self._gradients, ids, labels, weights)
        if self._clip:
            gradients, _ = tf.clip_by_global_norm(gradients, self._clip)
        self.optimizer.apply(gradients, self.network.trainable_variables)
        return totals

    def _gradients(
        self, ids: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Return gradients and totals of the whole batch, given this worker's rows of it."""
        sum_workers = self._workers.sum
        # By their number and not their weights, which cancel out in a batch of one label.
        is_review = tf.cast(weights > 0.0, tf.float32)
        reviews = tf.reduce_sum(is_review)
        all_reviews = sum_workers(reviews)
        with tf.GradientTape() as tape:
            logits = self.network(ids, training=True)["logit"][:, 0]
            smoothed = labels + self._smoothing * (0.5 - labels)
            losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=smoothed, logits=logits)
            loss = tf.reduce_sum(losses * weights) / all_reviews
        gradients = tape.gradient(loss, self.network.trainable_variables)
        # The reported loss is the cross-entropy against the labels before smoothing.
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
        total = tf.reduce_sum(losses * weights)
        correct = tf.cast(tf.equal(logits >= 0.0, labels > 0.5), tf.float32)
        totals = tf.stack([total, tf.reduce_sum(correct * is_review), reviews])
        return [sum_workers(gradient) for gradient in gradients], sum_workers(totals)

    def _predict_batch(self, ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        outputs = self.network(ids, training=False)
        return outputs["logit"][:, 0], outputs["state"]

    def restart(self, network: keras.Model) -> None:
        """Begin anew with the first weights of `network`, a copy of another seed.

        Tracing and compiling a network of its own would take seconds.
        """
        for own, other in zip(self.network.variables, network.variables, strict=True):
            own.assign(other)
        for variable in self.optimizer.variables:
            if not variable.path.endswith("learning_rate"):
                variable.assign(tf.zeros_like(variable))

    def state(self) -> dict[str, np.ndarray]:
        """Return all that the next step depends on, by name: `network.00`, `optimizer.00`, ….

        These are the weights, the states of the network's random generators, the optimizer's
        moments, and its count of steps, which the learning rate follows.
        """
        return {name: variable.numpy() for name, variable in self._variables().items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Set the state that `state` returned; raise ValueError if it is of another network."""
        for name, variable in self._variables().items():
            variable.assign(arrays[name])

    def _variables(self) -> dict[str, keras.Variable]:
        # By position: the paths of random generators depend on how many a process has created.
        kinds = {"network": self.network.variables, "optimizer": self.optimizer.variables}
        return {
            f"{kind}.{position:02d}": variable
            for kind, variables in kinds.items()
            for position, variable in enumerate(variables)
        }

    def run_epoch(self, batches: Iterable) -> Iterator[BatchTotals]:
        """Train on each batch of ids, labels and weights, and yield its totals."""
        for ids, labels, weights in batches:
            yield BatchTotals(*self._step(ids, labels, weights).numpy().tolist())

    def predict(self, batches: Iterable, rows: list[np.ndarray], count: int) -> ModelOutputs:
        """Return the outputs for `count` reviews; `rows[b]` are the reviews of batch b.

        Each of several workers is given some of the batches.
        """
        logits = np.zeros(count, np.float32)
        states = np.zeros((count, self.network.outputs[1].shape[-1]), np.float32)
        for part, (ids, _, _) in zip(rows, batches, strict=True):
            batch_logits, batch_states = self._forward(ids)
            logits[part], states[part] = batch_logits[: len(part)], batch_states[: len(part)]
        return ModelOutputs(self._workers.sum_array(logits), self._workers.sum_array(states))
