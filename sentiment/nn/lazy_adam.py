"""Adam for a network whose weights learn at different speeds and whose tables are large.

Knows Keras and TensorFlow; knows nothing of the network that it trains.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="sentiment")
class LazyAdam(keras.optimizers.Adam):
    """Adam that touches only the rows of a table that a batch has used.

    Where a gradient is sparse (`tf.IndexedSlices`, as an embedding's is), moments and weights of
    the other rows stay as they are: the "lazy" form of Adam (Kingma & Ba 2015, algorithm 1, row by
    row). `shares` maps the path of a variable to its share of the learning rate; others have all.
    """

    def __init__(self, learning_rate=0.001, *, shares: dict[str, float] | None = None, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.shares = shares or {}

    def update_step(self, gradient, variable, learning_rate):
        """Update `variable`, a `tf.Variable`, in place."""
        path = self._trainable_variables[self._get_variable_index(variable)].path
        learning_rate = learning_rate * self.shares.get(path, 1.0)
        if isinstance(gradient, tf.IndexedSlices):
            self._update_rows(gradient, variable, learning_rate)
        else:
            super().update_step(gradient, variable, learning_rate)

    def _update_rows(self, gradient: tf.IndexedSlices, variable, learning_rate) -> None:
        rows, where = tf.unique(gradient.indices)
        grad = tf.math.unsorted_segment_sum(gradient.values, where, tf.size(rows))
        index = self._get_variable_index(variable)
        means, squares = self._momentums[index].value, self._velocities[index].value
        step = tf.cast(self.iterations.value + 1, variable.dtype)
        beta_1 = tf.constant(self.beta_1, variable.dtype)
        beta_2 = tf.constant(self.beta_2, variable.dtype)
        mean = beta_1 * tf.gather(means, rows) + (1.0 - beta_1) * grad
        square = beta_2 * tf.gather(squares, rows) + (1.0 - beta_2) * grad * grad
        rate = learning_rate * tf.sqrt(1.0 - beta_2**step) / (1.0 - beta_1**step)
        changed = tf.gather(variable, rows) - rate * mean / (tf.sqrt(square) + self.epsilon)
        # Gathering and writing back takes half the time of scatter_sub.
        for kept, new in ((means, mean), (squares, square), (variable, changed)):
            kept.scatter_update(tf.IndexedSlices(new, rows))

    def get_config(self):
        """Return the settings as Keras keeps them."""
        return super().get_config() | {"shares": self.shares}
