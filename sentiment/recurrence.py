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


@cache
def _loops(name: str, backwards: bool, sequences: bool) -> tuple[Callable, Callable]:
    """Return the compiled forward and backward loops for the activation `name`.

    A signature without sizes makes one function of all shapes: XLA compiles it for each shape
    once, whether it is met ahead of training or in it.
    """
    activation, derivative = _ACTIVATIONS[name]

    def place(t: Tensor, steps: Tensor) -> Tensor:
        return steps - 1 - t if backwards else t

    @tf.function(jit_compile=True, input_signature=[_SEQUENCE, _MASK, _ROWS, _ROWS])
    def forward(projected: Tensor, mask: Tensor, kernel: Tensor, state: Tensor) -> tuple:
        """Return the state before each step, (T, B, H), and the last, (B, H)."""
        steps = tf.shape(projected)[1]
        before = tf.TensorArray(tf.float32, steps, element_shape=state.shape)

        def step(t: Tensor, state: Tensor, before: tf.TensorArray) -> tuple:
            before, at = before.write(t, state), place(t, steps)
            new = activation(projected[:, at] + state @ kernel)
            return t + 1, tf.where(mask[:, at], new, state), before

        _, last, before = tf.while_loop(lambda t, *_: t < steps, step, (0, state, before))
        return before.stack(), last

    upstream_shape = _SEQUENCE if sequences else _ROWS

    @tf.function(jit_compile=True, input_signature=[_SEQUENCE, _ROWS, _MASK, _ROWS, upstream_shape])
    def backward(
        before: Tensor, last: Tensor, mask: Tensor, kernel: Tensor, upstream: Tensor
    ) -> tuple:
        """Return dL/d(pre-activation), (T, B, H) in the loop's order, and dL/dh_0, (B, H).

        upstream: dL/dh_t of all steps, (B, T, H) in the loop's order, or of the last, (B, H).
        """
        steps = tf.shape(before)[0]
        back = tf.transpose(kernel)
        grads = tf.TensorArray(tf.float32, steps, element_shape=last.shape)

        def step(t: Tensor, state: Tensor, carried: Tensor, grads: tf.TensorArray) -> tuple:
            if sequences:
                carried += upstream[:, t]
            read = mask[:, place(t, steps)]
            grad = tf.where(read, carried * derivative(state), 0.0)
            carried = tf.where(read, 0.0, carried) + grad @ back
            return t - 1, before[t], carried, grads.write(t, grad)

        carried = tf.zeros_like(last) if sequences else upstream
        start = (steps - 1, last, carried, grads)
        loop = tf.while_loop(lambda t, *_: t >= 0, step, start)
        return loop[3].stack(), loop[2]

    return forward, backward


def _halves(*tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """Return the two halves of a batch, or the whole where its size is odd or unknown."""
    rows = tensors[0].shape[0]
    parts = 2 if rows and rows % 2 == 0 else 1
    return list(zip(*(tf.split(tensor, parts) for tensor in tensors), strict=True))


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

    projected: float32 (B, T, H); mask: bool (B, T, 1), False holds the state;
    kernel: float32 (H, H); state: float32 (B, H), the state before the first step.
    `backwards` reads from the last step to the first. All states are float32 (B, T, H) in the
    order in which they were reached; the last is float32 (B, H).
    """
    forward, backward = _loops(name, backwards, sequences)

    @tf.custom_gradient
    def run(projected: Tensor, kernel: Tensor, state: Tensor) -> tuple[Tensor, Callable]:
        # A tape outside a tf.function would otherwise differentiate the loop itself as well.
        flow, seen, weights, first = map(tf.stop_gradient, (projected, mask, kernel, state))
        parts = _halves(flow, seen, first)
        read = [forward(flow, seen, weights, first) for flow, seen, first in parts]

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            pulls = tf.split(upstream, len(parts))
            found = [
                backward(before, last, seen, weights, pull)
                for (before, last), (_, seen, _), pull in zip(read, parts, pulls, strict=True)
            ]
            of_kernel = [
                tf.matmul(_flat(before), _flat(grads), transpose_a=True)
                for (before, _), (grads, _) in zip(read, found, strict=True)
            ]
            of_input = tf.concat([_swapped(grads) for grads, _ in found], 0)
            if backwards:
                of_input = tf.reverse(of_input, [1])
            return of_input, tf.add_n(of_kernel), tf.concat([start for _, start in found], 0)

        if not sequences:
            return tf.concat([last for _, last in read], 0), gradient
        states = [tf.concat([before[1:], last[tf.newaxis]], 0) for before, last in read]
        return tf.concat([_swapped(part) for part in states], 0), gradient

    return run(projected, kernel, state)


def _flat(sequence: Tensor) -> Tensor:
    return tf.reshape(sequence, [-1, tf.shape(sequence)[-1]])


def _swapped(sequence: Tensor) -> Tensor:
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
        projected = tf.tensordot(tf.convert_to_tensor(sequences), cell.kernel.value, 1)
        if cell.use_bias:
            projected += cell.bias
        if mask is None:
            mask = tf.ones(tf.shape(projected)[:2])
        seen = tf.cast(mask, tf.bool)[:, :, tf.newaxis]
        states = self._recur(projected, seen, state)
        told = self._told(tf.reverse(seen, [1]) if self.go_backwards else seen)
        if self.return_sequences:
            outputs = tf.where(told, states, 0.0)
            return outputs[:, -1], outputs, [states[:, -1]]
        last = tf.where(told[:, -1], states, 0.0)
        return last, last, [states]

    def compile_loops(self, shapes: Iterable[tuple[int, int]]) -> None:
        """Compile both loops for batches of shapes (B, T) ahead of their use, two at a time."""

        def compiled(shape: tuple[int, int]) -> None:
            projected = tf.zeros((*shape, self.units))
            with tf.GradientTape() as tape:
                tape.watch(projected)
                states = self._recur(projected, tf.ones((*shape, 1), tf.bool), projected[:, 0])
            tape.gradient(states, projected)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(compiled, shapes))

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
        """Return where the stock layer puts out its state rather than zeros, bool (B, T, 1).

        It puts out zeros where nothing has been read yet, though the state is the initial one,
        and with `zero_output_for_mask` at every masked step.
        """
        if self.zero_output_for_mask:
            return seen
        return tf.cumsum(tf.cast(seen, tf.int32), axis=1) > 0

    def _fusable(self) -> bool:
        cell = self.cell
        return (
            keras.activations.serialize(cell.activation) in _ACTIVATIONS
            and not (cell.dropout or cell.recurrent_dropout or self.unroll)
            and self.compute_dtype == "float32"
        )
