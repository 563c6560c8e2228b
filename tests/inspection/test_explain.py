import dataclasses

import numpy as np
import pytest

from sentiment.errors import InputError
from sentiment.inference.classifier import BATCH_SIZE, Classifier
from sentiment.inspection import explain
from tests.helpers.build import TINY, tiny_bundle

TEXT = "A good film with a heart, a bad film with none"
LEANINGS = {"good": 0.06, "heart": 0.02, "bad": -0.06, "none": -0.02}


def classifier_of(folder, **changes):
    return Classifier(tiny_bundle(folder / "model", dataclasses.replace(TINY, **changes)))


def signed(folder, **changes):
    """Return a classifier of one unit that all but adds up what its words lean to."""
    one = dataclasses.replace(TINY, units=1, embedding=1, ngrams=1, **changes)
    bundle = tiny_bundle(folder / "model", one)
    for name, array in bundle.weights.items():
        array[:] = 0 if name.endswith("bias") else 4 if name == "classifier.kernel" else 1
    table = np.zeros(bundle.embedding.shape, np.float32)
    for word, leaning in LEANINGS.items():
        table[bundle.tokenizer.encode([word]).tokens] = leaning
    return Classifier(dataclasses.replace(bundle, embedding=table))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"layers": 2},
        {"bidirectional": True},
        {"readout": "mean"},
        {"readout": "max", "bidirectional": True},
    ],
)
def test_after_each_word_stands_what_is_predicted_of_the_text_so_far(tmp_path, changes):
    classifier = classifier_of(tmp_path, **changes)
    traced = explain.trace(classifier, TEXT)
    assert traced.tokens == TEXT.replace(",", "").lower().split()
    beginnings = [" ".join(traced.tokens[:end]) for end in range(1, 12)]
    np.testing.assert_allclose(
        traced.probabilities, classifier.predict(beginnings), rtol=0, atol=1e-6
    )
    assert traced.probabilities[-1] == pytest.approx(classifier.predict([TEXT])[0], abs=1e-6)
    assert np.ptp(traced.probabilities) > 0.01


def test_in_one_direction_the_classifier_is_put_on_each_state_in_turn(tmp_path):
    classifier = classifier_of(tmp_path)
    traced = explain.trace(classifier, TEXT)
    assert traced.states.shape == (11, 3) and traced.states.dtype == np.float32
    np.testing.assert_array_equal(traced.probabilities, classifier.probabilities(traced.states))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_deciding_rows_make_up_the_final_state(tmp_path, bidirectional):
    classifier = classifier_of(tmp_path, bidirectional=bidirectional)
    traced = explain.trace(classifier, TEXT)
    assert traced.deciding.tolist() == ([10] * 3 + [0] * 3 if bidirectional else [10] * 3)
    final = classifier.final_states(classifier.encode([TEXT]))[0]
    read = traced.states[traced.deciding, np.arange(len(final))]
    np.testing.assert_allclose(read, final, atol=1e-6)
    assert explain.trace(classifier_of(tmp_path, readout="mean"), TEXT).deciding is None


def test_effects_by_hand(tmp_path):
    # good film: h = tanh(tanh(0.06)) = 0.0598565; log-odds 4h at temperature 1.25 = 0.1915407.
    # P = 0.547739. Without good: h = 0, P 0.5. Without film: h = tanh(0.06) = 0.0599281, log-odds
    # 0.1917699, P 0.547796.
    found = explain.word_effects(signed(tmp_path), "good film")
    assert found.probability == pytest.approx(0.547739, abs=1e-6)
    np.testing.assert_allclose(found.without, [0.5, 0.547796], atol=1e-6)
    np.testing.assert_allclose(found.effects, [0.1915407, 0.1915407 - 0.1917699], atol=1e-6)
    assert found.strongest(5) == ([0], [1])


@pytest.mark.parametrize("changes", [{}, {"bidirectional": True, "ngrams": 2}])
def test_an_effect_is_what_predicting_without_the_word_says(tmp_path, changes):
    classifier = classifier_of(tmp_path, **changes)
    found = explain.word_effects(classifier, TEXT)
    words = found.tokens
    without = [" ".join(words[:at] + words[at + 1 :]) for at in range(len(words))]
    expected = classifier.predict(without)
    np.testing.assert_allclose(found.without, expected, rtol=0, atol=1e-6)
    whole = classifier.predict([TEXT])[0]
    assert (np.sign(found.effects) == np.sign(whole - expected)).all()
    odds = np.log(whole / (1 - whole)) - np.log(expected / (1 - expected))
    np.testing.assert_allclose(found.effects, odds, atol=1e-4)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_without_the_words_it_names_the_probability_moves_as_it_says(tmp_path, bidirectional, seed):
    classifier = signed(tmp_path, bidirectional=bidirectional)
    draws = np.random.default_rng(seed)
    words = draws.choice([*LEANINGS, "a", "film", "with"], size=30)
    whole = classifier.predict([" ".join(words)])[0]
    positive, negative = explain.word_effects(classifier, " ".join(words)).strongest(4)
    chance = [draws.choice(30, size=4, replace=False) for _ in range(50)]
    up, down, *random = classifier.predict(
        [" ".join(np.delete(words, out)) for out in (negative, positive, *chance)]
    )
    assert down < whole < up
    assert down < np.quantile(random, 0.05) and up > np.quantile(random, 0.95)
    assert whole - down > 2 * np.abs(whole - random).mean() < (up - whole)


def test_a_long_review_is_cut_as_in_predict_and_read_in_several_groups(tmp_path):
    longest = 2 * BATCH_SIZE + 100
    classifier = classifier_of(tmp_path, longest_review=longest, bidirectional=True)
    words = (TEXT.split() * 150)[: longest + 50]
    traced, found = (f(classifier, " ".join(words)) for f in (explain.trace, explain.word_effects))
    read = words[50:]
    assert traced.tokens == found.tokens == [word.strip(",").lower() for word in read]
    ends = [1, BATCH_SIZE, BATCH_SIZE + 1, 2 * BATCH_SIZE + 1, longest]
    expected = classifier.predict([" ".join(read[:end]) for end in ends])
    np.testing.assert_allclose(traced.probabilities[np.subtract(ends, 1)], expected, atol=1e-6)
    out = [0, BATCH_SIZE - 1, BATCH_SIZE, 2 * BATCH_SIZE, longest - 1]
    expected = classifier.predict([" ".join(read[:at] + read[at + 1 :]) for at in out])
    np.testing.assert_allclose(found.without[out], expected, atol=1e-6)


def test_a_text_of_one_word_without_it_leaves_the_initial_state(tmp_path):
    classifier = classifier_of(tmp_path)
    found = explain.word_effects(classifier, "good")
    assert found.without[0] == pytest.approx(classifier.predict([""])[0], abs=1e-6)


def test_words_out_of_the_vocabulary_are_told(tmp_path):
    classifier = classifier_of(tmp_path)
    for explained in (
        explain.trace(classifier, "good xyzzy"),
        explain.word_effects(classifier, "good xyzzy"),
    ):
        assert explained.known.tolist() == [True, False]


@pytest.mark.parametrize("act", [explain.trace, explain.word_effects])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" ", "the text is empty"),
        ("... \x1b", "holds no word"),
        ("xyzzy plugh", "the model knows no word of 'xyzzy plugh'"),
    ],
)
def test_where_there_is_nothing_to_explain_it_says_so(tmp_path, act, text, message):
    with pytest.raises(InputError, match=message) as raised:
        act(classifier_of(tmp_path), text)
    assert raised.value.hint == explain.HINT
    assert raised.value.fact.isprintable()
