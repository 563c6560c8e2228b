import dataclasses

import numpy as np
import pytest

from sentiment.inference import classifier as classifier_module
from sentiment.inference.cells import SIMPLE_RNN
from sentiment.inference.classifier import Classifier, pack_by_step
from tests.helpers.build import TINY, tiny_bundle

TEXTS = ["a good film with a heart", "bad", "", "none is good", "a bad film, a bad heart"]


def settings_with(**changes):
    return dataclasses.replace(TINY, **changes)


def layer_states(inputs, weights, prefix, backward):
    """Return the states after every step, straight from h_t = tanh(x_t K + h_(t-1) R + b)."""
    kernel, recurrent_kernel, bias = (
        weights[f"{prefix}.{part}"] for part in ("kernel", "recurrent_kernel", "bias")
    )
    state, states = np.zeros(len(bias)), []
    for vector in inputs[::-1] if backward else inputs:
        state = np.tanh(vector @ kernel + state @ recurrent_kernel + bias)
        states.append(state)
    return states[::-1] if backward else states


def states_token_by_token(bundle, text):
    """Return the states of each direction of the last layer, computed one step at a time."""
    settings = bundle.settings
    encoded = bundle.tokenizer.encode([text]).last(settings.longest_review)
    features = bundle.tokenizer.features(encoded, settings.ngrams, negation=settings.negation)
    table = bundle.embedding.astype("f8")
    flow = [sum(table[i] for i in row if i > 0) for row in features]
    names = ("forward", "backward") if settings.bidirectional else ("forward",)
    for number in range(1, settings.layers + 1):
        parts = {
            name: layer_states(flow, bundle.weights, f"rnn_{number}.{name}", name == "backward")
            for name in names
        }
        flow = [np.concatenate(step) for step in zip(*parts.values(), strict=True)]
    return parts


def final_state_token_by_token(bundle, text):
    """Return the final state, or the pool over the states, of one text."""
    parts = states_token_by_token(bundle, text)
    flow = [np.concatenate(step) for step in zip(*parts.values(), strict=True)]
    if not flow:
        return np.zeros(bundle.settings.state_size)
    if bundle.settings.readout == "mean":
        return np.mean(flow, axis=0)
    if bundle.settings.readout == "max":
        return np.max(flow, axis=0)
    # The final state of each direction: backward it is the state at the first token.
    ends = {"forward": -1, "backward": 0}
    return np.concatenate([part[ends[name]] for name, part in parts.items()])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ngrams": 1},
        {"bidirectional": True},
        {"layers": 2},
        {"layers": 3, "bidirectional": True},
        {"readout": "mean"},
        {"readout": "max", "bidirectional": True},
        {"longest_review": 2},
        {"negation": True},
        {"negation": True, "ngrams": 1},
    ],
)
def test_states_follow_the_formula_for_every_shape_of_network(tmp_path, changes):
    bundle = tiny_bundle(tmp_path / "model", settings_with(**changes))
    classifier = Classifier(bundle)
    expected = np.array([final_state_token_by_token(bundle, text) for text in TEXTS])
    states = classifier.final_states(classifier.encode(TEXTS))
    np.testing.assert_allclose(states, expected, atol=1e-6)
    assert states.dtype == np.float32 == classifier.predict(TEXTS).dtype
    logits = expected @ bundle.weights["classifier.kernel"] + bundle.weights["classifier.bias"]
    np.testing.assert_allclose(
        classifier.predict(TEXTS), 1 / (1 + np.exp(-logits[:, 0] / 1.25)), atol=1e-6
    )


@pytest.mark.parametrize(
    "changes", [{}, {"bidirectional": True}, {"layers": 2, "bidirectional": True, "readout": "max"}]
)
def test_every_step_has_its_state_in_the_order_of_the_tokens(tmp_path, changes):
    bundle = tiny_bundle(tmp_path / "model", settings_with(**changes))
    classifier = Classifier(bundle)
    texts = [TEXTS[n % 5] for n in range(515)]  # more than one batch
    states = classifier.states(classifier.encode(texts))
    parts = [states_token_by_token(bundle, text) for text in TEXTS if text]
    expected = [np.concatenate([*part.values()], axis=1) for part in parts]
    assert states.shape == (103 * (6 + 1 + 0 + 3 + 6), bundle.settings.state_size)
    assert states.dtype == np.float32
    np.testing.assert_allclose(states[:16], np.concatenate(expected), atol=1e-6)
    np.testing.assert_allclose(states[-16:], np.concatenate(expected), atol=1e-6)


def test_one_step_by_hand(tmp_path):
    bundle = tiny_bundle(tmp_path / "model", settings_with(units=1, embedding=1, ngrams=1))
    bundle.weights.update(
        {
            "rnn_1.forward.kernel": np.array([[0.5]], "f4"),
            "rnn_1.forward.recurrent_kernel": np.array([[2.0]], "f4"),
            "rnn_1.forward.bias": np.array([0.25], "f4"),
            "classifier.kernel": np.array([[3.0]], "f4"),
            "classifier.bias": np.array([-1.0], "f4"),
        }
    )
    table = np.ones_like(bundle.embedding)
    classifier = Classifier(dataclasses.replace(bundle, embedding=table))
    # h_1 = tanh(0.75) = 0.635149; h_2 = tanh(0.75 + 2·0.635149) = tanh(2.020298) = 0.965436;
    # logit 3·0.965436 - 1 = 1.896308; at temperature 1.25 sigmoid(1.517046) = 0.820096.
    assert classifier.predict(["a film"])[0] == pytest.approx(0.820096, abs=1e-5)


@pytest.mark.parametrize("changes", [{}, {"bidirectional": True, "layers": 2}])
def test_batch_and_order_do_not_change_a_probability(tmp_path, changes):
    classifier = Classifier(tiny_bundle(tmp_path / "model", settings_with(**changes)))
    texts = [" ".join(TEXTS[: n % 5 + 1] * (n % 7 + 1)) for n in range(700)]
    together = classifier.predict(texts)
    alone = np.concatenate([classifier.predict([text]) for text in texts[:40]])
    np.testing.assert_allclose(together[:40], alone, atol=1e-6)
    np.testing.assert_allclose(classifier.predict(texts[::-1])[::-1], together, atol=1e-6)


def test_packing_puts_the_longest_first_and_each_step_together():
    # Texts of 2, 0 and 3 tokens, at indices 0-1, none and 2-4 of the flat array.
    packed = pack_by_step(np.array([0, 2, 2, 5]))
    assert packed.order.tolist() == [2, 0, 1]
    assert packed.active.tolist() == [2, 2, 1]
    assert packed.where.tolist() == [2, 0, 3, 1, 4]
    assert packed.last.tolist() == [4, 3]  # of the texts of 3 and of 2 tokens
    assert pack_by_step(np.array([0, 2, 2, 5]), backward=True).where.tolist() == [4, 1, 3, 0, 2]


def test_texts_without_tokens_have_the_initial_state(tmp_path):
    classifier = Classifier(tiny_bundle(tmp_path / "model"))
    states = classifier.final_states(classifier.encode(["", " ... "]))
    np.testing.assert_array_equal(states, np.zeros((2, 3)))
    assert classifier.predict([]).shape == (0,)


def test_texts_of_one_length_keep_their_order():
    lengths = np.resize([2, 1, 3], 300)
    expected = [*range(2, 300, 3), *range(0, 300, 3), *range(1, 300, 3)]
    assert pack_by_step(np.append(0, np.cumsum(lengths))).order.tolist() == expected


@pytest.mark.parametrize("offsets", [[0], [0, 0, 0]])
def test_without_a_token_there_is_no_step(offsets):
    packed = pack_by_step(np.array(offsets))
    assert (packed.active.tolist(), packed.where.tolist(), packed.last.tolist()) == ([], [], [])
    assert packed.order.tolist() == [*range(len(offsets) - 1)]


def test_states_and_pools_stay_float32():
    offsets, projected = np.array([0, 2, 2, 3]), np.ones((3, 2), np.float32)
    weights, packed = {"recurrent_kernel": np.eye(2, dtype=np.float32)}, pack_by_step(offsets)
    states = SIMPLE_RNN.states(projected, weights, packed.active)
    assert states.dtype == np.float32
    assert classifier_module._final_states(states, packed).dtype == np.float32
    for kind in ("mean", "max"):
        assert classifier_module._pool(projected, offsets, kind).dtype == np.float32
    table = np.ones((3, 2), np.float16)
    assert classifier_module._embed(table, np.array([[1, 2], [2, 0]])).dtype == np.float32


def test_every_batch_of_texts_is_read(tmp_path, monkeypatch):
    classifier = Classifier(tiny_bundle(tmp_path / "model"))
    encoded = classifier.encode(TEXTS)
    states, finals = classifier.states(encoded), classifier.final_states(encoded)
    # Five texts: two batches and one that is not full.
    monkeypatch.setattr(classifier_module, "BATCH_SIZE", 2)
    np.testing.assert_allclose(classifier.states(encoded), states, atol=1e-6)
    np.testing.assert_allclose(classifier.final_states(encoded), finals, atol=1e-6)
    assert classifier.states(encoded.take(np.arange(0))).shape == (0, 3)


def test_the_embedding_is_converted_to_float32_once_if_many_rows_are_read(tmp_path):
    bundle = tiny_bundle(tmp_path / "model", settings_with(bidirectional=True))
    classifier = Classifier(bundle)
    # 18 rows: one word reads 3 of them, seven words read more than there are.
    few, many = classifier.encode(["film"]), classifier.encode(["film " * 7])
    classifier.final_states(few)
    assert "_float32_embedding" not in vars(classifier)
    assert classifier.final_states(many).shape == (1, 6)
    assert vars(classifier)["_float32_embedding"].dtype == np.float32
    unconverted = Classifier(dataclasses.replace(bundle, embedding=bundle.embedding.astype("f4")))
    np.testing.assert_allclose(
        unconverted.final_states(many), classifier.final_states(many), atol=1e-6
    )
