from dataclasses import replace

import numpy as np
import pytest

from sentiment.inference.classifier import Classifier
from sentiment.inspection import probes, snapshots
from sentiment.reports import figures, plane
from sentiment.utils.colors import UNIT_NEGATIVE, UNIT_POSITIVE
from tests.helpers.build import TINY, tiny_bundle

TEXTS = ["a bad film with none", "a good film", "good heart, good film"]
PROBES = probes.make_probes(["review 1", "review 2", "review 3"], TEXTS, np.array([0, 1, 1]))
KINDS = [figures.HiddenStatesFigure, figures.ProjectionFigure, figures.SentencesFigure]


def snapshot(folder, units=3):
    classifier = Classifier(tiny_bundle(folder, TINY.__class__(**vars(TINY) | {"units": units})))
    reference = snapshots.reference_points(classifier, PROBES)
    return snapshots.take_snapshot(classifier, PROBES, reference)


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_has_the_same_size_for_every_network(kind, tmp_path):
    small, large = snapshot(tmp_path / "a"), snapshot(tmp_path / "b", units=9)
    first, second = kind(small).draw(small, "a title"), kind(large).draw(large, "b")
    assert first.shape == second.shape
    assert first.dtype == np.uint8


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_shows_its_snapshot_and_nothing_of_the_one_before(kind, tmp_path):
    one = snapshot(tmp_path / "a")
    walks = {
        name: replace(path, trace=replace(path.trace, probabilities=1 - path.trace.probabilities))
        for name, path in one.walks.items()
    }
    other = replace(
        one,
        states=-one.states,
        points=-one.points,
        probabilities=1 - one.probabilities,
        walks=walks,
    )
    figure = kind(one)
    first, second = figure.draw(one, "t"), figure.draw(other, "t")
    assert (first != second).any(axis=2).mean() > 0.005
    np.testing.assert_array_equal(figure.draw(one, "t"), first)
    np.testing.assert_array_equal(kind(other).draw(other, "t"), second)


def test_points_beyond_the_axes_are_moved_to_the_border(tmp_path):
    one = snapshot(tmp_path / "a")
    far = replace(one, points=np.full_like(one.points, 3.0))
    corner = replace(one, points=np.tile(np.float32(plane.LIMITS), (len(one.points), 1)))
    figure = figures.ProjectionFigure(one)
    np.testing.assert_array_equal(figure.draw(far, "t"), figure.draw(corner, "t"))


def test_a_state_image_has_a_row_for_each_unit_and_a_column_for_each_word():
    states = np.array([[1.0, 0.0], [-1.0, 0.5]], np.float32)  # two words, two units
    image = figures.state_image(states, height=4, width=6)
    assert image.shape == (6, 6, 3)
    assert (image[4:] == 255).all()
    assert image[0, 0].tolist() == image[1, 2].tolist() == list(UNIT_POSITIVE)
    assert image[0, 3].tolist() == list(UNIT_NEGATIVE)
    assert image[3, 0].tolist() == [255, 255, 255]
    # Halfway from white to (60, 150, 80), .5 rounded to the even number.
    assert image[3, 5].tolist() == [158, 202, 168]
