"""Adam with sparse updates, compared with Keras's own Adam."""

import keras
import numpy as np
import tensorflow as tf

from sentiment.nn.lazy_adam import LazyAdam


def variable(values, name="table"):
    return keras.Variable(np.asarray(values, np.float32), name=name)


def sparse(rows, values, size):
    return tf.IndexedSlices(tf.constant(values, tf.float32), tf.constant(rows), (size, 1))


def test_if_every_step_uses_every_row_it_equals_stock_adam():
    lazy_table, stock_table = variable([[1.0], [2.0]]), variable([[1.0], [2.0]])
    lazy, stock = LazyAdam(0.1), keras.optimizers.Adam(0.1)
    for step in range(5):
        values = [[0.5 - step], [0.25 * step]]
        lazy.apply([sparse([0, 1], values, 2)], [lazy_table])
        stock.apply([tf.constant(values)], [stock_table])
    np.testing.assert_allclose(lazy_table.numpy(), stock_table.numpy(), rtol=1e-5)


def test_rows_that_a_batch_does_not_use_stay_unchanged():
    table = variable([[1.0], [2.0], [3.0]])
    optimizer = LazyAdam(0.1)
    optimizer.apply([sparse([2], [[1.0]], 3)], [table])
    optimizer.apply([sparse([0], [[1.0]], 3)], [table])
    # Adam's first step for a row that is new at step t is rate·√(1-β₂ᵗ)/(1-β₁ᵗ)·(1-β₁)/√(1-β₂):
    # 0.1 at t = 1; at t = 2 0.1·√0.001999/0.19·0.1/√0.001 = 0.0744130.
    np.testing.assert_allclose(table.numpy().ravel(), [1 - 0.0744130, 2.0, 3 - 0.1], atol=1e-5)


def test_a_row_used_twice_in_a_batch_gets_the_sum_of_its_gradients():
    twice, once = variable([[1.0]]), variable([[1.0]])
    LazyAdam(0.1).apply([sparse([0, 0], [[0.5], [0.25]], 1)], [twice])
    LazyAdam(0.1).apply([sparse([0], [[0.75]], 1)], [once])
    np.testing.assert_array_equal(twice.numpy(), once.numpy())


def test_a_variable_learns_at_its_share_of_the_rate():
    kernels = [variable([[1.0]], "kernel"), variable([[1.0]], "recurrent_kernel")]
    optimizer = LazyAdam(0.1, shares={kernels[1].path: 0.02})
    optimizer.apply([tf.ones((1, 1)), tf.ones((1, 1))], kernels)
    # Adam's first step is the learning rate, whatever the gradient.
    np.testing.assert_allclose([k.numpy()[0, 0] for k in kernels], [0.9, 0.998], atol=1e-6)


def test_settings_survive_saving():
    settings = LazyAdam(0.1, shares={"a/kernel": 0.5}).get_config()
    assert LazyAdam.from_config(settings).shares == {"a/kernel": 0.5}
