import math

import numpy as np
import pytest

from sentiment.evaluation import metrics

LABELS = np.array([1, 1, 1, 0, 0, 0, 0, 1])
PROBABILITIES = np.array([0.9, 0.8, 0.3, 0.2, 0.6, 0.1, 0.3, 0.5])
# Predicted positive: 0.9, 0.8, 0.6 and 0.5, so TP 3, FP 1, FN 1 (the 0.3) and TN 3.


def test_counts_and_ratios_by_hand():
    scores = metrics.score(LABELS, PROBABILITIES)
    assert scores.confusion == ((3, 1), (1, 3))
    assert (scores.reviews, scores.accuracy) == (8, 0.75)
    assert (scores.precision, scores.recall, scores.f1) == (0.75, 0.75, 0.75)
    # 6 of 8: center 0.990091 / 1.480182 = 0.668898, half width 0.384289 / 1.480182 = 0.259623.
    assert scores.accuracy_low == pytest.approx(0.409275, abs=1e-6)
    assert scores.accuracy_high == pytest.approx(0.928521, abs=1e-6)
    # Bins of 1/15: only 0.3 occurs twice, with a sum of 0.6 and one positive label. The distances
    # are 0.1, 0.2, 0.4, 0.5, 0.6, 0.2 and 0.1.
    assert scores.calibration_error == pytest.approx(2.1 / 8)


def test_auc_by_hand():
    # Of 16 pairs: 0.9 and 0.8 win 4 each; 0.5 wins 3; 0.3 wins 2 and ties with one: 2.5.
    assert metrics.roc_auc(LABELS, PROBABILITIES) == 13.5 / 16


def test_losses_by_hand():
    labels, probabilities = np.array([1, 0]), np.array([0.5, 0.25])
    assert metrics.log_loss(labels, probabilities) == pytest.approx(
        (math.log(2) - math.log(0.75)) / 2
    )
    assert metrics.score(labels, probabilities).brier == pytest.approx((0.25 + 0.0625) / 2)


def test_calibration_error_by_hand():
    # Two bins: below 0.5 the sum is 0.1 + 0.3 with one positive label, above 0.8 with none.
    labels, probabilities = np.array([0, 1, 0]), np.array([0.1, 0.3, 0.8])
    assert metrics.calibration_error(labels, probabilities, bins=2) == pytest.approx(
        (0.6 + 0.8) / 3
    )
    assert metrics.calibration_error(np.array([1, 0]), np.array([1.0, 0.0])) == 0
    # 1 belongs to the last bin, as 0.9 does: the sum is 1.9, with one positive label.
    labels, probabilities = np.array([0, 1]), np.array([1.0, 0.9])
    assert metrics.calibration_error(labels, probabilities, bins=2) == pytest.approx(0.9 / 2)
    assert metrics.calibration_error(np.array([]), np.array([])) == 0


def test_the_interval_is_that_of_wilson():
    # 8 of 10, z = 1.96: center (0.8 + 0.19208) / 1.38416 = 0.716738,
    # half width 1.96·√(0.016 + 0.009604) / 1.38416 = 0.226579.
    low, high = metrics.wilson_interval(8, 10)
    assert (low, high) == (pytest.approx(0.490159, abs=1e-5), pytest.approx(0.943317, abs=1e-5))
    assert metrics.wilson_interval(0, 10)[0] == 0 < metrics.wilson_interval(0, 10)[1]
    assert metrics.wilson_interval(0, 0) == (0.0, 1.0)
    # For a share of 0 or 1 the interval ends there; rounding takes it no further for 7 and 20.
    assert metrics.wilson_interval(0, 7)[0] == 0 and metrics.wilson_interval(20, 20)[1] == 1


@pytest.mark.parametrize("digits", [1, 8])
def test_metrics_equal_those_of_scikit_learn(digits):
    import sklearn.metrics as sklearn_metrics

    draws = np.random.default_rng(0)
    labels = draws.integers(0, 2, 500)
    probabilities = np.clip(labels * 0.2 + draws.uniform(0, 0.8, 500), 0.001, 0.999).round(digits)
    scores = metrics.score(labels, probabilities)
    predicted = probabilities >= 0.5
    assert scores.accuracy == pytest.approx(sklearn_metrics.accuracy_score(labels, predicted))
    assert scores.precision == pytest.approx(sklearn_metrics.precision_score(labels, predicted))
    assert scores.recall == pytest.approx(sklearn_metrics.recall_score(labels, predicted))
    assert scores.f1 == pytest.approx(sklearn_metrics.f1_score(labels, predicted))
    assert scores.roc_auc == pytest.approx(sklearn_metrics.roc_auc_score(labels, probabilities))
    assert scores.brier == pytest.approx(sklearn_metrics.brier_score_loss(labels, probabilities))
    assert np.array_equal(scores.confusion, sklearn_metrics.confusion_matrix(labels, predicted))
    if digits == 8:  # with one digit there are 0 and 1, which the libraries clip differently
        assert scores.log_loss == pytest.approx(sklearn_metrics.log_loss(labels, probabilities))


@pytest.mark.filterwarnings("error")
def test_a_missing_class_raises_no_error_or_warning():
    scores = metrics.score(np.zeros(3), np.array([0.1, 0.2, 0.3]))
    assert (scores.precision, scores.recall, scores.f1) == (0, 0, 0)
    assert math.isnan(scores.roc_auc)
    assert scores.accuracy == 1
    assert math.isnan(metrics.roc_auc(np.ones(2), np.array([0.1, 0.2])))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_certain_wrong_prediction_has_a_finite_loss(kind):
    for label in (0, 1):
        loss = metrics.log_loss(np.array([label]), np.array([1 - label], kind))
        assert loss == pytest.approx(-math.log(1e-12), rel=1e-4)


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


# Logits of ±2 that are correct three times in four.
OVERCONFIDENT = np.array([2.0, 2.0, 2.0, 2.0, -2.0, -2.0, -2.0, -2.0])
THREE_IN_FOUR = np.array([1, 1, 1, 0, 0, 0, 0, 1])


def test_the_temperature_by_hand():
    # With a = 1 / T: 6 correct texts have the slope -2 sigmoid(-2a), 2 wrong ones 2 sigmoid(2a),
    # and the prior 2 - 2 / a. Their sum is 0 if 16 sigmoid(2a) = 10 + 2 / a: at a = 0.7025 both
    # sides are 12.847, and T = 1.4235.
    fitted = metrics.fit_temperature(THREE_IN_FOUR, OVERCONFIDENT)
    assert fitted == pytest.approx(1.4235, abs=2e-3)
    assert 16 * sigmoid(2 / fitted) == pytest.approx(10 + 2 * fitted, abs=1e-9)


def test_with_many_texts_the_temperature_makes_probabilities_match_the_share_of_correct_ones():
    # The best probability is 0.75, so 2 / T = log(0.75 / 0.25) = 1.098612 and T = 1.820478.
    distances = []
    for times in (1, 10, 100, 10_000):
        labels, logits = np.tile(THREE_IN_FOUR, times), np.tile(OVERCONFIDENT, times)
        distances.append(1.820478 - metrics.fit_temperature(labels, logits))
    assert distances == sorted(distances, reverse=True)
    assert 0 < distances[-1] < 1e-4


@pytest.mark.parametrize("count", [1, 5, 10, 50])
def test_a_few_texts_without_a_mistake_hardly_move_the_temperature(count):
    # Without a prior T runs to its lower limit, 0.05, and P(positive) to 1.0000.
    logits = np.resize([2.0, -2.0], count)
    labels = (logits > 0).astype(int)
    fitted = metrics.fit_temperature(labels, logits)
    assert 0.4 < fitted < 1
    assert sigmoid(2 / fitted) < 0.995


def test_a_few_wrong_texts_do_not_take_all_confidence_away():
    # Without a prior T runs to its upper limit, 20. One wrong text: 2 sigmoid(2a) = 2 / a - 2.
    fitted = metrics.fit_temperature(np.array([0]), np.array([2.0]))
    assert 2 * sigmoid(2 / fitted) == pytest.approx(2 * fitted - 2, abs=1e-9)
    assert 1.5 < fitted < 2


def test_without_texts_the_temperature_is_one():
    assert metrics.fit_temperature(np.array([]), np.array([])) == pytest.approx(1)


def test_the_temperature_stays_within_its_limits():
    many = np.resize([0.01, -0.01], 1_000_000)
    assert metrics.fit_temperature((many > 0).astype(int), many) == pytest.approx(0.05)
    assert metrics.fit_temperature((many < 0).astype(int), 100 * many) == pytest.approx(20)


def random_predictions(count):
    draws = np.random.default_rng(0)
    logits = draws.normal(0.5, 3, count)
    return (draws.uniform(size=count) < sigmoid(logits / 2)).astype(int), logits


def test_the_temperature_is_the_same_with_the_labels_exchanged():
    labels, logits = random_predictions(40)
    exchanged = metrics.fit_temperature(1 - labels, -logits)
    assert exchanged == pytest.approx(metrics.fit_temperature(labels, logits), rel=1e-12)


def test_a_text_with_a_weight_counts_as_often():
    labels, logits = random_predictions(40)
    weights = np.resize([1.0, 3.0, 0.0], 40)
    repeated = np.repeat(np.arange(40), weights.astype(int))
    expected = metrics.fit_temperature(labels[repeated], logits[repeated])
    fitted = metrics.fit_temperature(labels, logits, weights)
    assert fitted == pytest.approx(expected, rel=1e-12)
    assert fitted != pytest.approx(metrics.fit_temperature(labels, logits), rel=1e-3)


@pytest.mark.parametrize("count", [20, 400])
def test_temperatures_near_the_fitted_one_are_less_likely(count):
    labels, logits = random_predictions(count)
    fitted = metrics.fit_temperature(labels, logits)

    def cost(temperature):
        # The summed loss and minus the log of the density of 1 / T: Gamma, shape 3 and rate 2.
        loss = count * metrics.log_loss(labels, sigmoid(logits / temperature))
        return loss + 2 / temperature + 2 * math.log(temperature)

    assert cost(fitted) < min(cost(fitted * 0.99), cost(fitted * 1.01))


def test_the_majority_share_is_the_accuracy_of_one_answer():
    assert metrics.majority_share(np.array([1, 0, 0, 0])) == 0.75
    assert metrics.majority_share(np.array([1, 1, 0])) == pytest.approx(2 / 3)
    assert metrics.majority_share(np.array([1, 0])) == 0.5
    assert metrics.majority_share(np.ones(3)) == 1
    assert metrics.majority_share(np.array([])) == 0
    assert metrics.score(np.array([1, 0, 0, 0]), np.full(4, 0.1)).majority == 0.75


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (0, 0, 1.0),
        (4, 4, 1.0),  # twice P(X <= 4) of 8 is above 1
        (1, 5, 14 / 64),  # 2 (1 + 6) / 2^6
        (5, 1, 14 / 64),
        (0, 5, 2 / 32),
        (2, 8, 112 / 1024),  # 2 (1 + 10 + 45) / 2^10
    ],
)
def test_mcnemar_by_hand(first, second, expected):
    assert metrics.mcnemar(first, second) == expected


def test_mcnemar_of_thousands_of_texts():
    # Of 10,000 texts 4,900 go one way: two standard deviations of 50 from half. The normal tail
    # beyond 99.5 / 50 = 1.99 deviations, with the continuity correction, is 0.023295.
    assert metrics.mcnemar(4900, 5100) == pytest.approx(2 * 0.023295, abs=1e-5)
    assert metrics.mcnemar(5000, 5000) == 1.0
    assert metrics.mcnemar(0, 20_000) == 0.0


def test_mcnemar_equals_the_binomial_test_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    for first, second in ((3, 9), (40, 61), (700, 812)):
        expected = stats.binomtest(first, first + second).pvalue
        assert metrics.mcnemar(first, second) == pytest.approx(expected, rel=1e-9)


def test_the_difference_of_two_accuracies_by_hand():
    # 5.5 and 1.5 of 22: center 4 / 22 = 0.181818,
    # half width 1.959964 * sqrt(7 - 16 / 22) / 22 = 1.959964 * 2.504542 / 22 = 0.223128.
    difference, low, high = metrics.paired_difference(5, 1, 20)
    assert difference == 0.2
    assert (low, high) == (pytest.approx(-0.041310, abs=1e-6), pytest.approx(0.404946, abs=1e-6))
    assert metrics.paired_difference(1, 5, 20) == (-0.2, -high, -low)


def test_equal_accuracies_have_an_interval_around_zero():
    difference, low, high = metrics.paired_difference(0, 0, 25_000)
    assert difference == 0 and -1e-3 < low < 0 < high < 1e-3
    assert metrics.paired_difference(0, 0, 0) == (0.0, -1.0, 1.0)
    # 1.5 and 0.5 of 3: center 1 / 3, half width 1.959964 * sqrt(2 - 1 / 3) / 3 = 0.843434.
    assert metrics.paired_difference(1, 0, 1) == (1, pytest.approx(-0.510101, abs=1e-6), 1)
    assert metrics.paired_difference(0, 1, 1) == (-1, -1, pytest.approx(0.510101, abs=1e-6))
