"""SimpleRNN, trained several times faster: same weights, same results, same configuration.

Knows Keras and TensorFlow; knows nothing of reviews or of how a network is put together.

Keras's own layer multiplies input by kernel at every step and lets automatic differentiation
add up the kernels' gradients step by step. Here the input is projected in one product before
the loop, the loop keeps only h·recurrent_kernel and the activation, and the gradient of the
recurrent kernel is one product after it. XLA compiles the loops, once for each batch shape, and
the two halves of a batch run side by side, as one step is too small a product for two cores.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeAlias

import keras
import tensorflow as tf

Tensor: TypeAlias = tf.Tensor

# An activation and its derivative, written in terms of the activation's own output.
_ACTIVATIONS: dict[str, tuple[Callable, Callable]] = {
    "tanh": (tf.tanh, lambda state: 1.0 - state * state),
    "relu": (tf.nn.relu, lambda state: tf.cast(state > 0.0, state.dtype)),
}
_ROWS = tf.TensorSpec((None, None), tf.float32)
_SEQUENCE = tf.TensorSpec((None, None, None), tf.float32)
_MASK = tf.TensorSpec((None, None, 1), tf.bool)
_NUMBER = tf.TensorSpec((), tf.int32)


@cache
def _loops(name: str, backwards: bool, sequences: bool) -> tuple[Callable, Callable]:
    """Return the compiled forward and backward loops for the activation `name`.

    Each reads b neighbouring rows of a batch of B, from `row` on. A signature without sizes makes
    one function of all shapes: XLA compiles it for each shape once, whether it is met ahead of
    training or in it.
    """
    activation, derivative = _ACTIVATIONS[name]

    def place(t: Tensor, steps: Tensor) -> Tensor:
        return steps - 1 - t if backwards else t

    def rows_of(sequence: Tensor, t: Tensor, row: Tensor, state: Tensor) -> Tensor:
        """Return rows `row` to `row` + b of step t, (b, the last axis of `sequence`)."""
        return tf.slice(sequence, [t, row, 0], [1, tf.shape(state)[0], tf.shape(sequence)[2]])[0]

    @tf.function(jit_compile=True, input_signature=[_SEQUENCE, _MASK, _ROWS, _ROWS, _NUMBER])
    def forward(
        projected: Tensor, mask: Tensor, kernel: Tensor, state: Tensor, row: Tensor
    ) -> Tensor:
        """Return the initial state and the state after each step, (T + 1, b, H)."""
        steps = tf.shape(projected)[0]
        states = tf.TensorArray(tf.float32, steps + 1, element_shape=state.shape)

        def step(t: Tensor, state: Tensor, states: tf.TensorArray) -> tuple:
            at = place(t, steps)
            new = activation(rows_of(projected, at, row, state) + state @ kernel)
            state = tf.where(rows_of(mask, at, row, state), new, state)
            return t + 1, state, states.write(t + 1, state)

        start = (0, state, states.write(0, state))
        return tf.while_loop(lambda t, *_: t < steps, step, start)[2].stack()

    upstream_shape = _SEQUENCE if sequences else _ROWS

    # The kernel comes transposed: with that left to do, XLA hands the loop to a thread of its own,
    # and the two halves of a batch wait for each other.
    @tf.function(
        jit_compile=True, input_signature=[_SEQUENCE, _MASK, _ROWS, upstream_shape, _NUMBER]
    )
    def backward(
        states: Tensor, mask: Tensor, transposed: Tensor, upstream: Tensor, row: Tensor
    ) -> tuple:
        """Return dL/d(pre-activation), (T, b, H) in the loop's order, and dL/dh_0, (b, H).

        states: what `forward` returned; transposed: the recurrent kernel's transpose;
        upstream: dL/dh_t of all steps, (T, B, H) in the loop's order, or of the last, (b, H).
        """
        steps = tf.shape(states)[0] - 1
        carried = tf.zeros_like(states[0]) if sequences else upstream
        grads = tf.TensorArray(tf.float32, steps, element_shape=carried.shape)

        def step(count: Tensor, carried: Tensor, grads: tf.TensorArray) -> tuple:
            t = steps - 1 - count
            if sequences:
                carried += rows_of(upstream, t, row, carried)
            read = rows_of(mask, place(t, steps), row, carried)
            grad = tf.where(read, carried * derivative(states[t + 1]), 0.0)
            carried = tf.where(read, 0.0, carried) + grad @ transposed
            return count + 1, carried, grads.write(t, grad)

        start = (0, carried, grads)
        _, carried, grads = tf.while_loop(lambda count, *_: count < steps, step, start)
        return grads.stack(), carried

    return forward, backward


def recur(
    name: str,
    projected: Tensor,
    mask: Tensor,
    kernel: Tensor,
    state: Tensor,
    *,
    backwards: bool = False,
    sequences: bool = True,
) -> Tensor:
    """Return h_t = activation(projected_t + h_{t-1}·kernel): all states or the last alone.

    projected: float32 (T, B, H); mask: bool (T, B, 1), False holds the state;
    kernel: float32 (H, H); state: float32 (B, H), the state before the first step.
    `backwards` reads from the last step to the first. All states are float32 (T, B, H) in the
    order in which they were reached; the last is float32 (B, H).
    """
    forward, backward = _loops(name, backwards, sequences)
    # Two halves of a batch run side by side; one of odd or unknown size runs as a whole.
    size = projected.shape[1]
    firsts = (0, size // 2) if size and size % 2 == 0 else (0,)

    @tf.custom_gradient
    def run(projected: Tensor, kernel: Tensor, state: Tensor) -> tuple[Tensor, Callable]:
        # A tape outside a tf.function would otherwise differentiate the loop itself as well.
        flow, seen, weights, start = map(tf.stop_gradient, (projected, mask, kernel, state))
        parts = list(zip(firsts, tf.split(start, len(firsts)), strict=True))
        read = [forward(flow, seen, weights, start, row) for row, start in parts]

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            pulls = [upstream] * len(parts) if sequences else tf.split(upstream, len(parts))
            back = tf.transpose(weights)
            found = [
                backward(states, seen, back, pull, row)
                for states, pull, row in zip(read, pulls, firsts, strict=True)
            ]
            of_kernel = [
                tf.matmul(_flat(states[:-1]), _flat(grads), transpose_a=True)
                for states, (grads, _) in zip(read, found, strict=True)
            ]
            of_input = tf.concat([grads for grads, _ in found], 1)
            if backwards:
                of_input = tf.reverse(of_input, [0])
            return of_input, tf.add_n(of_kernel), tf.concat([start for _, start in found], 0)

        if not sequences:
            return tf.concat([states[-1] for states in read], 0), gradient
        return tf.concat([states[1:] for states in read], 1), gradient

    return run(projected, kernel, state)


def _flat(sequence: Tensor) -> Tensor:
    return tf.reshape(sequence, [-1, tf.shape(sequence)[-1]])


def _swapped(sequence: Tensor) -> Tensor:
    """Exchange the axes of rows and steps. TensorFlow drops two of these in a row."""
    return tf.transpose(sequence, [1, 0, 2])


@keras.saving.register_keras_serializable(package="sentiment")
class FusedSimpleRNN(keras.layers.SimpleRNN):
    """`keras.layers.SimpleRNN` with a fused recurrence.

    Weights, configuration and results are those of the stock layer, so that weights move between
    the two without conversion. What the fused loop does not cover (other activations than tanh
    and relu, dropout inside the cell, unrolling, other types than float32) runs as in the stock
    layer.
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Return last output (B, H), all outputs (B, T, H) and [last state (B, H)].

        Without `return_sequences` or `return_state`, the last output stands for all three.
        """
        if not self._fusable():
            return super().inner_loop(sequences, initial_state, mask, training)
        cell = self.cell
        state = initial_state[0] if isinstance(initial_state, (list, tuple)) else initial_state
        flow = _swapped(tf.convert_to_tensor(sequences))
        projected = tf.matmul(_flat(flow), cell.kernel.value)
        if cell.use_bias:
            projected = tf.nn.bias_add(projected, cell.bias.value)
        steps, rows = tf.unstack(tf.shape(flow)[:2])
        projected = tf.reshape(projected, [steps, flow.shape[1] or rows, self.units])
        if mask is None:
            mask = tf.ones(tf.shape(sequences)[:2])
        seen = _swapped(tf.cast(mask, tf.bool)[:, :, tf.newaxis])
        states = self._recur(projected, seen, state)
        seen = tf.reverse(seen, [0]) if self.go_backwards else seen
        if self.return_sequences:
            outputs = _swapped(tf.where(self._told(seen), states, 0.0))
            return outputs[:, -1], outputs, [states[-1]]
        told = seen[-1] if self.zero_output_for_mask else tf.reduce_any(seen, axis=0)
        last = tf.where(told, states, 0.0)
        return last, last, [states]

    def compile_loops(self, rows: int, widths: Iterable[int]) -> None:
        """Compile both loops for batches of `rows` rows ahead of their use, two widths at a time.

        In a graph, as that is where they will be used: XLA keeps another program for use outside.
        """

        @tf.function(input_signature=[tf.TensorSpec((None, rows, self.units), tf.float32)])
        def once(projected: Tensor) -> Tensor:
            with tf.GradientTape() as tape:
                tape.watch(projected)
                seen = tf.ones_like(projected[:, :, :1], tf.bool)
                states = self._recur(projected, seen, projected[0])
            return tape.gradient(states, projected)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda width: once(tf.zeros((width, rows, self.units))), widths))

    def _recur(self, projected: Tensor, seen: Tensor, state: Tensor) -> Tensor:
        return recur(
            keras.activations.serialize(self.cell.activation),
            projected,
            seen,
            self.cell.recurrent_kernel.value,
            state,
            backwards=self.go_backwards,
            sequences=self.return_sequences,
        )

    def _told(self, seen: Tensor) -> Tensor:
        """Return where the stock layer puts out its state rather than zeros, bool (T, B, 1).

        It puts out zeros where nothing has been read yet, though the state is the initial one,
        and with `zero_output_for_mask` at every masked step.
        """
        if self.zero_output_for_mask:
            return seen
        return tf.cumsum(tf.cast(seen, tf.int32), axis=0) > 0

    def _fusable(self) -> bool:
        cell = self.cell
        return (
            keras.activations.serialize(cell.activation) in _ACTIVATIONS
            and not (cell.dropout or cell.recurrent_dropout or self.unroll)
            and self.compute_dtype == "float32"
        )
