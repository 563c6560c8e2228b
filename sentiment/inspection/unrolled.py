"""Unroll a SimpleRNN step by step, with every intermediate number, so that people can follow it."""

from dataclasses import dataclass

import numpy as np

from sentiment.inference.classifier import sigmoid


@dataclass(frozen=True)
class Cell:
    """The weights of a SimpleRNN layer: kernel (E, H), recurrent_kernel (H, H), bias (H,)."""

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True)
class Step:
    """One time step of a cell: h = tanh(total), all in float64.

    x: (E,), the input; h_before: (H,), the state of the step before; total: (H,), for each unit
    the sum of all products and the bias; h: (H,), the new state.
    """

    cell: Cell
    x: np.ndarray
    h_before: np.ndarray
    total: np.ndarray
    h: np.ndarray

    @property
    def input_products(self) -> np.ndarray:
        """Return x[i] · kernel[i, k], float64 (E, H): column k enters unit k."""
        return self.x[:, None] * self.cell.kernel

    @property
    def recurrent_products(self) -> np.ndarray:
        """Return h_before[j] · recurrent_kernel[j, k], float64 (H, H): column k enters unit k."""
        return self.h_before[:, None] * self.cell.recurrent_kernel


def unroll(sequence: np.ndarray, cell: Cell) -> list[Step]:
    """Return the T steps of `cell` through `sequence` (T, E), from a state of zeros.

    >>> half = np.array([[0.5]])
    >>> [step.total.item() for step in unroll(np.array([[1.0], [0.0]]), Cell(half, half, half[0]))]
    [1.0, 0.8807970779778824]
    """
    state, steps = np.zeros(len(cell.bias)), []
    for x in np.asarray(sequence, np.float64):
        total = x @ cell.kernel + state @ cell.recurrent_kernel + cell.bias
        steps.append(Step(cell, x, state, total, np.tanh(total)))
        state = steps[-1].h
    return steps


@dataclass(frozen=True)
class Decision:
    """The classifier applied to a state. state, kernel: (S,); temperature: divides the logit."""

    state: np.ndarray
    kernel: np.ndarray
    bias: float
    temperature: float = 1.0

    @property
    def products(self) -> np.ndarray:
        """Return state[k] · kernel[k], float64 (S,)."""
        return self.state.astype(np.float64) * self.kernel

    @property
    def logit(self) -> float:
        """The sum of all products and the bias."""
        return float(self.products.sum()) + self.bias

    @property
    def probability(self) -> float:
        """P(positive): the sigmoid of logit / temperature."""
        return float(sigmoid(np.asarray(self.logit / self.temperature)))


@dataclass(frozen=True)
class SmallNetwork:
    """A cell and the classifier that reads its state: kernel (S,)."""

    cell: Cell
    kernel: np.ndarray
    bias: float

    def decide(self, state: np.ndarray) -> Decision:
        """Return the classifier's decision for `state`, (S,)."""
        return Decision(state, self.kernel, self.bias)
