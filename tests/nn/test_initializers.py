import numpy as np

from sentiment.config import ModelSettings
from sentiment.data.examples import Examples
from sentiment.nn import network
from sentiment.nn.initializers import log_count_ratios


def test_ratios_by_hand():
    # Positive: words 2, 2, 3 and the pair 4; negative: words 3, 1 and nothing else.
    features = np.array([[2, 0], [2, 4], [3, 0], [3, 0], [1, 0]], np.int32)
    examples = Examples(features, np.array([0, 3, 5]), np.array([1, 0], np.float32))
    # With one added: positive 3, 2, 2 of 7; negative 1, 2, 1 of 4.
    expected = np.log([(3 / 7) / (1 / 4), (2 / 7) / (2 / 4), (2 / 7) / (1 / 4)])
    np.testing.assert_allclose(log_count_ratios(examples, 5), [0, 0, *expected], rtol=1e-6)


def test_a_network_begins_with_the_ratios_along_one_direction():
    made = network.build_network(ModelSettings(units=4), words=3, ngrams=2, seed=0)
    table = made.get_layer("embedding").table
    before = table.get_weights()[0]
    network.add_prior(made, np.array([0, 0, 0.5, -1, 0], np.float32), seed=0)
    added = table.get_weights()[0] - before
    np.testing.assert_allclose(
        np.abs(added), [[0] * 16, [0] * 16, [0.5] * 16, [1] * 16, [0] * 16], atol=1e-6
    )
    np.testing.assert_allclose(added[3], -2 * added[2], atol=1e-6)
