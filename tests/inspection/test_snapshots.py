import dataclasses
import io

import numpy as np
import pytest

from sentiment.inference.classifier import Classifier
from sentiment.inspection import probes, snapshots
from tests.helpers.build import TINY, tiny_bundle

TEXTS = ["a bad film with none", "a good film", "good heart, good film"]
PROBES = probes.make_probes(["review 1", "review 2", "review 3"], TEXTS, np.array([0, 1, 1]))


@pytest.fixture(params=[False, True], ids=["forward", "bidirectional"])
def classifier(request, tmp_path):
    settings = dataclasses.replace(TINY, bidirectional=request.param)
    return Classifier(tiny_bundle(tmp_path / "model", settings))


@pytest.fixture
def snapshot(classifier):
    reference = snapshots.reference_points(classifier, PROBES)
    return snapshots.take_snapshot(classifier, PROBES, reference)


def test_a_snapshot_has_the_states_and_predictions_of_the_classifier(snapshot, classifier):
    states = classifier.final_states(classifier.encode(PROBES.texts))
    np.testing.assert_array_equal(snapshot.states, states)
    np.testing.assert_array_equal(snapshot.probabilities, classifier.predict(PROBES.texts))
    assert snapshot.points.shape == (len(PROBES.texts), 2)


def test_a_path_ends_at_the_point_of_its_sentence(snapshot):
    assert snapshot.walks
    for name, path in snapshot.walks.items():
        row = PROBES.ids.index(name)
        np.testing.assert_allclose(path.points[-1], snapshot.points[row], atol=1e-6)
        np.testing.assert_allclose(path.trace.finals[-1], snapshot.states[row], atol=1e-6)
        probability = path.trace.probabilities[-1]
        assert probability == pytest.approx(snapshot.probabilities[row], abs=1e-6)


def test_a_sentence_without_a_known_word_has_no_path(snapshot):
    # The tiny vocabulary knows "film", "a", "good" …, but no word of this one.
    assert "double negation" not in snapshot.walks
    assert "mild" in snapshot.walks


def test_arrays_are_stored_without_pickle(snapshot):
    file = io.BytesIO()
    np.savez_compressed(file, **snapshot.arrays())
    file.seek(0)
    stored = np.load(file, allow_pickle=False)
    assert stored["states"].dtype == np.float32
    assert stored["ids"].tolist() == list(PROBES.ids)
    assert stored["mild/words"].tolist() == ["it", "was", "a", "good", "film"]
    assert stored["mild/states"].shape == (5, snapshot.states.shape[1])
    assert stored["mild/probabilities"].shape == (5,) and stored["mild/points"].shape == (5, 2)
