import math
from dataclasses import replace

import numpy as np
import pytest

from sentiment.inspection import units
from sentiment.inspection.units import Unit
from tests.helpers.build import TEXTS, TINY, tiny_bundle


def make_unit(decay):
    """Return a unit with only a decay."""
    parts = {
        "name": "forward 1", "weight": 1.0, "up": [], "down": [], "ngrams_up": [],
        "ngrams_down": [], "saturation": 0.0, "decay": np.array(decay, np.float32),
    }  # fmt: skip
    return Unit(**parts)


def make_bundle(folder, **weights):
    """Return a tiny bundle of one direction; weights that are not given are zero."""
    bundle = tiny_bundle(folder / "model", replace(TINY, ngrams=2))
    zeros = {name: np.zeros_like(array) for name, array in bundle.weights.items()}
    return replace(
        bundle, embedding=np.zeros(bundle.embedding.shape, np.float16), weights=zeros | weights
    )


@pytest.mark.parametrize(("weight", "expected"), [(0.9, 7), (0.5, 1), (0.99, 69), (1.0, math.inf)])
def test_an_unsaturated_unit_forgets_at_the_rate_of_its_weight(weight, expected):
    # Around zero an effect is w to the power of n: half at ln 0.5 / ln w = 6.58, 1, 68.97.
    effects = units.decay(
        np.zeros((100, 1), np.float32), np.array([0, 100]),
        np.array([[weight]], np.float32), np.array([0]),
    )  # fmt: skip
    assert effects.shape == (100, 1)
    np.testing.assert_allclose(effects[:, 0], weight ** np.arange(100), rtol=1e-4, atol=1e-12)
    assert make_unit(effects[:, 0]).half_life == expected


def test_a_partly_saturated_unit_forgets_sooner():
    # At h = 0.6 the slope is 1 - 0.36 = 0.64, and 0.64 · 0.64 is below a half.
    effects = units.decay(
        np.full((4, 1), 0.6, np.float32), np.array([0, 4]), np.eye(1, dtype="f4"), np.array([0])
    )
    np.testing.assert_allclose(effects[:, 0], [1, 0.64, 0.4096, 0.262144], rtol=1e-6)
    assert make_unit(effects[:, 0]).half_life == 2


def run(inputs, recurrent_kernel, start=0, state=None):
    """Return the states of a plain recurrence, float64, from step `start` and `state` on."""
    state = np.zeros(len(recurrent_kernel)) if state is None else state
    states = []
    for row in inputs[start:]:
        state = np.tanh(row + state @ recurrent_kernel)
        states.append(state)
    return np.array(states)


@pytest.mark.parametrize("backward", [False, True])
def test_effects_equal_finite_differences(backward):
    draw = np.random.default_rng(0)
    recurrent_kernel = draw.normal(size=(3, 3))
    lengths = [6, 4, 5]
    inputs = [draw.normal(size=(length, 3)) for length in lengths]
    states = [run(rows, recurrent_kernel) for rows in inputs]
    expected = np.full((3, 6, 3), np.nan)  # by text, step back and unit
    for text, rows in enumerate(inputs):
        for back in range(lengths[text]):
            step = lengths[text] - back
            differences = []
            for nudge in 1e-6 * np.eye(3):
                ends = [
                    run(rows, recurrent_kernel, step, states[text][step - 1] + sign * nudge)
                    for sign in (1, -1)
                ]
                finals = [
                    end[-1] if len(end) else states[text][-1] + sign * nudge
                    for end, sign in zip(ends, (1, -1), strict=True)
                ]
                differences.append((finals[0] - finals[1]) / 2e-6)
            expected[text, back] = np.linalg.norm(np.array(differences), axis=0)
    flat = np.concatenate([rows[::-1] if backward else rows for rows in states])
    effects = units.decay(
        flat.astype(np.float32), np.concatenate([[0], np.cumsum(lengths)]),
        recurrent_kernel.astype(np.float32), np.array([0, 1, 2]), backward=backward,
    )  # fmt: skip
    # One of three texts is more than a quarter, so the longest is followed to its first word.
    np.testing.assert_allclose(effects, np.nanmedian(expected, axis=0), rtol=1e-3)


def test_a_median_is_taken_only_while_a_quarter_of_the_texts_have_words():
    lengths = np.array([9, 3, 3, 3, 3])
    effects = units.decay(
        np.zeros((21, 1), np.float32), np.concatenate([[0], np.cumsum(lengths)]),
        np.eye(1, dtype="f4"), np.array([0]),
    )  # fmt: skip
    # A quarter of five is two; after three words only one has more.
    assert len(effects) == 3
    assert math.isinf(make_unit(effects[:, 0]).half_life)


def test_words_and_ngrams_are_sorted_by_what_they_add(tmp_path):
    kernel = np.array([[0.5, 0, 0], [0, 1, 0]], np.float32)
    weight = np.array([[-2.0], [1.0], [0.5]], np.float32)
    bundle = make_bundle(tmp_path, **{"rnn_1.forward.kernel": kernel, "classifier.kernel": weight})
    tokenizer = bundle.tokenizer
    number = {word: row for row, word in enumerate(tokenizer.words, 2)}
    bundle.embedding[number["good"]] = (2, 0)
    bundle.embedding[number["heart"]] = (3, 0)
    bundle.embedding[number["bad"]] = (-1, 4)
    pair = number["bad"] * tokenizer.vocabulary_size + number["film"]
    index = int(np.searchsorted(tokenizer.ngrams, pair))
    assert tokenizer.ngrams[index] == pair
    bundle.embedding[tokenizer.vocabulary_size + index] = (-6, 0)

    first, second, third = units.analyze_units(bundle, TEXTS)
    assert [one.name for one in (first, second, third)] == ["forward 1", "forward 2", "forward 3"]
    assert (first.weight, second.weight, third.weight) == (-2.0, 1.0, 0.5)
    assert first.up == [("heart", 1.5), ("good", 1.0)] and first.down == [("bad", -0.5)]
    assert first.ngrams_up == [] and first.ngrams_down == [("bad film", -3.0)]
    assert second.up == [("bad", 4.0)] and third.up == []


def test_units_with_the_largest_weights_come_first_and_others_can_be_left_out(tmp_path):
    weight = np.array([[0.1], [-3.0], [2.0]], np.float32)
    bundle = make_bundle(tmp_path, **{"classifier.kernel": weight})
    assert [one.name for one in units.analyze_units(bundle, TEXTS, max_units=2)] == [
        "forward 2",
        "forward 3",
    ]


def test_saturation_is_the_share_of_texts_that_end_beyond_099(tmp_path):
    bias = np.array([3.0, 2.0, 0.0], np.float32)  # tanh 0.995, 0.964, 0
    bundle = make_bundle(tmp_path, **{"rnn_1.forward.bias": bias})
    assert [one.saturation for one in units.analyze_units(bundle, TEXTS)] == [1.0, 0.0, 0.0]


def test_the_first_of_several_layers_is_described_without_weights(tmp_path):
    settings = replace(TINY, layers=2, bidirectional=True)
    result = units.analyze_units(tiny_bundle(tmp_path / "model", settings), TEXTS)
    assert [one.name for one in result] == [
        "forward 1", "forward 2", "forward 3", "backward 1", "backward 2", "backward 3",
    ]  # fmt: skip
    assert all(one.weight is None for one in result)
    assert all(one.decay[0] == 1 and len(one.decay) > 1 for one in result)


def test_texts_without_a_word_have_no_decay(tmp_path):
    result = units.analyze_units(tiny_bundle(tmp_path / "model"), ["", "…"])
    assert len(result) == 3 and all(one.decay.tolist() == [1] for one in result)
