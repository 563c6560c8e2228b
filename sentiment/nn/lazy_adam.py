"""Adam with sparse updates for large tables, and a learning rate of its own for each weight."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="sentiment")
class LazyAdam(keras.optimizers.Adam):
    """Adam that updates only those rows of a table that the batch has used.

    If a gradient is sparse (`tf.IndexedSlices`, as that of an embedding is), the moments and
    weights of all other rows stay unchanged: the "lazy" form of Adam (Kingma & Ba 2015, algorithm
    1, row by row). `shares` maps a variable's path to its share of the learning rate; a variable
    that is not in it has the full rate.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.001,
        *,
        shares: dict[str, float] | None = None,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        self.shares = shares or {}

    def update_step(
        self,
        gradient: tf.Tensor | tf.IndexedSlices,
        variable: tf.Variable,
        learning_rate: tf.Tensor,
    ) -> None:
        """Update `variable` in place."""
        path = self._trainable_variables[self._get_variable_index(variable)].path
        learning_rate = learning_rate * self.shares.get(path, 1.0)
        if isinstance(gradient, tf.IndexedSlices):
            self._update_rows(gradient, variable, learning_rate)
        else:
            super().update_step(gradient, variable, learning_rate)

    def _update_rows(
        self, gradient: tf.IndexedSlices, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        # A row that the batch used several times gets the sum of its gradients.
        rows, positions = tf.unique(gradient.indices)
        grad = tf.math.unsorted_segment_sum(gradient.values, positions, tf.size(rows))
        index = self._get_variable_index(variable)
        means, squares = self._momentums[index].value, self._velocities[index].value
        step = tf.cast(self.iterations.value + 1, variable.dtype)
        beta_1 = tf.constant(self.beta_1, variable.dtype)
        beta_2 = tf.constant(self.beta_2, variable.dtype)
        mean = beta_1 * tf.gather(means, rows) + (1.0 - beta_1) * grad
        square = beta_2 * tf.gather(squares, rows) + (1.0 - beta_2) * grad * grad
        rate = learning_rate * tf.sqrt(1.0 - beta_2**step) / (1.0 - beta_1**step)
        weights = tf.gather(variable, rows) - rate * mean / (tf.sqrt(square) + self.epsilon)
        # Gathering and writing back takes half the time of scatter_sub.
        for table, values in ((means, mean), (squares, square), (variable, weights)):
            table.scatter_update(tf.IndexedSlices(values, rows))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this optimizer."""
        return super().get_config() | {"shares": self.shares}
