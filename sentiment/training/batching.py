"""Batches of reviews of similar length.

Every batch has the same number of rows, because XLA compiles programs for each number that it
meets. Rows that only fill up a batch have weight 0.
"""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from sentiment.data.examples import Examples

_STEPS = 8  # a batch has a multiple of these: TensorFlow prepares a product for each shape
Batch: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]  # ids, labels, weights


def padded_width(length: int) -> int:
    """Return the number of steps that a review of `length` tokens is padded to."""
    return -(-length // _STEPS) * _STEPS


def longest_width(examples: Examples) -> int:
    """Return the number of steps that the longest review is padded to."""
    return padded_width(int(np.diff(examples.offsets).max(initial=1)))


def arrange_batches(
    examples: Examples, size: int, order: np.random.Generator | None
) -> list[np.ndarray]:
    """Return the rows of each batch: neighbours in length, shuffled if `order` is given."""
    lengths = np.diff(examples.offsets)
    if order is None:
        rows = np.argsort(lengths, kind="stable")
    else:
        # Noise of a tenth gives a review new neighbours in every epoch.
        rows = np.argsort(lengths * order.uniform(0.9, 1.1, len(lengths)), kind="stable")
    batches = [rows[start : start + size] for start in range(0, len(rows), size)]
    if order is not None:
        order.shuffle(batches)
    return batches


def fill_batch(examples: Examples, rows: np.ndarray, size: int) -> Batch:
    """Return ids int32 (size, T, K), labels float32 (size,) and weights float32 (size,)."""
    starts, ends = examples.offsets[rows], examples.offsets[rows + 1]
    steps = padded_width(int((ends - starts).max(initial=1)))
    ids = np.zeros((size, steps, examples.features.shape[1]), np.int32)
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        ids[row, : end - start] = examples.features[start:end]
    labels, weights = np.zeros(size, np.float32), np.zeros(size, np.float32)
    labels[: len(rows)], weights[: len(rows)] = examples.labels[rows], 1.0
    if examples.weights is not None:
        weights[: len(rows)] = examples.weights[rows]
    return ids, labels, weights


def filled_batches(examples: Examples, batches: list[np.ndarray], size: int) -> Iterator[Batch]:
    """Yield each batch, filled when it is asked for.

    That takes a fiftieth of a training step; a `tf.data` pipeline that fills ahead costs more.
    """
    for rows in batches:
        yield fill_batch(examples, rows, size)
