import numpy as np
import pytest

from sentiment.inspection.unrolled import Cell, Decision, unroll

# Two inputs and two units: input 1 enters unit 1 unchanged, input 2 enters unit 2 doubled.
KERNEL = np.array([[1.0, 0.0], [0.0, 2.0]], np.float32)
# Unit 1 enters unit 2 at the next step, at half its size; nothing else is passed on.
RECURRENT = np.array([[0.0, 0.5], [0.0, 0.0]], np.float32)
BIAS = np.array([0.0, 0.25], np.float32)


def test_two_steps_by_hand():
    first, second = unroll(np.array([[1.0, -0.5], [0.0, 0.0]]), Cell(KERNEL, RECURRENT, BIAS))
    assert first.input_products.tolist() == [[1.0, 0.0], [0.0, -1.0]]
    assert first.recurrent_products.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    # Unit 1: 1 + 0; unit 2: -1 + 0.25.
    assert first.total.tolist() == [1.0, -0.75]
    np.testing.assert_allclose(first.h, [0.761594, -0.635149], atol=1e-6)
    # Unit 2: 0.761594 · 0.5 + 0.25; nothing reaches unit 1.
    assert second.h_before is first.h
    np.testing.assert_allclose(second.recurrent_products, [[0, 0.380797], [0, 0]], atol=1e-6)
    np.testing.assert_allclose(second.total, [0.0, 0.630797], atol=1e-6)
    np.testing.assert_allclose(second.h, [0.0, 0.558601], atol=1e-6)


def test_products_and_bias_add_up_to_the_total_of_each_unit():
    draws = np.random.default_rng(0)
    cell = Cell(*(draws.normal(size=shape).astype("f4") for shape in ((4, 3), (3, 3), (3,))))
    for step in unroll(draws.normal(size=(6, 4)), cell):
        assert (step.input_products.shape, step.recurrent_products.shape) == ((4, 3), (3, 3))
        added = step.input_products.sum(axis=0) + step.recurrent_products.sum(axis=0) + cell.bias
        np.testing.assert_allclose(added, step.total, atol=1e-12)
        np.testing.assert_array_equal(np.tanh(step.total), step.h)


@pytest.mark.parametrize(("temperature", "probability"), [(1.0, 0.731059), (2.0, 0.622459)])
def test_a_decision_is_the_sigmoid_of_the_logit_over_the_temperature(temperature, probability):
    decision = Decision(np.array([0.5, -0.5]), np.array([2.0, 1.0]), 0.5, temperature)
    assert decision.products.tolist() == [1.0, -0.5]
    assert decision.logit == 1.0
    assert decision.probability == pytest.approx(probability, abs=1e-6)
