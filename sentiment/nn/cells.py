"""Recurrent cells to train with: a name for each, and the function that builds its Keras layer.

To add one, register a function that returns a `keras.layers.RNN`, such as a GRU:

    @register_cell("gru")
    def gru(units, *, seeds, **options):
        initializer = keras.initializers.GlorotUniform(seed=next(seeds))
        return keras.layers.GRU(units, kernel_initializer=initializer, **options)
"""

from collections.abc import Callable, Iterator
from typing import Any

import keras

from sentiment.errors import InputError
from sentiment.nn.simple_rnn import FusedSimpleRNN

BuildCell = Callable[..., keras.layers.RNN]
SIMPLE_RNN = "simple_rnn"
CELLS: dict[str, BuildCell] = {}


def register_cell(name: str) -> Callable[[BuildCell], BuildCell]:
    """Return a decorator that registers a function under `name`.

    The function is called as `build(units, seeds=…, return_sequences=…, name=…)`, with an iterator
    of seeds for its initializers, and returns an unbuilt layer.
    """

    def register(build: BuildCell) -> BuildCell:
        CELLS[name] = build
        return build

    return register


def make_layer(
    cell: str, units: int, *, seeds: Iterator[int], return_sequences: bool, name: str
) -> keras.layers.RNN:
    """Return a recurrent layer of `units` units; raise InputError if no such cell is registered."""
    if cell not in CELLS:
        raise InputError(
            f"the cell must be one of {', '.join(sorted(CELLS))}, got {cell!r}",
            hint="sentiment train --help",
        )
    return CELLS[cell](units, seeds=seeds, return_sequences=return_sequences, name=name)


@register_cell(SIMPLE_RNN)
def simple_rnn(units: int, *, seeds: Iterator[int], **options: Any) -> FusedSimpleRNN:
    """Return h_t = tanh(x_t·kernel + h_{t-1}·recurrent_kernel + bias), at first the identity.

    A recurrent kernel that starts as the identity adds the inputs up (Le et al. 2015).
    """
    return FusedSimpleRNN(
        units,
        kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
        recurrent_initializer=keras.initializers.Identity(),
        **options,
    )
