"""Merge several networks into one whose logit is a mean of theirs.

The states of the networks stand side by side. A recurrent kernel is block-diagonal: no network
reads the state of another. So the merged network is an ordinary one with more units, and its final
hidden state is what its classifier reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sentiment.config import ModelSettings
from sentiment.inference.weights import (
    CLASSIFIER_BIAS,
    CLASSIFIER_KERNEL,
    directions,
    weight_name,
)

# The state of the unit that adds up, for a sum of 1. For a logit of 10 it is then 0.01, and tanh
# takes a thirty-thousandth of that at each step.
_SUM_RATE = 0.001
_LEAST_WEIGHT = 1e-3  # of a unit where the table is cut, beside the largest weight of one


@dataclass(frozen=True)
class NetworkArrays:
    """A network: its shape, its embedding table, float32 (rows, E), and weights by bundle name."""

    model: ModelSettings
    table: np.ndarray
    weights: dict[str, np.ndarray]


def merge(networks: Sequence[NetworkArrays], shares: Sequence[float]) -> NetworkArrays:
    """Return one network whose logit is the weighted mean of those of `networks`, all of one shape.

    shares: the weight of each network; their sum is 1. The cell is a SimpleRNN, in any number of
    layers and with any readout.
    """
    first, count = networks[0].model, len(networks)
    weights: dict[str, np.ndarray] = {}
    ways = directions(first)
    for number in range(1, first.layers + 1):
        # What a layer above the first reads: forward states of all networks, then backward ones.
        widths = [first.embedding] if number == 1 else [first.units] * len(ways)
        for way in ways:
            names = [weight_name(number, way, part) for part in ("kernel", "recurrent_kernel")]
            kernels, recurrent = ([one.weights[name] for one in networks] for name in names)
            weights[names[0]] = _side_by_side(kernels, widths)
            weights[names[1]] = _side_by_side(recurrent, [first.units])
            bias = weight_name(number, way, "bias")
            weights[bias] = np.concatenate([one.weights[bias] for one in networks])
    weighted = list(zip(networks, np.array(shares, np.float32), strict=True))
    kernels = [one.weights[CLASSIFIER_KERNEL].reshape(len(ways), -1) * w for one, w in weighted]
    weights[CLASSIFIER_KERNEL] = np.concatenate(kernels, axis=1).reshape(-1, 1)
    weights[CLASSIFIER_BIAS] = np.sum([one.weights[CLASSIFIER_BIAS] * w for one, w in weighted], 0)
    model = replace(first, units=first.units * count, embedding=first.embedding * count)
    table = np.concatenate([one.table for one in networks], axis=1)
    return NetworkArrays(model, table, {n: w.astype(np.float32) for n, w in weights.items()})


def _side_by_side(kernels: Sequence[np.ndarray], widths: Sequence[int]) -> np.ndarray:
    """Return the kernel that lets each network read its own inputs only.

    widths: those of the parts of a kernel's input; the merged input has each part of all networks
    before the next part.
    """
    count, units = len(kernels), kernels[0].shape[1]
    merged = np.zeros((sum(widths) * count, units * count), np.float32)
    start = 0
    for width in widths:
        for number, kernel in enumerate(kernels):
            row = start * count + number * width
            block = kernel[start : start + width]
            merged[row : row + width, number * units : (number + 1) * units] = block
        start += width
    return merged


def cut_table(network: NetworkArrays, size: int, counts: np.ndarray) -> NetworkArrays:
    """Return `network` with vectors of `size` numbers.

    Vectors times kernels of the first layer, which is all that the recurrence reads of them, keep
    their principal directions. Each row weighs as often as it is read, and each unit of a single
    layer as much as the classifier makes of it. counts: int (rows,).
    """
    if size >= network.model.embedding:
        return network
    names = [weight_name(1, way, "kernel") for way in directions(network.model)]
    kernel = np.concatenate([network.weights[name] for name in names], axis=1)
    of_units = np.ones(kernel.shape[1])
    if network.model.layers == 1:
        of_units = np.abs(network.weights[CLASSIFIER_KERNEL][:, 0].astype(np.float64))
        of_units = np.maximum(of_units, _LEAST_WEIGHT * of_units.max())
    weighted = network.table * np.sqrt(counts)[:, None].astype(np.float32)
    scaled = kernel * of_units
    read = scaled.T @ (weighted.T @ weighted) @ scaled
    axes = np.linalg.eigh(read)[1][:, ::-1][:, :size]  # (units, size)
    table = network.table @ (scaled @ axes).astype(np.float32)
    back = (axes.T / of_units).astype(np.float32)
    units = network.model.units
    new = {
        name: np.ascontiguousarray(back[:, number * units : (number + 1) * units])
        for number, name in enumerate(names)
    }
    return NetworkArrays(replace(network.model, embedding=size), table, network.weights | new)


def add_sum(network: NetworkArrays, terms: np.ndarray, bias: float, share: float) -> NetworkArrays:
    """Return `network` with a unit that adds up `terms` of the features that it reads.

    The new logit is (1 - share) times the old one, plus share times (the sum of terms + bias).
    terms: float32 (rows,). The unit is in the forward direction of a SimpleRNN of one layer whose
    last state is read: h_t = tanh(h_(t-1) + x_t), with x so small that tanh is straight. The
    backward direction gets a unit as well, as both are of one size; it stays zero.
    """
    ways, weights = directions(network.model), dict(network.weights)
    for way in ways:
        kernel, recurrent, unit_bias = (
            weight_name(1, way, part) for part in ("kernel", "recurrent_kernel", "bias")
        )
        weights[kernel] = np.pad(weights[kernel], ((0, 1), (0, 1)))
        weights[recurrent] = np.pad(weights[recurrent], ((0, 1), (0, 1)))
        weights[unit_bias] = np.pad(weights[unit_bias], (0, 1))
    weights[weight_name(1, "forward", "kernel")][-1, -1] = _SUM_RATE
    weights[weight_name(1, "forward", "recurrent_kernel")][-1, -1] = 1.0
    read = (1 - share) * weights[CLASSIFIER_KERNEL].reshape(len(ways), -1)
    read = np.pad(read, ((0, 0), (0, 1)))
    read[0, -1] = share / _SUM_RATE
    weights[CLASSIFIER_KERNEL] = read.reshape(-1, 1).astype(np.float32)
    weights[CLASSIFIER_BIAS] = (1 - share) * weights[CLASSIFIER_BIAS] + np.float32(share * bias)
    table = np.concatenate([network.table, terms[:, None].astype(np.float32)], axis=1)
    shape = replace(
        network.model, units=network.model.units + 1, embedding=network.model.embedding + 1
    )
    return NetworkArrays(shape, table, weights)
