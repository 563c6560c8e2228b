"""First values of the embedding table."""

import numpy as np
import pytest

from sentiment.config import ModelSettings
from sentiment.data.count_ratios import log_count_ratios
from sentiment.data.examples import Examples
from sentiment.nn import network
from sentiment.nn.initializers import RandomWordVectors


def test_ratios_by_hand():
    # Positive: words 2, 2, 3 and the pair 4; negative: words 3, 1 and nothing else.
    features = np.array([[2, 0], [2, 4], [3, 0], [3, 0], [1, 0]], np.int32)
    examples = Examples(features, np.array([0, 3, 5]), np.array([1, 0], np.float32))
    # With one added: positive 3, 2, 2 of 7; negative 1, 2, 1 of 4.
    expected = np.log([(3 / 7) / (1 / 4), (2 / 7) / (2 / 4), (2 / 7) / (1 / 4)])
    np.testing.assert_allclose(log_count_ratios(examples, 5), [0, 0, *expected], rtol=1e-6)


def test_the_prior_adds_the_ratios_along_one_direction():
    built = network.build_network(ModelSettings(units=4), words=3, ngrams=2, seed=0)
    table = built.get_layer("embedding").table
    before = table.get_weights()[0]
    network.add_prior(built, np.array([0, 0, 0.5, -1, 0], np.float32), seed=0)
    added = table.get_weights()[0] - before
    np.testing.assert_allclose(
        np.abs(added), [[0] * 16, [0] * 16, [0.5] * 16, [1] * 16, [0] * 16], atol=1e-6
    )
    np.testing.assert_allclose(added[3], -2 * added[2], atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "settings", [{}, {"bidirectional": False, "layers": 2}, {"readout": "max"}]
)
def test_positive_words_begin_by_raising_the_logit(settings, seed):
    shape = ModelSettings(**{"units": 4} | settings)
    built = network.build_network(shape, words=4, ngrams=0, seed=seed)
    network.add_prior(built, np.array([0, 0, 3, -3], np.float32), seed=seed)
    positive, negative = built(np.array([[[2, 0, 0]], [[3, 0, 0]]], np.int32))["logit"].numpy()
    assert positive > negative


def test_words_start_at_random_and_ngrams_at_zero():
    table = np.asarray(RandomWordVectors(30, seed=0)((50, 16)))
    assert not table[30:].any() and np.unique(table[:30]).size == 30 * 16
    assert np.abs(table).max() <= 0.05


def test_settings_survive_saving():
    config = RandomWordVectors(30, seed=7).get_config()
    assert config == {"words": 30, "seed": 7}
    first, second = (RandomWordVectors.from_config(config)((40, 2)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
