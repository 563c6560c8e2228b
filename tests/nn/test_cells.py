"""Other recurrent cells than the project's own can be registered and trained."""

import dataclasses

import keras
import numpy as np
import pytest

from sentiment.config import ModelSettings, TrainSettings
from sentiment.data.examples import Examples
from sentiment.errors import InputError
from sentiment.inference.weights import weight_name
from sentiment.nn import cells, network
from sentiment.nn.simple_rnn import FusedSimpleRNN
from sentiment.training import diagnostics
from sentiment.training.trainer import Trainer

TINY = ModelSettings(units=3, embedding=2, ngrams=1)
IDS = np.random.default_rng(0).integers(1, 20, (4, 6, 1)).astype(np.int32)
BATCH = (IDS, np.array([1, 0, 1, 0], np.float32), np.ones(4, np.float32))
# The stock layers, with their options, and how many times H columns their kernels have.
STOCK = {
    "relu": (keras.layers.SimpleRNN, {"activation": "relu"}, 1),
    "gru": (keras.layers.GRU, {}, 3),
    "lstm": (keras.layers.LSTM, {}, 4),
}


@pytest.fixture
def registered(monkeypatch):
    """Register the stock layers for the time of a test."""
    monkeypatch.setattr(cells, "CELLS", dict(cells.CELLS))
    for name, (layer, options, _) in STOCK.items():

        def build(units, *, seeds, layer=layer, fixed=options, **options):
            initializer = keras.initializers.GlorotUniform(seed=next(seeds))
            return layer(units, kernel_initializer=initializer, **fixed, **options)

        cells.register_cell(name)(build)


def with_cell(cell, **changes):
    """Return settings of a small network with another cell."""
    return dataclasses.replace(TINY, cell=cell, **changes)


def build(cell, **changes):
    return network.build_network(with_cell(cell, **changes), words=20, ngrams=0, seed=0)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", STOCK)
def test_a_registered_cell_trains_and_its_arrays_have_names(registered, cell, bidirectional):
    built = build(cell, bidirectional=bidirectional, layers=2)
    table, before = network.get_arrays(built)
    columns = 3 * STOCK[cell][2]
    assert before[weight_name(1, "forward", "kernel")].shape == (2, columns)
    assert before[weight_name(2, "forward", "recurrent_kernel")].shape == (3, columns)
    assert (weight_name(1, "backward", "bias") in before) == bidirectional
    (step,) = Trainer(built, TrainSettings(batch_size=4), steps=10).run_epoch([BATCH])
    assert step.reviews == 4 and np.isfinite(step.loss)
    _, after = network.get_arrays(built)
    assert after.keys() == before.keys()
    assert any(np.abs(after[name] - before[name]).max() > 0 for name in after if "rnn_" in name)
    other = build(cell, bidirectional=bidirectional, layers=2)
    network.set_arrays(other, table, after)
    _, copied = network.get_arrays(other)
    for name, array in after.items():
        np.testing.assert_array_equal(copied[name], array)


@pytest.mark.parametrize("readout", ["last", "mean", "max"])
@pytest.mark.parametrize("cell", STOCK)
def test_a_registered_cell_can_be_diagnosed(registered, cell, readout):
    settings = with_cell(cell, readout=readout)
    built = build(cell, readout=readout)
    examples = Examples(IDS.reshape(-1, 1), np.arange(0, 25, 6), BATCH[1])
    # 0 if the maximum does not come from that step.
    assert all(0 <= norm < 10 for norm in diagnostics.gradient_norms(built, settings, examples))


def test_the_cell_is_a_simple_rnn_unless_the_settings_name_another():
    built = network.build_network(TINY, words=20, ngrams=0, seed=0)
    layers = [recurrent.layer for recurrent in network.recurrent_layers(built)]
    assert [type(layer) for layer in layers] == [FusedSimpleRNN, FusedSimpleRNN]


def test_an_unknown_cell_is_refused():
    with pytest.raises(InputError, match="the cell must be one of simple_rnn, got 'elman'"):
        build("elman")
