import numpy as np
import pytest

from sentiment.evaluation import curves, metrics

LABELS = np.array([1, 0, 1, 0, 1], np.int8)
PROBABILITIES = np.array([0.9, 0.8, 0.8, 0.3, 0.1], np.float32)


def test_the_roc_curve_has_a_point_for_each_distinct_probability():
    expected = [
        [0, 0, np.inf],
        [0, 1 / 3, 0.9],
        [1 / 2, 2 / 3, 0.8],  # the two of one probability are one point
        [1, 2 / 3, 0.3],
        [1, 1, 0.1],
    ]
    np.testing.assert_allclose(curves.roc_curve(LABELS, PROBABILITIES), expected, rtol=1e-6)


def test_precision_and_recall_at_each_threshold():
    expected = [[1 / 3, 1, 0.9], [2 / 3, 2 / 3, 0.8], [2 / 3, 1 / 2, 0.3], [1, 3 / 5, 0.1]]
    found = curves.precision_recall_curve(LABELS, PROBABILITIES)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_area_below_the_roc_curve_is_the_auc():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    probabilities = np.clip(random.normal(0.3 + 0.4 * labels, 0.2), 0, 1).round(2)
    roc = curves.roc_curve(labels, probabilities)
    area = np.trapezoid(roc[:, 1], roc[:, 0])
    assert area == pytest.approx(metrics.roc_auc(labels, probabilities))


def test_the_distance_from_the_diagonal_is_the_calibration_error():
    bins = curves.reliability(LABELS, PROBABILITIES)
    assert bins[:, 2].tolist() == [1, 1, 2, 1]  # 15 bins, four of them filled
    error = np.average(np.abs(bins[:, 0] - bins[:, 1]), weights=bins[:, 2])
    assert error == pytest.approx(metrics.calibration_error(LABELS, PROBABILITIES), rel=1e-5)


def test_a_long_curve_keeps_its_ends():
    labels, probabilities = np.tile([0, 1], 1000), np.linspace(0, 1, 2000)
    roc = curves.roc_curve(labels, probabilities)
    assert len(roc) == 500 and roc[0].tolist() == [0, 0, np.inf] and roc[-1, :2].tolist() == [1, 1]
