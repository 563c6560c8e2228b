"""SimpleRNN, trained several times faster: same weights, same results, same configuration.

Knows Keras and TensorFlow; knows nothing of reviews or of how a network is put together.

Keras's own layer multiplies input by kernel at every step and lets automatic differentiation
add up the kernels' gradients step by step. Here the input is projected in one product before
the loop, the loop keeps only h·recurrent_kernel and the activation, and the gradient of the
recurrent kernel is one product after it. XLA compiles the two loops, once for each batch shape.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import keras
import tensorflow as tf

Tensor: TypeAlias = tf.Tensor

# An activation and its derivative, written in terms of the activation's own output.
_ACTIVATIONS: dict[str, tuple[Callable, Callable]] = {
    "tanh": (tf.tanh, lambda state: 1.0 - state * state),
    "relu": (tf.nn.relu, lambda state: tf.cast(state > 0.0, state.dtype)),
}


def _loops(name: str) -> tuple[Callable, Callable]:
    """Return the compiled forward and backward loops for the activation `name`."""
    activation, derivative = _ACTIVATIONS[name]

    @tf.function(jit_compile=True, reduce_retracing=True)
    def forward(projected: Tensor, mask: Tensor, kernel: Tensor, state: Tensor) -> Tensor:
        """Return h_t for all steps, (T, B, H); a masked step holds the state before it."""
        steps = tf.shape(projected)[0]
        states = tf.TensorArray(projected.dtype, steps, element_shape=state.shape)

        def step(t: Tensor, state: Tensor, states: tf.TensorArray) -> tuple:
            new = activation(projected[t] + state @ kernel)
            state = tf.where(mask[t], new, state)
            return t + 1, state, states.write(t, state)

        loop = tf.while_loop(lambda t, *_: t < steps, step, (0, state, states))
        return loop[2].stack()

    @tf.function(jit_compile=True, reduce_retracing=True)
    def backward(states: Tensor, mask: Tensor, kernel: Tensor, upstream: Tensor) -> tuple:
        """Return dL/d(pre-activation), (T, B, H), and dL/dh_0, (B, H), from dL/dh_t (T, B, H)."""
        steps = tf.shape(states)[0]
        slope = tf.where(mask, derivative(states), 0.0)
        hold = tf.cast(~mask, states.dtype)
        back = tf.transpose(kernel)
        grads = tf.TensorArray(states.dtype, steps, element_shape=states.shape[1:])

        def step(t: Tensor, carried: Tensor, grads: tf.TensorArray) -> tuple:
            carried += upstream[t]
            grad = carried * slope[t]
            return t - 1, carried * hold[t] + grad @ back, grads.write(t, grad)

        start = (steps - 1, tf.zeros_like(states[0]), grads)
        loop = tf.while_loop(lambda t, *_: t >= 0, step, start)
        return loop[2].stack(), loop[1]

    return forward, backward


_COMPILED = {name: _loops(name) for name in _ACTIVATIONS}


def recur(name: str, projected: Tensor, mask: Tensor, kernel: Tensor, state: Tensor) -> Tensor:
    """Return all states h_t = activation(projected_t + h_{t-1}·kernel), float32 (T, B, H).

    projected: float32 (T, B, H); mask: bool (T, B, 1), False holds the state;
    kernel: float32 (H, H); state: float32 (B, H), the state before the first step.
    """
    forward, backward = _COMPILED[name]

    @tf.custom_gradient
    def states_of(projected: Tensor, kernel: Tensor, state: Tensor) -> tuple[Tensor, Callable]:
        # A tape outside a tf.function would otherwise differentiate the loop itself as well.
        entering = [tf.stop_gradient(part) for part in (projected, mask, kernel, state)]
        states = forward(*entering)

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            grad, before = backward(states, mask, kernel, upstream)
            units = tf.shape(kernel)[0]
            previous = tf.concat([state[tf.newaxis], states[:-1]], axis=0)
            flat = tf.reshape(previous, [-1, units])
            return grad, tf.matmul(flat, tf.reshape(grad, [-1, units]), transpose_a=True), before

        return states, gradient

    return states_of(projected, kernel, state)


def compile_loops(shapes: Iterable[tuple[int, int, int]], name: str = "tanh") -> None:
    """Compile both loops for shapes (T, B, H) ahead of their use, two at a time."""
    forward, backward = _COMPILED[name]

    def compiled(shape: tuple[int, int, int]) -> None:
        steps, rows, units = shape
        states, kernel = tf.zeros(shape), tf.zeros((units, units))
        mask = tf.ones((steps, rows, 1), tf.bool)
        backward(forward(states, mask, kernel, states[0]), mask, kernel, states)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(compiled, shapes))


@keras.saving.register_keras_serializable(package="sentiment")
class FusedSimpleRNN(keras.layers.SimpleRNN):
    """`keras.layers.SimpleRNN` with a fused recurrence.

    Weights, configuration and results are those of the stock layer, so that weights move between
    the two without conversion. What the fused loop does not cover (other activations than tanh
    and relu, dropout inside the cell, unrolling, other types than float32) runs as in the stock
    layer.
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Return last output (B, H), all outputs (B, T, H) and [last state (B, H)]."""
        if not self._fusable():
            return super().inner_loop(sequences, initial_state, mask, training)
        cell = self.cell
        state = initial_state[0] if isinstance(initial_state, (list, tuple)) else initial_state
        projected = tf.tensordot(tf.convert_to_tensor(sequences), cell.kernel.value, 1)
        if cell.use_bias:
            projected += cell.bias
        projected = tf.transpose(projected, [1, 0, 2])
        shape = tf.shape(projected)
        if mask is None:
            seen = tf.ones([shape[0], shape[1], 1], tf.bool)
        else:
            seen = tf.transpose(tf.cast(mask, tf.bool))[:, :, tf.newaxis]
        if self.go_backwards:
            projected, seen = tf.reverse(projected, [0]), tf.reverse(seen, [0])
        name = keras.activations.serialize(cell.activation)
        states = recur(name, projected, seen, cell.recurrent_kernel.value, state)
        outputs = states
        if mask is not None:
            outputs = self._as_stock_outputs(states, seen, state)
        last = outputs[-1]
        return last, tf.transpose(outputs, [1, 0, 2]), [states[-1]]

    def _as_stock_outputs(self, states: Tensor, seen: Tensor, state: Tensor) -> Tensor:
        """Return what the stock layer puts out at masked steps, (T, B, H).

        Where nothing has been read yet it puts out zeros, though the state is the initial one;
        with `zero_output_for_mask` it puts out zeros at every masked step.
        """
        if self.zero_output_for_mask:
            return tf.where(seen, states, 0.0)
        unread = tf.math.cumprod(tf.cast(~seen, states.dtype), axis=0)
        return states - unread * state

    def _fusable(self) -> bool:
        cell = self.cell
        return (
            keras.activations.serialize(cell.activation) in _ACTIVATIONS
            and not (cell.dropout or cell.recurrent_dropout or self.unroll)
            and self.compute_dtype == "float32"
        )
