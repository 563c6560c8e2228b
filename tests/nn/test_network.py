"""The whole network: padding, batches, the final state and the names of its arrays."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from sentiment.config import ModelSettings
from sentiment.inference.weights import CELL_PARTS, weight_name, weight_shapes
from sentiment.nn import network

SETTINGS = [
    ModelSettings(units=4, embedding=3, ngrams=1, bidirectional=False),
    ModelSettings(units=4, embedding=3, ngrams=3, layers=2, bidirectional=False),
    ModelSettings(units=4, embedding=3, ngrams=2, bidirectional=True),
    ModelSettings(units=4, embedding=3, ngrams=1, bidirectional=True, readout="mean"),
    ModelSettings(units=4, embedding=3, ngrams=1, bidirectional=True, readout="max"),
]


def build(settings):
    """Return a network whose weights are all random."""
    built = network.build_network(settings, words=50, ngrams=0, seed=0)
    random = np.random.default_rng(0)
    built.set_weights(
        [
            random.normal(0, 0.5, w.shape) if w.dtype == np.float32 else w
            for w in built.get_weights()
        ]
    )
    return built


def random_ids(settings, reviews, steps):
    ids = np.random.default_rng(1).integers(0, 50, (reviews, steps, settings.ngrams))
    ids[:, :, 0] = np.maximum(ids[:, :, 0], 1)  # a real token has a word; n-grams may be missing
    return ids.astype(np.int32)


@pytest.mark.parametrize("settings", SETTINGS)
def test_two_thousand_padding_tokens_change_nothing(settings):
    built, ids = build(settings), random_ids(settings, 3, 12)
    padding = np.zeros((3, 2000, settings.ngrams), np.int32)
    short, long = built(ids), built(np.concatenate([ids, padding], axis=1))
    np.testing.assert_allclose(long["state"], short["state"], atol=1e-6)
    np.testing.assert_allclose(long["logit"], short["logit"], atol=1e-6)


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_review_is_scored_the_same_in_every_batch(settings):
    built, ids = build(settings), random_ids(settings, 6, 12)
    ids[2, 5:] = 0
    together = built(ids)["logit"].numpy()
    alone = np.concatenate([built(ids[row : row + 1])["logit"] for row in range(6)])
    np.testing.assert_allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_classifier_reads_only_the_final_state(settings):
    built, ids = build(settings), random_ids(settings, 4, 9)
    kernel, bias = built.get_layer("classifier").get_weights()
    outputs = built(ids)
    assert outputs["state"].shape == (4, settings.state_size)
    np.testing.assert_allclose(outputs["logit"], outputs["state"] @ kernel + bias, atol=1e-6)


def test_the_state_is_that_of_a_stock_layer_on_the_summed_vectors():
    settings = ModelSettings(units=4, embedding=3, ngrams=2, bidirectional=False)
    built, ids = build(settings), random_ids(settings, 3, 8)
    ids[1, 5:] = 0
    table, weights = network.get_arrays(built)
    vectors = (table[ids] * (ids > 0)[..., None]).sum(axis=2).astype(np.float32)
    stock = keras.layers.SimpleRNN(4)
    stock.build((None, None, 3))
    stock.set_weights([weights[weight_name(1, "forward", part)] for part in CELL_PARTS])
    expected = stock(vectors, mask=ids[:, :, 0] > 0)
    np.testing.assert_allclose(built(ids)["state"], expected, atol=1e-6)


@pytest.mark.parametrize("settings", SETTINGS)
def test_arrays_have_the_names_and_shapes_of_a_bundle(settings):
    table, weights = network.get_arrays(build(settings))
    assert table.shape == (50, 3)
    assert {name: array.shape for name, array in weights.items()} == weight_shapes(settings)


@pytest.mark.parametrize("settings", SETTINGS)
def test_arrays_can_be_copied_to_another_network(settings):
    built, ids = build(settings), random_ids(settings, 2, 5)
    copy = network.build_network(settings, words=50, ngrams=0, seed=1)
    network.set_arrays(copy, *network.get_arrays(built))
    np.testing.assert_array_equal(copy(ids)["logit"], built(ids)["logit"])


def test_vectors_of_ngrams_start_as_zeros_and_those_of_words_at_random():
    built = network.build_network(ModelSettings(units=4), words=30, ngrams=20, seed=0)
    table = built.get_layer("embedding").get_weights()[0]
    assert table.shape == (50, 16)
    assert not table[30:].any() and np.unique(table[:30]).size == 30 * 16
    assert np.abs(table).max() <= 0.05


def test_the_recurrent_kernel_starts_as_the_identity():
    built = network.build_network(ModelSettings(units=4), words=50, ngrams=0, seed=0)
    np.testing.assert_array_equal(built.get_layer("rnn_1").get_weights()[1], np.eye(4))


def test_the_gradient_of_the_table_covers_only_rows_in_use():
    built, ids = build(SETTINGS[0]), tf.constant([[[7], [9], [0]]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(built(ids)["logit"])
    gradient = tape.gradient(loss, built.get_layer("embedding").table.embeddings.value)
    assert isinstance(gradient, tf.IndexedSlices)
    moved = np.abs(gradient.values.numpy()).sum(axis=1) > 0
    assert sorted(gradient.indices.numpy()[moved]) == [7, 9]
    assert set(gradient.indices.numpy()) <= {0, 7, 9}
