import numpy as np
import pytest

from sentiment.inspection.projection import fit_rotation, principal_points

DRAW = np.random.default_rng(0)
LABELS = np.repeat([0, 1], 20)
STATES = np.tanh(DRAW.normal(size=(40, 6)) * [3, 2, 1, 0.5, 0.2, 0.1] + LABELS[:, None])


def change_basis(states, size, seed=0):
    """Return `states` in another basis, with `size` units."""
    basis, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))
    return np.pad(states, ((0, 0), (0, size - states.shape[1]))) @ basis


def test_the_reference_by_hand():
    # Variance 8 along the first unit, 0.5 along the second; label 1 has the smaller values.
    states = np.array([[2, 0.5], [2, -0.5], [-2, 0.5], [-2, -0.5]])
    points = principal_points(states, np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(points[:, 0], [-2, -2, 2, 2], atol=1e-12)
    np.testing.assert_allclose(np.abs(points[:, 1]), 0.5, atol=1e-12)


@pytest.mark.parametrize("size", [6, 9, 32])
def test_another_basis_changes_no_point(size):
    reference = principal_points(STATES, LABELS)
    expected = fit_rotation(reference, STATES).points(STATES) * np.sqrt(6)
    other = change_basis(STATES, size)
    points = fit_rotation(reference, other).points(other) * np.sqrt(size)
    np.testing.assert_allclose(points, expected, atol=1e-5)


def test_the_reference_maps_to_itself():
    reference = principal_points(STATES, LABELS)
    points = fit_rotation(reference, STATES).points(STATES) * np.sqrt(6)
    np.testing.assert_allclose(points - points.mean(axis=0), reference, atol=1e-5)


def test_nothing_is_stretched_and_the_initial_state_is_the_origin():
    reference = principal_points(STATES, LABELS)
    rotation = fit_rotation(reference * 100, STATES)
    np.testing.assert_allclose(rotation.directions.T @ rotation.directions, np.eye(2), atol=1e-12)
    assert not rotation.points(np.zeros((1, 6))).any()
    saturated = np.sign(DRAW.normal(size=(1000, 6)))
    assert np.abs(rotation.points(saturated)).max() <= 1


def test_points_move_only_as_far_as_states():
    reference = principal_points(STATES, LABELS)
    before = fit_rotation(reference, STATES).points(STATES)
    nudged = STATES + DRAW.normal(size=STATES.shape) * 0.01
    after = fit_rotation(reference, nudged).points(nudged)
    assert np.abs(after - before).max() < 0.05


@pytest.mark.parametrize("size", [1, 2])
def test_a_network_of_one_or_two_units_has_points_too(size):
    states = STATES[:, :size]
    points = fit_rotation(principal_points(states, LABELS), states).points(states)
    assert points.shape == (40, 2) and np.isfinite(points).all()
