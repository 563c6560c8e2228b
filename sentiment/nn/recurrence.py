"""The loop of a simple recurrent layer over the steps of a sequence, and its gradient.

One product after the loop gives the gradient of the recurrent kernel: automatic differentiation
would add it up step by step. XLA compiles the loops: a program serves all sequences up to its
capacity, in both directions, and takes as many turns as they have steps.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import tensorflow as tf

Tensor: TypeAlias = tf.Tensor

# An activation and its derivative, written in terms of the activation's own output.
ACTIVATIONS: dict[str, tuple[Callable, Callable]] = {
    "tanh": (tf.tanh, lambda state: 1.0 - state * state),
    "relu": (tf.nn.relu, lambda state: tf.cast(state > 0.0, state.dtype)),
}
_ROWS = tf.TensorSpec((None, None), tf.float32)
_SEQUENCE = tf.TensorSpec((None, None, None), tf.float32)
_MASK = tf.TensorSpec((None, None, 1), tf.bool)
_NUMBER = tf.TensorSpec((), tf.int32)
_LEAST_CAPACITY, _LARGEST_CAPACITY = 64, 1 << 30  # steps


class _Path(NamedTuple):
    """How a loop goes through a sequence.

    row: the first row of the batch that it reads; first: the position that it reads at first; end:
    the one after its last; stride: from one position to the next, 1 or -1. States stand between
    positions: `after` added to a position is the index of the state after it, 1 minus `after` that
    of the state before it.
    """

    row: Tensor
    first: Tensor
    end: Tensor
    stride: Tensor
    after: Tensor


_PATH = _Path(*[_NUMBER] * 5)


def _compiled(*signature: Any) -> Callable:
    """Return a decorator that lets XLA compile a function without Python control flow."""
    return tf.function(jit_compile=True, autograph=False, input_signature=signature)


def capacities(longest: int) -> list[int]:
    """Return the most steps of each program that sequences of up to `longest` steps need."""
    doublings = max(0, (longest - 1).bit_length() - (_LEAST_CAPACITY - 1).bit_length())
    return [_LEAST_CAPACITY << power for power in range(doublings + 1)]


def _pad_steps(sequence: Tensor) -> Tensor:
    """Pad a sequence, (T, B, H), to the capacity of the program that it needs."""
    steps = tf.shape(sequence)[0]
    known = tf.constant(capacities(_LARGEST_CAPACITY))
    enough = tf.reduce_min(tf.where(known >= steps, known, _LARGEST_CAPACITY))
    return tf.pad(sequence, [[0, enough - steps], [0, 0], [0, 0]])


def _rows_of(sequence: Tensor, t: Tensor, row: Tensor, state: Tensor) -> Tensor:
    """Return rows `row` to `row` + b of step t, (b, the last axis of `sequence`)."""
    return tf.slice(sequence, [t, row, 0], [1, tf.shape(state)[0], tf.shape(sequence)[2]])[0]


# Signatures without sizes make one function for all shapes: XLA compiles it once for each shape,
# no matter whether that shape is first met before training or during it. C is the capacity.
@cache
def _forward_loop(name: str) -> Callable:
    """Return the compiled forward loop for the activation `name`.

    It reads b neighbouring rows of a batch of B.
    """
    activation, _ = ACTIVATIONS[name]

    @_compiled(_SEQUENCE, _MASK, _ROWS, _ROWS, _PATH)
    def forward(
        projected: Tensor, mask: Tensor, kernel: Tensor, state: Tensor, path: _Path
    ) -> tuple[Tensor, Tensor]:
        """Return the state after the last step, and the states between the positions.

        These are float32 (C + 1, b, H), of which those of the sequence are in use.
        """
        size = tf.shape(projected)[0] + 1
        states = tf.TensorArray(tf.float32, size, element_shape=state.shape)

        # Nothing but the position is counted. One that is computed from `path` at each step would
        # be a constant to XLA, which would compile a program for each number of steps.
        def step(position: Tensor, state: Tensor, states: tf.TensorArray) -> tuple:
            new = activation(_rows_of(projected, position, path.row, state) + state @ kernel)
            state = tf.where(_rows_of(mask, position, path.row, state), new, state)
            return position + path.stride, state, states.write(position + path.after, state)

        start = (path.first, state, states.write(path.first + 1 - path.after, state))
        _, state, states = tf.while_loop(lambda position, *_: position != path.end, step, start)
        return state, states.stack()

    return forward


@cache
def _backward_loop(name: str, sequences: bool) -> Callable:
    """Return the compiled loop of the gradients for the activation `name`.

    It reads b neighbouring rows of a batch of B.
    """
    _, derivative = ACTIVATIONS[name]
    upstream_shape = _SEQUENCE if sequences else _ROWS

    # The kernel comes transposed: if the transpose is left to XLA, it hands the loop to a thread
    # of its own, and the two halves of a batch wait for each other.
    @_compiled(_SEQUENCE, _MASK, _ROWS, upstream_shape, _PATH)
    def backward(
        after: Tensor, mask: Tensor, transposed: Tensor, upstream: Tensor, path: _Path
    ) -> tuple[Tensor, Tensor]:
        """Return dL/d(pre-activation), (C, b, H), and dL/dh_0, (b, H).

        after: the states after each position, (C, b, H); transposed: the recurrent kernel's
        transpose; upstream: dL/dh of all these states, (C, B, H), or of the last, (b, H).
        """
        carried = tf.zeros_like(after[0]) if sequences else upstream
        grads = tf.TensorArray(tf.float32, tf.shape(after)[0], element_shape=carried.shape)

        def step(position: Tensor, carried: Tensor, grads: tf.TensorArray) -> tuple:
            if sequences:
                carried += _rows_of(upstream, position, path.row, carried)
            read = _rows_of(mask, position, path.row, carried)
            grad = tf.where(read, carried * derivative(after[position]), 0.0)
            carried = tf.where(read, 0.0, carried) + grad @ transposed
            return position - path.stride, carried, grads.write(position, grad)

        start, end = (path.end - path.stride, carried, grads), path.first - path.stride
        _, carried, grads = tf.while_loop(lambda position, *_: position != end, step, start)
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
    halves: bool = True,
) -> Tensor:
    """Return h_t = activation(projected_t + h_{t-1}·kernel): all states or only the last.

    projected: float32 (T, B, H); mask: bool (T, B, 1), False keeps the state as it is;
    kernel: float32 (H, H); state: float32 (B, H), the state before the first step.
    `backwards` reads from the last step to the first. All states are float32 (T, B, H) in the
    order in which they were reached; the last is float32 (B, H). With `halves`, the two halves of
    a batch run side by side, unless its size is odd or unknown.
    """
    forward, backward = _forward_loop(name), _backward_loop(name, sequences)
    steps = tf.shape(projected)[0]
    paths = _paths(projected.shape[1], steps, backwards=backwards, halves=halves)
    parts, after = len(paths), paths[0].after

    @tf.custom_gradient
    def run(projected: Tensor, kernel: Tensor, state: Tensor) -> tuple[Tensor, Callable]:
        # Without stop_gradient, a tape outside a tf.function would differentiate the loop as well.
        inputs, weights, start = map(tf.stop_gradient, (projected, kernel, state))
        inputs, seen = _pad_steps(inputs), _pad_steps(tf.stop_gradient(mask))
        results = [
            forward(inputs, seen, weights, start, path)
            for path, start in zip(paths, tf.split(start, parts), strict=True)
        ]

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            turned = [_pad_steps(_turn(upstream, backwards))] * parts if sequences else None
            of_parts, size = turned or tf.split(upstream, parts), tf.shape(inputs)[0]
            transposed = tf.transpose(weights)
            gradients = [
                backward(states[after : size + after], seen, transposed, part, path)
                for (_, states), part, path in zip(results, of_parts, paths, strict=True)
            ]
            return _join_gradients([one[1 - after :][:steps] for _, one in results], gradients)

        if not sequences:
            return tf.concat([last for last, _ in results], 0), gradient
        outputs = tf.concat([states[after : steps + after] for _, states in results], 1)
        return _turn(outputs, backwards), gradient

    return run(projected, kernel, state)


def _turn(sequence: Tensor, backwards: bool) -> Tensor:
    """Change a sequence by position to one in the loop's order, or back."""
    return tf.reverse(sequence, [0]) if backwards else sequence


def _paths(size: int | None, steps: Tensor, *, backwards: bool, halves: bool) -> list[_Path]:
    """Return the path of each part of a batch of `size` rows, None if that is unknown."""
    rows = [0]  # a GPU would run one half after the other
    if halves and size and size % 2 == 0 and not tf.config.get_visible_devices("GPU"):
        rows = [0, size // 2]
    ends = (steps - 1, -1, -1, 0) if backwards else (0, steps, 1, 1)
    return [_Path(row, *ends) for row in rows]


def _join_gradients(
    before: list[Tensor], gradients: list[tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of a batch, given those of its parts and the states before each step.

    They are dL/d(pre-activation), (T, B, H), dL/d(recurrent kernel), (H, H), and dL/dh_0, (B, H).
    before: (T, b, H) of each part.
    """
    steps = tf.shape(before[0])[0]
    gradients = [(of_input[:steps], of_start) for of_input, of_start in gradients]
    of_kernel = [
        tf.matmul(flat(states), flat(grads), transpose_a=True)
        for states, (grads, _) in zip(before, gradients, strict=True)
    ]
    of_input = tf.concat([grads for grads, _ in gradients], 1)
    of_start = tf.concat([start for _, start in gradients], 0)
    return of_input, tf.add_n(of_kernel), of_start


def flat(sequence: Tensor) -> Tensor:
    """Return the rows of all steps below each other, (T · B, the last axis)."""
    return tf.reshape(sequence, [-1, tf.shape(sequence)[-1]])
