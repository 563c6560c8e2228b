"""Recurrent cells that a model can be run with, by name.

To add one, put a `RecurrentCell` into CELLS. The name is the setting `cell` of a model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sentiment.config import ModelSettings
from sentiment.errors import InputError
from sentiment.utils.text import shown


@dataclass(frozen=True)
class RecurrentCell:
    """What the NumPy runtime needs to know about a recurrent cell.

    weight_shapes: from input size E and units H to the shape of each weight array, by name. Two
    names are fixed: `kernel` (E, P) and `bias` (P,) project the input of all steps at once, to any
    width P.

    states: from that projection, the weights by name and the number of texts that have a step t,
    for each t, to the states at all steps, float32 (total tokens, H). The projection is float32
    (total tokens, P): step 0 of all texts, the longest text first, then step 1 and so on; texts
    that have ended drop out at the end of a step. States have the same order and begin from zeros.
    The function may overwrite the projection.
    """

    weight_shapes: Callable[[int, int], dict[str, tuple[int, ...]]]
    states: Callable[[np.ndarray, Mapping[str, np.ndarray], np.ndarray], np.ndarray]

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the weight arrays."""
        return tuple(self.weight_shapes(1, 1))


def _simple_rnn_shapes(input_size: int, units: int) -> dict[str, tuple[int, ...]]:
    return {"kernel": (input_size, units), "recurrent_kernel": (units, units), "bias": (units,)}


def _simple_rnn_states(
    projected: np.ndarray, weights: Mapping[str, np.ndarray], active: np.ndarray
) -> np.ndarray:
    """Return h_t = tanh(x_t·kernel + bias + h_(t-1)·recurrent_kernel), written over `projected`."""
    recurrent_kernel = weights["recurrent_kernel"]
    previous = np.zeros((active.max(initial=0), len(recurrent_kernel)), np.float32)
    start = 0
    for count in active:
        state = projected[start : start + count]
        state += previous[:count] @ recurrent_kernel
        np.tanh(state, out=state)
        previous = state
        start += count
    return projected


SIMPLE_RNN = RecurrentCell(_simple_rnn_shapes, _simple_rnn_states)
CELLS = {"simple_rnn": SIMPLE_RNN}


def cell_of(settings: ModelSettings) -> RecurrentCell:
    """Return the cell that a model is made of; raise InputError if there is none of that name."""
    if settings.cell not in CELLS:
        raise InputError(f"unknown cell {shown(settings.cell)}; known cells are {', '.join(CELLS)}")
    return CELLS[settings.cell]
