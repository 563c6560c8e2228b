import dataclasses

import numpy as np
import pytest

from sentiment.errors import InputError
from sentiment.inference.classifier import BATCH_SIZE, Classifier
from sentiment.inspection import explain
from tests.helpers.build import TINY, tiny_bundle

TEXT = "A good film with a heart, a bad film with none"
WEIGHTS = {"good": 0.06, "heart": 0.02, "bad": -0.06, "none": -0.02}


def make_classifier(folder, **changes):
    return Classifier(tiny_bundle(folder / "model", dataclasses.replace(TINY, **changes)))


def make_adding_classifier(folder, **changes):
    """Return a classifier of one unit that nearly adds up the WEIGHTS of its words."""
    settings = dataclasses.replace(TINY, units=1, embedding=1, ngrams=1, **changes)
    bundle = tiny_bundle(folder / "model", settings)
    for name, array in bundle.weights.items():
        array[:] = 0 if name.endswith("bias") else 4 if name == "classifier.kernel" else 1
    table = np.zeros(bundle.embedding.shape, np.float32)
    for word, weight in WEIGHTS.items():
        table[bundle.tokenizer.encode([word]).tokens] = weight
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
def test_the_probability_after_a_word_is_the_prediction_for_the_text_so_far(tmp_path, changes):
    classifier = make_classifier(tmp_path, **changes)
    traced = explain.trace(classifier, TEXT)
    assert traced.tokens == TEXT.replace(",", "").lower().split()
    beginnings = [" ".join(traced.tokens[:end]) for end in range(1, 12)]
    np.testing.assert_allclose(
        traced.probabilities, classifier.predict(beginnings), rtol=0, atol=1e-6
    )
    assert traced.probabilities[-1] == pytest.approx(classifier.predict([TEXT])[0], abs=1e-6)
    assert np.ptp(traced.probabilities) > 0.01


def test_in_one_direction_the_classifier_reads_each_state_in_turn(tmp_path):
    classifier = make_classifier(tmp_path)
    traced = explain.trace(classifier, TEXT)
    assert traced.states.shape == (11, 3) and traced.states.dtype == np.float32
    np.testing.assert_array_equal(traced.probabilities, classifier.probabilities(traced.states))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_deciding_rows_make_up_the_final_state(tmp_path, bidirectional):
    classifier = make_classifier(tmp_path, bidirectional=bidirectional)
    traced = explain.trace(classifier, TEXT)
    assert traced.deciding.tolist() == ([10] * 3 + [0] * 3 if bidirectional else [10] * 3)
    final = classifier.final_states(classifier.encode([TEXT]))[0]
    read = traced.states[traced.deciding, np.arange(len(final))]
    np.testing.assert_allclose(read, final, atol=1e-6)
    assert explain.trace(make_classifier(tmp_path, readout="mean"), TEXT).deciding is None


def test_effects_by_hand(tmp_path):
    # good film: h = tanh(tanh(0.06)) = 0.0598565; log-odds 4h at temperature 1.25 = 0.1915407.
    # P = 0.547739. Without good: h = 0, P 0.5. Without film: h = tanh(0.06) = 0.0599281, log-odds
    # 0.1917699, P 0.547796.
    result = explain.word_effects(make_adding_classifier(tmp_path), "good film")
    assert result.probability == pytest.approx(0.547739, abs=1e-6)
    np.testing.assert_allclose(result.without, [0.5, 0.547796], atol=1e-6)
    np.testing.assert_allclose(result.effects, [0.1915407, 0.1915407 - 0.1917699], atol=1e-6)
    assert result.strongest(5) == ([0], [1])


@pytest.mark.parametrize("changes", [{}, {"bidirectional": True, "ngrams": 2}])
def test_an_effect_is_the_difference_from_the_prediction_without_the_word(tmp_path, changes):
    classifier = make_classifier(tmp_path, **changes)
    result = explain.word_effects(classifier, TEXT)
    words = result.tokens
    without = [" ".join(words[:index] + words[index + 1 :]) for index in range(len(words))]
    expected = classifier.predict(without)
    np.testing.assert_allclose(result.without, expected, rtol=0, atol=1e-6)
    whole = classifier.predict([TEXT])[0]
    assert (np.sign(result.effects) == np.sign(whole - expected)).all()
    odds = np.log(whole / (1 - whole)) - np.log(expected / (1 - expected))
    np.testing.assert_allclose(result.effects, odds, atol=1e-4)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_removing_the_strongest_words_moves_the_prediction_more_than_chance(
    tmp_path, bidirectional, seed
):
    classifier = make_adding_classifier(tmp_path, bidirectional=bidirectional)
    draws = np.random.default_rng(seed)
    words = draws.choice([*WEIGHTS, "a", "film", "with"], size=30)
    whole = classifier.predict([" ".join(words)])[0]
    positive, negative = explain.word_effects(classifier, " ".join(words)).strongest(4)
    random_words = [draws.choice(30, size=4, replace=False) for _ in range(50)]
    up, down, *random = classifier.predict(
        [" ".join(np.delete(words, removed)) for removed in (negative, positive, *random_words)]
    )
    assert down < whole < up
    assert down < np.quantile(random, 0.05) and up > np.quantile(random, 0.95)
    assert whole - down > 2 * np.abs(whole - random).mean() < (up - whole)


def test_a_long_review_is_cut_as_in_predict_and_read_in_several_batches(tmp_path):
    longest = 2 * BATCH_SIZE + 100
    classifier = make_classifier(tmp_path, longest_review=longest, bidirectional=True)
    words = (TEXT.split() * 150)[: longest + 50]
    traced, result = (f(classifier, " ".join(words)) for f in (explain.trace, explain.word_effects))
    last_words = words[50:]
    assert traced.tokens == result.tokens == [word.strip(",").lower() for word in last_words]
    ends = [1, BATCH_SIZE, BATCH_SIZE + 1, 2 * BATCH_SIZE + 1, longest]
    expected = classifier.predict([" ".join(last_words[:end]) for end in ends])
    np.testing.assert_allclose(traced.probabilities[np.subtract(ends, 1)], expected, atol=1e-6)
    removed = [0, BATCH_SIZE - 1, BATCH_SIZE, 2 * BATCH_SIZE, longest - 1]
    expected = classifier.predict(
        [" ".join(last_words[:index] + last_words[index + 1 :]) for index in removed]
    )
    np.testing.assert_allclose(result.without[removed], expected, atol=1e-6)


def test_a_text_without_its_only_word_has_the_initial_state(tmp_path):
    classifier = make_classifier(tmp_path)
    result = explain.word_effects(classifier, "good")
    assert result.without[0] == pytest.approx(classifier.predict([""])[0], abs=1e-6)


def test_unknown_words_are_marked(tmp_path):
    classifier = make_classifier(tmp_path)
    for result in (
        explain.trace(classifier, "good xyzzy"),
        explain.word_effects(classifier, "good xyzzy"),
    ):
        assert result.known.tolist() == [True, False]


@pytest.mark.parametrize("explain_text", [explain.trace, explain.word_effects])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" ", "the text is empty"),
        ("... \x1b", "holds no word"),
        ("xyzzy plugh", "the model knows no word of 'xyzzy plugh'"),
    ],
)
def test_a_text_without_a_known_word_is_an_error(tmp_path, explain_text, text, message):
    with pytest.raises(InputError, match=message) as raised:
        explain_text(make_classifier(tmp_path), text)
    assert raised.value.hint == explain.HINT
    assert raised.value.fact.isprintable()
