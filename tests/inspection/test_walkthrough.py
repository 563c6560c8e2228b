import dataclasses

import numpy as np
import pytest

from sentiment.errors import InputError
from sentiment.inference.classifier import Classifier
from sentiment.inspection import walkthrough
from tests.helpers.build import TINY, tiny_bundle

TEXT = "A good film, bad xyzzy heart"


def read(text, folder, **changes):
    """Return a tiny classifier, and its walkthrough of `text`."""
    classifier = Classifier(tiny_bundle(folder / "model", dataclasses.replace(TINY, **changes)))
    return classifier, walkthrough.walk_through(classifier, text, hint="sentiment lecture")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"bidirectional": True},
        {"layers": 2},
        {"layers": 3, "bidirectional": True},
        {"readout": "mean"},
        {"readout": "max", "bidirectional": True},
        {"ngrams": 1},
        {"negation": True},
        {"negation": True, "ngrams": 1, "repeats": False},
    ],
    ids=str,
)
def test_numbers_equal_those_of_the_runtime(tmp_path, changes):
    text = f"{TEXT}, none bad"
    classifier, reading = read(text, tmp_path, **changes)
    directions = 2 if changes.get("bidirectional") else 1
    assert len(reading.tracks) == changes.get("layers", 1) * directions
    halves = [layer.at([step.h for step in layer.steps]) for layer in reading.tracks[-directions:]]
    states = classifier.states(classifier.encode([text]))
    np.testing.assert_allclose(np.concatenate(halves, axis=1), states, atol=1e-5)
    assert reading.decision.probability == pytest.approx(classifier.predict([text])[0], abs=1e-6)


def test_the_final_states_are_the_last_steps_of_both_directions(tmp_path):
    _, reading = read(TEXT, tmp_path, bidirectional=True)
    final = np.concatenate([layer.steps[-1].h for layer in reading.tracks])
    np.testing.assert_allclose(reading.decision.state, final, atol=1e-5)


def test_the_backward_pass_starts_at_the_last_word(tmp_path):
    _, reading = read("good film heart", tmp_path, bidirectional=True)
    forward, backward = reading.tracks
    assert forward.at(reading.words) == ["good", "film", "heart"]
    assert backward.at(reading.words) == ["heart", "film", "good"]
    np.testing.assert_array_equal(backward.steps[0].x, forward.steps[2].x)
    assert not backward.steps[0].h_before.any()


def test_a_vector_is_the_sum_of_the_word_and_its_known_ngrams(tmp_path):
    classifier, reading = read(TEXT, tmp_path)
    # "a good" and "good film" occur twice in the texts of the tokenizer, "a good film" once.
    texts = [[part.text for part in parts if part.vector is not None] for parts in reading.parts]
    assert texts[:3] == [["a"], ["good", "a good"], ["film", "good film"]]
    assert [part.text for part in reading.parts[2]] == ["film", "good film", "a good film"]
    known = [part for part in reading.parts[2] if part.vector is not None]
    rows = classifier.bundle.embedding.astype("f4")
    ids = classifier.bundle.tokenizer.features(classifier.encode([TEXT]), 3)[2]
    np.testing.assert_array_equal([part.vector for part in known], rows[ids[:2]])
    np.testing.assert_allclose(reading.tracks[0].steps[2].x, rows[ids].sum(axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        ({}, ["good", "not … good"]),
        ({"ngrams": 1}, ["good", "not … good"]),
        # It has been read already, but not as a negated word.
        ({"repeats": False}, ["good", "not … good"]),
        ({"negation": False}, ["good"]),
    ],
    ids=str,
)
def test_a_vector_has_the_part_of_the_negated_word(tmp_path, changes, known):
    settings = {"negation": True, **changes}
    classifier, reading = read("Good film, none good", tmp_path, **settings)
    parts, runtime = reading.parts[3], classifier.bundle.settings
    assert [part.text for part in parts if part.vector is not None] == known
    assert parts[0].unknown == (not runtime.repeats)
    ids = classifier.bundle.tokenizer.features(
        classifier.encode([reading.text]),
        runtime.ngrams,
        repeats=runtime.repeats,
        negation=runtime.negation,
    )
    rows = classifier.bundle.embedding.astype("f4")[ids[3][ids[3] > 0]]
    np.testing.assert_array_equal([part.vector for part in parts if part.vector is not None], rows)
    np.testing.assert_allclose(reading.tracks[0].steps[3].x, rows.sum(axis=0), atol=1e-6)


def test_an_unknown_word_is_marked(tmp_path):
    classifier, reading = read(TEXT, tmp_path)
    assert [parts[0].unknown for parts in reading.parts] == [False] * 4 + [True, False]
    np.testing.assert_array_equal(reading.parts[4][0].vector, classifier.bundle.embedding[1])


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("", "the text is empty"),
        ("...", "holds no word"),
        ("xyzzy", "knows no word of 'xyzzy'"),
        ("good " * 201, "expected at most 200 words to follow, got 201"),
    ],
)
def test_a_text_that_is_too_long_or_has_no_known_word_is_refused(tmp_path, text, fact):
    with pytest.raises(InputError, match=fact) as raised:
        read(text, tmp_path)
    assert raised.value.hint == "sentiment lecture"
