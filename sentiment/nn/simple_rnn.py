"""Keras's SimpleRNN, trained several times faster: same weights, results and configuration.

Keras's own layer multiplies input by kernel at every step, and automatic differentiation adds up
the kernels' gradients step by step. Here one product projects the whole input before the loop,
the loop computes only h·recurrent_kernel and the activation, and one product after it gives the
gradient of the recurrent kernel. XLA compiles the loops, once for each batch shape. The two
halves of a batch run side by side: one step is too small a product to occupy two cores.
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


def _rows_of(sequence: Tensor, t: Tensor, row: Tensor, state: Tensor) -> Tensor:
    """Return rows `row` to `row` + b of step t, (b, the last axis of `sequence`)."""
    return tf.slice(sequence, [t, row, 0], [1, tf.shape(state)[0], tf.shape(sequence)[2]])[0]


def _step_index(t: Tensor, steps: Tensor, backwards: bool) -> Tensor:
    """Return the position in the input that the loop reads at step `t`."""
    return steps - 1 - t if backwards else t


# Signatures without sizes make one function for all shapes: XLA compiles it once for each shape,
# no matter whether that shape is first met before training or during it.
@cache
def _forward_loop(name: str, backwards: bool) -> Callable:
    """Return the compiled forward loop for the activation `name`.

    It reads b neighbouring rows of a batch of B, from `row` on.
    """
    activation, _ = _ACTIVATIONS[name]

    @tf.function(jit_compile=True, input_signature=[_SEQUENCE, _MASK, _ROWS, _ROWS, _NUMBER])
    def forward(
        projected: Tensor, mask: Tensor, kernel: Tensor, state: Tensor, row: Tensor
    ) -> Tensor:
        """Return the initial state and the state after each step, (T + 1, b, H)."""
        steps = tf.shape(projected)[0]
        states = tf.TensorArray(tf.float32, steps + 1, element_shape=state.shape)

        def step(t: Tensor, state: Tensor, states: tf.TensorArray) -> tuple:
            index = _step_index(t, steps, backwards)
            new = activation(_rows_of(projected, index, row, state) + state @ kernel)
            state = tf.where(_rows_of(mask, index, row, state), new, state)
            return t + 1, state, states.write(t + 1, state)

        start = (0, state, states.write(0, state))
        return tf.while_loop(lambda t, *_: t < steps, step, start)[2].stack()

    return forward


@cache
def _backward_loop(name: str, backwards: bool, sequences: bool) -> Callable:
    """Return the compiled loop of the gradients for the activation `name`.

    It reads b neighbouring rows of a batch of B, from `row` on.
    """
    _, derivative = _ACTIVATIONS[name]
    upstream_shape = _SEQUENCE if sequences else _ROWS

    # The kernel comes transposed: if the transpose is left to XLA, it hands the loop to a thread
    # of its own, and the two halves of a batch wait for each other.
    @tf.function(
        jit_compile=True, input_signature=[_SEQUENCE, _MASK, _ROWS, upstream_shape, _NUMBER]
    )
    def backward(
        states: Tensor, mask: Tensor, transposed: Tensor, upstream: Tensor, row: Tensor
    ) -> tuple:
        """Return dL/d(pre-activation), (T, b, H) in the loop's order, and dL/dh_0, (b, H).

        states: the result of the forward loop; transposed: the recurrent kernel's transpose;
        upstream: dL/dh_t of all steps, (T, B, H) in the loop's order, or of the last, (b, H).
        """
        steps = tf.shape(states)[0] - 1
        carried = tf.zeros_like(states[0]) if sequences else upstream
        grads = tf.TensorArray(tf.float32, steps, element_shape=carried.shape)

        def step(count: Tensor, carried: Tensor, grads: tf.TensorArray) -> tuple:
            t = steps - 1 - count
            if sequences:
                carried += _rows_of(upstream, t, row, carried)
            read = _rows_of(mask, _step_index(t, steps, backwards), row, carried)
            grad = tf.where(read, carried * derivative(states[t + 1]), 0.0)
            carried = tf.where(read, 0.0, carried) + grad @ transposed
            return count + 1, carried, grads.write(t, grad)

        start = (0, carried, grads)
        _, carried, grads = tf.while_loop(lambda count, *_: count < steps, step, start)
        return grads.stack(), carried

    return backward


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
    """Return h_t = activation(projected_t + h_{t-1}·kernel): all states or only the last.

    projected: float32 (T, B, H); mask: bool (T, B, 1), False keeps the state as it is;
    kernel: float32 (H, H); state: float32 (B, H), the state before the first step.
    `backwards` reads from the last step to the first. All states are float32 (T, B, H) in the
    order in which they were reached; the last is float32 (B, H).
    """
    forward = _forward_loop(name, backwards)
    backward = _backward_loop(name, backwards, sequences)
    # The two halves of a batch run side by side; a batch of odd or unknown size runs as a whole. So
    # does any on a GPU, which would run one half after the other.
    size, on_gpu = projected.shape[1], tf.config.get_visible_devices("GPU")
    first_rows = (0, size // 2) if size and size % 2 == 0 and not on_gpu else (0,)
    halves = len(first_rows)

    @tf.custom_gradient
    def run(projected: Tensor, kernel: Tensor, state: Tensor) -> tuple[Tensor, Callable]:
        # Without stop_gradient, a tape outside a tf.function would differentiate the loop as well.
        inputs, seen, weights, start = map(tf.stop_gradient, (projected, mask, kernel, state))
        results = [
            forward(inputs, seen, weights, start, row)
            for row, start in zip(first_rows, tf.split(start, halves), strict=True)
        ]

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            parts = [upstream] * halves if sequences else tf.split(upstream, halves)
            transposed = tf.transpose(weights)
            gradients = [
                backward(states, seen, transposed, part, row)
                for states, part, row in zip(results, parts, first_rows, strict=True)
            ]
            of_input, of_kernel, of_start = _join_gradients(results, gradients)
            return tf.reverse(of_input, [0]) if backwards else of_input, of_kernel, of_start

        if not sequences:
            return tf.concat([states[-1] for states in results], 0), gradient
        return tf.concat([states[1:] for states in results], 1), gradient

    return run(projected, kernel, state)


def _join_gradients(
    states: list[Tensor], gradients: list[tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of a batch, given the results of both loops for each of its parts.

    They are dL/d(pre-activation), (T, B, H), dL/d(recurrent kernel), (H, H), and dL/dh_0, (B, H).
    """
    of_kernel = [
        tf.matmul(_flat(part[:-1]), _flat(grads), transpose_a=True)
        for part, (grads, _) in zip(states, gradients, strict=True)
    ]
    of_input = tf.concat([grads for grads, _ in gradients], 1)
    of_start = tf.concat([start for _, start in gradients], 0)
    return of_input, tf.add_n(of_kernel), of_start


def _flat(sequence: Tensor) -> Tensor:
    return tf.reshape(sequence, [-1, tf.shape(sequence)[-1]])


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

    def compile_loops(self, rows: int, widths: Iterable[int]) -> None:
        """Compile both loops for batches of `rows` rows ahead of their use, two widths at a time.

        This runs in a graph, as training does: XLA keeps separate programs for use outside one.
        """

        @tf.function(input_signature=[tf.TensorSpec((None, rows, self.units), tf.float32)])
        def run_loops(projected: Tensor) -> Tensor:
            with tf.GradientTape() as tape:
                tape.watch(projected)
                seen = tf.ones_like(projected[:, :, :1], tf.bool)
                states = self._recur(projected, seen, projected[0])
            return tape.gradient(states, projected)

        # Traced once here; a call for each layer would make TensorFlow warn of retracing.
        graph = run_loops.get_concrete_function()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda width: graph(tf.zeros((width, rows, self.units))), widths))

    def _project(self, inputs: Tensor) -> Tensor:
        """Return x_t·kernel + bias of all steps, (T, B, H); `inputs` are (T, B, E)."""
        projected = tf.matmul(_flat(inputs), self.cell.kernel.value)
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
            keras.activations.serialize(cell.activation) in _ACTIVATIONS
            and not (cell.dropout or cell.recurrent_dropout or self.unroll)
            and self.compute_dtype == "float32"
        )
