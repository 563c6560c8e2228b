"""Merged networks: the logit is the mean, before the table is cut; the sum is that of its terms."""

import numpy as np
import pytest

from sentiment.config import ModelSettings
from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.tokenizer import Tokenizer
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.manifest import DataInfo, Manifest, RunInfo
from sentiment.inference.weights import weight_shapes
from sentiment.training.merging import NetworkArrays, add_sum, cut_table, merge

WORDS = [f"word{number}" for number in range(30)]
NETWORKS = [
    ModelSettings(units=4, embedding=3, ngrams=1),
    ModelSettings(units=4, embedding=3, ngrams=1, bidirectional=False),
    ModelSettings(units=3, embedding=5, ngrams=1, layers=2),
    ModelSettings(units=3, embedding=2, ngrams=1, layers=3, bidirectional=False),
    ModelSettings(units=4, embedding=3, ngrams=1, readout="mean"),
    ModelSettings(units=4, embedding=3, ngrams=1, readout="max"),
]


def random_network(model, seed):
    random = np.random.default_rng(seed)
    shapes = weight_shapes(model)
    weights = {name: random.normal(0, 0.5, shape).astype("f4") for name, shape in shapes.items()}
    # Numbers that float16, in which a table is saved, holds exactly.
    table = random.normal(0, 0.5, (len(WORDS) + 2, model.embedding)).astype("f2").astype("f4")
    table[0] = 0
    return NetworkArrays(model, table, weights)


def logits(network, encoded):
    table = network.table.astype("f2")
    manifest = Manifest("", {}, RunInfo("", ""), DataInfo("", ""))
    bundle = Bundle(None, manifest, network.model, Tokenizer(WORDS), table, network.weights)
    classifier = Classifier(bundle)
    return classifier.logits(classifier.final_states(encoded))


@pytest.fixture
def encoded():
    tokens = np.random.default_rng(9).integers(1, len(WORDS) + 2, 90).astype(np.int32)
    return EncodedTexts(tokens, np.array([0, 1, 1, 20, 90]))


@pytest.mark.parametrize("model", NETWORKS)
def test_the_merged_logit_is_the_weighted_mean(model, encoded):
    networks = [random_network(model, seed) for seed in range(3)]
    shares = [0.5, 0.3, 0.2]
    expected = np.average([logits(one, encoded) for one in networks], axis=0, weights=shares)
    merged = merge(networks, shares)
    assert merged.model.units == 3 * model.units
    np.testing.assert_allclose(logits(merged, encoded), expected, atol=1e-5)


def test_a_network_does_not_read_the_state_of_another():
    merged = merge([random_network(NETWORKS[0], seed) for seed in range(2)], [0.5, 0.5])
    recurrent = merged.weights["rnn_1.backward.recurrent_kernel"]
    assert not recurrent[:4, 4:].any() and not recurrent[4:, :4].any()
    assert recurrent[:4, :4].all() and recurrent[4:, 4:].all()


def test_a_table_of_few_directions_is_cut_without_loss(encoded):
    # All vectors lie in two directions, so two numbers are enough for each.
    network = random_network(NETWORKS[0], 0)
    plane = np.random.default_rng(1).normal(0, 1, (2, 3)).astype("f4")
    flat = NetworkArrays(network.model, (network.table[:, :2] @ plane), network.weights)
    cut = cut_table(flat, 2, np.ones(len(WORDS) + 2))
    assert cut.table.shape == (len(WORDS) + 2, 2)
    kernels = [f"rnn_1.{way}.kernel" for way in ("forward", "backward")]
    for name in kernels:
        np.testing.assert_allclose(
            cut.table @ cut.weights[name], flat.table @ flat.weights[name], atol=1e-5
        )


def test_the_cut_keeps_the_rows_that_are_read_most():
    network, counts = random_network(NETWORKS[0], 0), np.ones(len(WORDS) + 2)
    counts[5] = 1e9
    cut = cut_table(network, 1, counts)
    name = "rnn_1.forward.kernel"
    before, after = network.table @ network.weights[name], cut.table @ cut.weights[name]
    np.testing.assert_allclose(after[5], before[5], atol=1e-4)
    assert np.abs(after[6] - before[6]).max() > 0.01


def test_the_cut_keeps_what_the_classifier_reads():
    network = random_network(NETWORKS[0], 0)
    classifier = np.full_like(network.weights["classifier.kernel"], 1e-6)
    classifier[2] = 0.3
    weights = network.weights | {"classifier.kernel": classifier}
    read = NetworkArrays(network.model, network.table, weights)
    cut, name = cut_table(read, 1, np.ones(len(WORDS) + 2)), "rnn_1.forward.kernel"
    before, after = network.table @ network.weights[name], cut.table @ cut.weights[name]
    np.testing.assert_allclose(after[:, 2], before[:, 2], atol=1e-4)
    assert np.abs(after[:, 0] - before[:, 0]).max() > 0.01


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_sum_unit_adds_up_its_terms(bidirectional, encoded):
    model = ModelSettings(units=4, embedding=3, ngrams=1, bidirectional=bidirectional, repeats=True)
    network = random_network(model, 0)
    terms = np.random.default_rng(2).normal(0, 0.2, len(WORDS) + 2).astype("f2").astype("f4")
    terms[0] = 0
    sums = [terms[part].sum() for part in np.split(encoded.tokens, encoded.offsets[1:-1])]
    expected = 0.75 * logits(network, encoded) + 0.25 * (np.array(sums) + 1.5)
    found = logits(add_sum(network, terms, 1.5, 0.25), encoded)
    np.testing.assert_allclose(found, expected, atol=1e-3)
