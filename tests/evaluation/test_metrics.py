import math

import numpy as np
import pytest

from sentiment.evaluation import metrics

LABELS = np.array([1, 1, 1, 0, 0, 0, 0, 1])
SAID = np.array([0.9, 0.8, 0.3, 0.2, 0.6, 0.1, 0.3, 0.5])
# Called positive: 0.9, 0.8, 0.6, 0.5. Hits 3, alarms 1, misses 1 (the 0.3), rest 3.


def test_counts_and_shares_by_hand():
    scores = metrics.score(LABELS, SAID)
    assert scores.confusion == ((3, 1), (1, 3))
    assert (scores.reviews, scores.accuracy) == (8, 0.75)
    assert (scores.precision, scores.recall, scores.f1) == (0.75, 0.75, 0.75)
    # 6 of 8: centre 0.990091 / 1.480182 = 0.668898, reach 0.384289 / 1.480182 = 0.259623.
    assert scores.accuracy_low == pytest.approx(0.409275, abs=1e-6)
    assert scores.accuracy_high == pytest.approx(0.928521, abs=1e-6)
    # Bins of 1/15: only 0.3 is said twice, 0.6 in sum, with one positive. The distances are
    # 0.1, 0.2, 0.4, 0.5, 0.6, 0.2 and 0.1.
    assert scores.calibration_error == pytest.approx(2.1 / 8)


def test_auc_by_hand():
    # Of 16 pairs: 0.9 and 0.8 win 4 each; 0.5 wins 3; 0.3 wins 2 and ties with one: 2.5.
    assert metrics.roc_auc(LABELS, SAID) == 13.5 / 16


def test_losses_by_hand():
    labels, said = np.array([1, 0]), np.array([0.5, 0.25])
    assert metrics.log_loss(labels, said) == pytest.approx((math.log(2) - math.log(0.75)) / 2)
    assert metrics.score(labels, said).brier == pytest.approx((0.25 + 0.0625) / 2)


def test_calibration_error_by_hand():
    # Two bins: below 0.5 said 0.1 + 0.3 with one positive; above said 0.8 with none.
    labels, said = np.array([0, 1, 0]), np.array([0.1, 0.3, 0.8])
    assert metrics.calibration_error(labels, said, bins=2) == pytest.approx((0.6 + 0.8) / 3)
    assert metrics.calibration_error(np.array([1, 0]), np.array([1.0, 0.0])) == 0
    # 1 belongs to the last bin, as 0.9 does: said 1.9, found 1.
    labels, said = np.array([0, 1]), np.array([1.0, 0.9])
    assert metrics.calibration_error(labels, said, bins=2) == pytest.approx(0.9 / 2)
    assert metrics.calibration_error(np.array([]), np.array([])) == 0


def test_the_interval_is_wilsons():
    # 8 of 10, z = 1.96: centre (0.8 + 0.19208) / 1.38416 = 0.716738,
    # reach 1.96·√(0.016 + 0.009604) / 1.38416 = 0.226579.
    low, high = metrics.wilson_interval(8, 10)
    assert (low, high) == (pytest.approx(0.490159, abs=1e-5), pytest.approx(0.943317, abs=1e-5))
    assert metrics.wilson_interval(0, 10)[0] == 0 < metrics.wilson_interval(0, 10)[1]
    assert metrics.wilson_interval(0, 0) == (0.0, 1.0)
    # Of a share of 0 or 1 the interval ends there, and for 7 and 20 not a rounding beyond.
    assert metrics.wilson_interval(0, 7)[0] == 0 and metrics.wilson_interval(20, 20)[1] == 1


@pytest.mark.parametrize("digits", [1, 8])
def test_everything_equals_scikit_learn(digits):
    from sklearn import metrics as peer

    draws = np.random.default_rng(0)
    labels = draws.integers(0, 2, 500)
    said = np.clip(labels * 0.2 + draws.uniform(0, 0.8, 500), 0.001, 0.999).round(digits)
    scores = metrics.score(labels, said)
    called = said >= 0.5
    assert scores.accuracy == pytest.approx(peer.accuracy_score(labels, called))
    assert scores.precision == pytest.approx(peer.precision_score(labels, called))
    assert scores.recall == pytest.approx(peer.recall_score(labels, called))
    assert scores.f1 == pytest.approx(peer.f1_score(labels, called))
    assert scores.roc_auc == pytest.approx(peer.roc_auc_score(labels, said))
    assert scores.brier == pytest.approx(peer.brier_score_loss(labels, said))
    assert np.array_equal(scores.confusion, peer.confusion_matrix(labels, called))
    if digits == 8:  # one digit gives 0 and 1, which each clips at a place of its own
        assert scores.log_loss == pytest.approx(peer.log_loss(labels, said))


@pytest.mark.filterwarnings("error")
def test_where_a_measure_has_no_meaning_nothing_breaks():
    scores = metrics.score(np.zeros(3), np.array([0.1, 0.2, 0.3]))
    assert (scores.precision, scores.recall, scores.f1) == (0, 0, 0)
    assert math.isnan(scores.roc_auc)
    assert scores.accuracy == 1
    assert math.isnan(metrics.roc_auc(np.ones(2), np.array([0.1, 0.2])))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_to_be_certain_and_wrong_costs_much_but_no_infinity(kind):
    for label in (0, 1):
        loss = metrics.log_loss(np.array([label]), np.array([1 - label], kind))
        assert loss == pytest.approx(-math.log(1e-12), rel=1e-4)


def test_the_temperature_is_where_certainty_matches_the_share_that_is_right():
    # Logits of ±2 that are right three times in four: the best probability is 0.75, so that
    # 2 / T = log(0.75 / 0.25) = 1.098612 and T = 1.820478.
    logits = np.array([2.0, 2.0, 2.0, 2.0, -2.0, -2.0, -2.0, -2.0])
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 1])
    assert metrics.fit_temperature(labels, logits) == pytest.approx(1.820478, abs=1e-5)


def test_a_perfect_classifier_has_the_lowest_temperature_allowed():
    labels = np.array([1, 0])
    assert metrics.fit_temperature(labels, np.array([1.0, -1.0])) == pytest.approx(0.05)
    assert metrics.fit_temperature(labels, np.array([-1.0, 1.0])) == pytest.approx(20)


def test_no_temperature_beside_the_one_found_has_a_lower_loss():
    draws = np.random.default_rng(0)
    logits = draws.normal(0.5, 3, 400)
    labels = (draws.uniform(size=400) < 1 / (1 + np.exp(-logits / 2))).astype(int)
    found = metrics.fit_temperature(labels, logits)

    def loss(temperature):
        return metrics.log_loss(labels, 1 / (1 + np.exp(-logits / temperature)))

    assert loss(found) < min(loss(found * 0.99), loss(found * 1.01))


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
def test_mcnemars_test_by_hand(first, second, expected):
    assert metrics.mcnemar(first, second) == expected


def test_mcnemars_test_holds_for_thousands_of_texts():
    # Of 10,000 texts 4,900 go one way, two deviations of 50 from half. The normal tail beyond
    # 99.5 / 50 = 1.99 deviations, with the continuity correction, is 0.023295.
    assert metrics.mcnemar(4900, 5100) == pytest.approx(2 * 0.023295, abs=1e-5)
    assert metrics.mcnemar(5000, 5000) == 1.0
    assert metrics.mcnemar(0, 20_000) == 0.0


def test_mcnemars_test_equals_scipys_binomial():
    stats = pytest.importorskip("scipy.stats")
    for first, second in ((3, 9), (40, 61), (700, 812)):
        expected = stats.binomtest(first, first + second).pvalue
        assert metrics.mcnemar(first, second) == pytest.approx(expected, rel=1e-9)


def test_the_difference_of_two_accuracies_by_hand():
    # 5.5 and 1.5 of 22: centre 4 / 22 = 0.181818,
    # reach 1.959964 * sqrt(7 - 16 / 22) / 22 = 1.959964 * 2.504542 / 22 = 0.223128.
    difference, low, high = metrics.paired_difference(5, 1, 20)
    assert difference == 0.2
    assert (low, high) == (pytest.approx(-0.041310, abs=1e-6), pytest.approx(0.404946, abs=1e-6))
    assert metrics.paired_difference(1, 5, 20) == (-0.2, -high, -low)


def test_two_accuracies_that_are_the_same_differ_by_about_nothing():
    difference, low, high = metrics.paired_difference(0, 0, 25_000)
    assert difference == 0 and -1e-3 < low < 0 < high < 1e-3
    assert metrics.paired_difference(0, 0, 0) == (0.0, -1.0, 1.0)
    # 1.5 and 0.5 of 3: centre 1 / 3, reach 1.959964 * sqrt(2 - 1 / 3) / 3 = 0.843434.
    assert metrics.paired_difference(1, 0, 1) == (1, pytest.approx(-0.510101, abs=1e-6), 1)
    assert metrics.paired_difference(0, 1, 1) == (-1, -1, pytest.approx(0.510101, abs=1e-6))
