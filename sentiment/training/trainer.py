"""The training step and the pass over batches, for any network that gives logits and states.

Knows Keras and TensorFlow; knows nothing of reviews, of when to stop or of where results go.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from sentiment.config import TrainSettings
from sentiment.inference.classifier import sigmoid
from sentiment.nn.lazy_adam import LazyAdam
from sentiment.training.distributed import WorkerGroup


@dataclass(frozen=True)
class ModelOutputs:
    """What the network says of N reviews. logits: float32 (N,); states: float32 (N, S)."""

    logits: np.ndarray
    states: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """P(positive), float32 (N,)."""
        return sigmoid(self.logits)

    def loss(self, labels: np.ndarray) -> float:
        """Return the mean cross-entropy against `labels`, in nats."""
        return float(np.mean(np.logaddexp(0.0, self.logits) - labels * self.logits))

    def accuracy(self, labels: np.ndarray) -> float:
        """Return the share of reviews on the right side."""
        return float(np.mean((self.logits >= 0.0) == (labels == 1)))


@dataclass(frozen=True)
class BatchTotals:
    """Sums over the reviews of one batch: loss in nats, correct answers, reviews."""

    loss: float
    correct: float
    reviews: float

    def __add__(self, other: "BatchTotals") -> "BatchTotals":
        return BatchTotals(
            self.loss + other.loss, self.correct + other.correct, self.reviews + other.reviews
        )


def _shares(network: keras.Model, settings: TrainSettings) -> dict[str, float]:
    """Return the share of the learning rate that each weight of the recurrent layers has."""
    named = {
        "kernel": settings.input_rate,
        "recurrent_kernel": settings.recurrent_rate,
        "bias": settings.recurrent_rate,
    }
    return {
        variable.path: named[variable.name]
        for layer in network.layers
        if layer.name.startswith("rnn_")
        for variable in layer.trainable_variables
    }


class Trainer:
    """A network, its optimizer, and their compiled training step.

    The learning rate falls in a straight line to zero over `steps` steps.
    """

    def __init__(
        self,
        network: keras.Model,
        settings: TrainSettings,
        *,
        steps: int,
        cluster: WorkerGroup | None = None,
    ):
        self.network, self._cluster = network, cluster or WorkerGroup()
        self._clip, self._smoothing = settings.clip, settings.label_smoothing
        rate = keras.optimizers.schedules.PolynomialDecay(
            settings.learning_rate, steps, end_learning_rate=0.0
        )
        self.optimizer = LazyAdam(rate, shares=_shares(network, settings))
        self.optimizer.build(network.trainable_variables)
        orders = network.inputs[0].shape[-1]
        ids = tf.TensorSpec((settings.batch_size, None, orders), tf.int32)
        row = tf.TensorSpec((settings.batch_size,), tf.float32)
        # One trace for all widths; XLA then compiles the recurrence for each.
        self._step = tf.function(self._train_step, input_signature=[ids, row, row])
        self._forward = tf.function(self._read, input_signature=[ids])

    def _train_step(self, ids, labels, weights):
        gradients, report = self._cluster.run(self._gradients, ids, labels, weights)
        if self._clip:
            gradients, _ = tf.clip_by_global_norm(gradients, self._clip)
        self.optimizer.apply(gradients, self.network.trainable_variables)
        return report

    def _gradients(self, ids, labels, weights):
        """Return the gradients over the whole batch, of which a worker has these rows."""
        everywhere = self._cluster.sum
        reviews = tf.reduce_sum(weights)
        whole = everywhere(reviews)
        with tf.GradientTape() as tape:
            logits = self.network(ids, training=True)["logit"][:, 0]
            soft = labels + self._smoothing * (0.5 - labels)
            losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=soft, logits=logits)
            loss = tf.reduce_sum(losses * weights) / whole
        gradients = tape.gradient(loss, self.network.trainable_variables)
        # What is reported is the cross-entropy against the labels as they are.
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
        total = tf.reduce_sum(losses * weights)
        right = tf.cast(tf.equal(logits >= 0.0, labels > 0.5), tf.float32)
        report = tf.stack([total, tf.reduce_sum(right * weights), reviews])
        return [everywhere(gradient) for gradient in gradients], everywhere(report)

    def _read(self, ids):
        outputs = self.network(ids, training=False)
        return outputs["logit"][:, 0], outputs["state"]

    def state(self) -> dict[str, np.ndarray]:
        """Return all that the next step depends on, by name: `network.00`, `optimizer.00`, ….

        Weights, the states of the random generators in the network, the optimizer's slots and its
        count of steps, which the learning rate follows.
        """
        return {name: variable.numpy() for name, variable in self._variables().items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take up what `state` returned; raise ValueError where it is of another network."""
        for name, variable in self._variables().items():
            variable.assign(arrays[name])

    def _variables(self) -> dict[str, keras.Variable]:
        # By their places: Keras numbers the paths of random generators throughout a process.
        kinds = {"network": self.network.variables, "optimizer": self.optimizer.variables}
        return {
            f"{kind}.{place:02d}": variable
            for kind, variables in kinds.items()
            for place, variable in enumerate(variables)
        }

    def run_epoch(self, batches: Iterable) -> Iterator[BatchTotals]:
        """Train on each batch and yield what came of it."""
        for ids, labels, weights in batches:
            yield BatchTotals(*self._step(ids, labels, weights).numpy().tolist())

    def read(self, batches: Iterable, rows: list[np.ndarray], count: int) -> ModelOutputs:
        """Return what the network says of `count` reviews; `rows[b]` are those of batch b.

        Of several workers each reads some of them.
        """
        logits = np.zeros(count, np.float32)
        states = np.zeros((count, self.network.outputs[1].shape[-1]), np.float32)
        for part, (ids, _, _) in zip(rows, batches, strict=True):
            said, final = self._forward(ids)
            logits[part], states[part] = said[: len(part)], final[: len(part)]
        return ModelOutputs(self._cluster.total(logits), self._cluster.total(states))
