import keras
import numpy as np
import pytest
import tensorflow as tf

from sentiment.config import ModelSettings
from sentiment.inference.bundle import weight_shapes
from sentiment.nn import network

SHAPES = [
    ModelSettings(units=4, embedding=3, ngrams=1, bidirectional=False),
    ModelSettings(units=4, embedding=3, ngrams=3, layers=2, bidirectional=False),
    ModelSettings(units=4, embedding=3, ngrams=2, bidirectional=True),
    ModelSettings(units=4, embedding=3, ngrams=1, bidirectional=True, readout="mean"),
    ModelSettings(units=4, embedding=3, ngrams=1, bidirectional=True, readout="max"),
]


def build(settings):
    made = network.build_network(settings, words=50, ngrams=0, seed=0)
    draws = np.random.default_rng(0)
    made.set_weights(
        [draws.normal(0, 0.5, w.shape) if w.dtype == np.float32 else w for w in made.get_weights()]
    )
    return made


def draw_ids(settings, reviews, steps):
    ids = np.random.default_rng(1).integers(0, 50, (reviews, steps, settings.ngrams))
    ids[:, :, 0] = np.maximum(ids[:, :, 0], 1)  # a real token has a word; n-grams may be missing
    return ids.astype(np.int32)


@pytest.mark.parametrize("settings", SHAPES)
def test_two_thousand_padding_tokens_change_nothing(settings):
    made, ids = build(settings), draw_ids(settings, 3, 12)
    padded = np.concatenate([ids, np.zeros((3, 2000, settings.ngrams), np.int32)], axis=1)
    plain, long = made(ids), made(padded)
    np.testing.assert_allclose(long["state"], plain["state"], atol=1e-6)
    np.testing.assert_allclose(long["logit"], plain["logit"], atol=1e-6)


@pytest.mark.parametrize("settings", SHAPES)
def test_the_batch_that_a_review_travels_in_changes_nothing(settings):
    made, ids = build(settings), draw_ids(settings, 6, 12)
    ids[2, 5:] = 0
    together = made(ids)["logit"].numpy()
    alone = np.concatenate([made(ids[row : row + 1])["logit"] for row in range(6)])
    np.testing.assert_allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("settings", SHAPES)
def test_the_classifier_reads_the_final_state_and_nothing_else(settings):
    made, ids = build(settings), draw_ids(settings, 4, 9)
    kernel, bias = made.get_layer("classifier").get_weights()
    outputs = made(ids)
    assert outputs["state"].shape == (4, settings.state_size)
    np.testing.assert_allclose(outputs["logit"], outputs["state"] @ kernel + bias, atol=1e-6)


def test_the_state_is_that_of_stock_layers_on_the_summed_vectors():
    settings = ModelSettings(units=4, embedding=3, ngrams=2, bidirectional=False)
    made, ids = build(settings), draw_ids(settings, 3, 8)
    ids[1, 5:] = 0
    table, weights = network.get_arrays(made)
    vectors = (table[ids] * (ids > 0)[..., None]).sum(axis=2).astype(np.float32)
    stock = keras.layers.SimpleRNN(4)
    stock.build((None, None, 3))
    stock.set_weights([weights[f"rnn_1.forward.{part}"] for part in PARTS])
    expected = stock(vectors, mask=ids[:, :, 0] > 0)
    np.testing.assert_allclose(made(ids)["state"], expected, atol=1e-6)


PARTS = ("kernel", "recurrent_kernel", "bias")


@pytest.mark.parametrize("settings", SHAPES)
def test_arrays_have_the_names_and_shapes_of_a_bundle(settings):
    table, weights = network.get_arrays(build(settings))
    assert table.shape == (50, 3)
    assert {name: array.shape for name, array in weights.items()} == weight_shapes(settings)


def test_ngrams_begin_as_zeros_and_words_at_random():
    made = network.build_network(ModelSettings(units=4), words=30, ngrams=20, seed=0)
    table = made.get_layer("embedding").get_weights()[0]
    assert table.shape == (50, 16)
    assert not table[30:].any() and np.unique(table[:30]).size == 30 * 16
    assert np.abs(table).max() <= 0.05


def test_the_recurrent_kernel_begins_as_the_identity():
    made = network.build_network(ModelSettings(units=4), words=50, ngrams=0, seed=0)
    np.testing.assert_array_equal(made.get_layer("rnn_1").get_weights()[1], np.eye(4))


@pytest.mark.parametrize(("kind", "expected"), [("mean", [0.25, -0.25]), ("max", [0.5, -0.1])])
def test_pooling_covers_the_real_steps_alone(kind, expected):
    states = np.array([[[0.5, -0.1], [0.0, -0.4], [0.9, 0.9]], [[0.7] * 2] * 3], np.float32)
    mask = np.array([[True, True, False], [False] * 3])
    found = network.TimePooling(kind)(states, mask=mask)
    np.testing.assert_allclose(found, [expected, [0.0, 0.0]], atol=1e-7)


def test_dropped_ngrams_are_made_up_for_and_dropped_words_are_not():
    layer = network.FeatureEmbedding(3, 0, 1, word_dropout=0.5, ngram_dropout=0.75, seed=0)
    layer.build((None, None, 2))
    layer.table.set_weights([np.array([[9.0], [1.0], [10.0]])])
    ids = np.tile(np.array([1, 2], np.int32), (1, 20_000, 1))
    found = layer(ids, training=True).numpy().ravel()
    # A word is 1 or left out; an n-gram is kept with a chance of 1/4, and then 4 times as large.
    values, counts = np.unique(found, return_counts=True)
    assert values.tolist() == [0.0, 1.0, 40.0, 41.0]
    # Of 20,000: 3/8, 3/8, 1/8, 1/8, each within four standard errors of at most 69.
    np.testing.assert_allclose(counts, [7500, 7500, 2500, 2500], atol=4 * 69)
    assert np.all(layer(ids, training=False).numpy() == 11.0)


def test_the_gradient_of_the_table_touches_only_rows_that_were_read():
    made, ids = build(SHAPES[0]), tf.constant([[[7], [9], [0]]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(made(ids)["logit"])
    gradient = tape.gradient(loss, made.get_layer("embedding").table.embeddings.value)
    assert isinstance(gradient, tf.IndexedSlices)
    moved = np.abs(gradient.values.numpy()).sum(axis=1) > 0
    assert sorted(gradient.indices.numpy()[moved]) == [7, 9]
    assert set(gradient.indices.numpy()) <= {0, 7, 9}
