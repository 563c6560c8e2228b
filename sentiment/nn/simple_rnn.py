"""Keras's SimpleRNN, trained several times faster: same weights, results and configuration.

Keras's own layer multiplies input by kernel at every step. Here one product projects the whole
input before the loop, and the loop computes only h·recurrent_kernel and the activation; see
`recurrence`.
"""

from concurrent.futures import ThreadPoolExecutor

import keras
import tensorflow as tf

from sentiment.nn.recurrence import ACTIVATIONS, Tensor, capacities, flat, recur


def _swap_time(sequence: Tensor) -> Tensor:
    """Exchange the axes of rows and steps. TensorFlow drops two such transposes in a row."""
    return tf.transpose(sequence, [1, 0, 2])


@keras.saving.register_keras_serializable(package="sentiment")
class FusedSimpleRNN(keras.layers.SimpleRNN):
    """`keras.layers.SimpleRNN` with a fused recurrence.

    Weights, configuration and results equal those of the stock layer, so weights can be copied
    between the two. Options that the fused loop lacks (activations other than tanh and relu,
    dropout inside the cell, unrolling, types other than float32) run as in the stock layer.
    """

    # One step is too small a product to occupy two cores, so the two halves of a batch run side by
    # side. In a bidirectional layer the directions do, which is faster.
    halves = True

    def inner_loop(
        self,
        sequences: Tensor,
        initial_state: Tensor | list[Tensor],
        mask: Tensor | None,
        training: bool = False,
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return last output (B, H), all outputs (B, T, H) and [last state (B, H)].

        Without `return_sequences` or `return_state`, the last output stands for all three.
        """
        if not self._can_fuse():
            return super().inner_loop(sequences, initial_state, mask, training)
        state = initial_state[0] if isinstance(initial_state, (list, tuple)) else initial_state
        projected = self._project(_swap_time(tf.convert_to_tensor(sequences)))
        if mask is None:
            mask = tf.ones(tf.shape(sequences)[:2])
        seen = _swap_time(tf.cast(mask, tf.bool)[:, :, tf.newaxis])
        states = self._recur(projected, seen, state)
        seen = tf.reverse(seen, [0]) if self.go_backwards else seen
        if self.return_sequences:
            outputs = _swap_time(tf.where(self._outputs_state(seen), states, 0.0))
            return outputs[:, -1], outputs, [states[-1]]
        outputs_state = seen[-1] if self.zero_output_for_mask else tf.reduce_any(seen, axis=0)
        last = tf.where(outputs_state, states, 0.0)
        return last, last, [states]

    def compile_loops(self, rows: int, longest: int) -> None:
        """Compile both loops for batches of `rows` rows and up to `longest` steps.

        That is ahead of their use, and two programs at a time. Those of the other direction are the
        same. This runs in a graph, as training does: XLA keeps separate programs for use outside.
        """
        signature = [tf.TensorSpec((None, rows, self.units), tf.float32)]

        @tf.function(input_signature=signature, autograph=False)
        def run_loops(projected: Tensor) -> Tensor:
            with tf.GradientTape() as tape:
                tape.watch(projected)
                seen = tf.ones_like(projected[:, :, :1], tf.bool)
                states = self._recur(projected, seen, projected[0])
            return tape.gradient(states, projected)

        # Traced once here; a call for each layer would make TensorFlow warn of retracing.
        graph = run_loops.get_concrete_function()
        with ThreadPoolExecutor(2) as pool:
            sizes = [(steps, rows, self.units) for steps in capacities(longest)]
            list(pool.map(lambda size: graph(tf.zeros(size)), sizes))

    def _project(self, inputs: Tensor) -> Tensor:
        """Return x_t·kernel + bias of all steps, (T, B, H); `inputs` are (T, B, E)."""
        projected = tf.matmul(flat(inputs), self.cell.kernel.value)
        if self.cell.use_bias:
            projected = tf.nn.bias_add(projected, self.cell.bias.value)
        steps, rows = tf.unstack(tf.shape(inputs)[:2])
        return tf.reshape(projected, [steps, inputs.shape[1] or rows, self.units])

    def _recur(self, projected: Tensor, seen: Tensor, state: Tensor) -> Tensor:
        return recur(
            keras.activations.serialize(self.cell.activation),
            projected,
            seen,
            self.cell.recurrent_kernel.value,
            state,
            backwards=self.go_backwards,
            sequences=self.return_sequences,
            halves=self.halves,
        )

    def _outputs_state(self, seen: Tensor) -> Tensor:
        """Return True if the stock layer outputs its state and not zeros, bool (T, B, 1).

        It outputs zeros until the first real step, whatever the initial state, and with
        `zero_output_for_mask` at every masked step.
        """
        if self.zero_output_for_mask:
            return seen
        return tf.cumsum(tf.cast(seen, tf.int32), axis=0) > 0

    def _can_fuse(self) -> bool:
        cell = self.cell
        return (
            keras.activations.serialize(cell.activation) in ACTIVATIONS
            and not (cell.dropout or cell.recurrent_dropout or self.unroll)
            and self.compute_dtype == "float32"
        )
