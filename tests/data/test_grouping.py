import numpy as np
import pytest

from sentiment.data.grouping import choose_groups, group_texts


def test_equal_keys_have_equal_numbers():
    assert group_texts(["b", "a", "b", "c", "a"]).tolist() == [0, 1, 0, 2, 1]
    numbers = group_texts(iter([b"x", b"", b"x"]))
    assert numbers.tolist() == [0, 1, 0] and numbers.dtype == np.int64
    assert group_texts([]).shape == (0,)


def test_a_share_of_each_label_is_chosen():
    labels = np.repeat([0, 1], [200, 50])
    rows = choose_groups(np.arange(250), labels, 0.2)
    assert np.bincount(labels[rows]).tolist() == [40, 10]
    assert rows.dtype == np.int64 and (np.diff(rows) > 0).all()


def test_groups_stay_whole_and_labels_keep_their_proportion():
    rng = np.random.default_rng(1)
    groups = rng.integers(0, 150, 600) * 7  # with gaps
    labels = (groups // 7) % 3 % 2
    rows = choose_groups(groups, labels, 0.2)
    assert not set(groups[rows]) & set(np.delete(groups, rows))
    assert len(rows) == pytest.approx(120, abs=5)
    assert labels[rows].mean() == pytest.approx(labels.mean(), abs=0.02)


def test_only_the_seed_changes_the_choice():
    groups, labels = np.arange(100), np.arange(100) % 2
    first = choose_groups(groups, labels, 0.3)
    np.testing.assert_array_equal(first, choose_groups(groups, labels, 0.3))
    assert first.tolist() != choose_groups(groups, labels, 0.3, seed=1).tolist()


def test_a_group_that_is_too_large_is_left_out():
    groups = np.array([0] * 90 + list(range(1, 11)))
    rows = choose_groups(groups, np.zeros(100, int), 0.1)
    assert set(rows) == set(range(90, 100))


@pytest.mark.parametrize("share", [0.001, 0.2, 0.5, 0.999])
def test_each_label_is_on_both_sides_if_it_has_two_groups(share):
    rng = np.random.default_rng(0)
    for size in rng.integers(1, 12, 300):
        groups = rng.integers(0, 6, size)
        labels = rng.integers(0, 2, size)  # a group may have both
        rows = choose_groups(groups, labels, share)
        rest = np.setdiff1d(np.arange(size), rows)
        assert not set(groups[rows]) & set(groups[rest])
        for label in (0, 1):
            if len(set(groups[labels == label])) > 1:
                assert label in labels[rows] and label in labels[rest]


def test_one_group_or_no_row_is_no_error():
    assert len(choose_groups(np.zeros(4, int), np.array([0, 1, 0, 1]), 0.2)) == 0
    assert len(choose_groups(np.empty(0, int), np.empty(0, int), 0.2)) == 0


@pytest.mark.parametrize("seed", range(20))
def test_without_repeats_each_label_gets_exactly_its_share(seed):
    labels = np.repeat([0, 1], [900, 100])
    rows = choose_groups(np.arange(1000), labels, 0.1, seed)
    assert np.bincount(labels[rows]).tolist() == [90, 10]


@pytest.mark.parametrize("seed", range(50))
def test_a_label_in_two_groups_is_on_both_sides(seed):
    random = np.random.default_rng(seed)
    groups = random.integers(0, 5, 12)
    labels = random.integers(0, 2, 12)
    rows = choose_groups(groups, labels, 0.1, seed)
    others = np.setdiff1d(np.arange(12), rows)
    for label in (0, 1):
        if len(set(groups[labels == label])) > 1:
            assert label in labels[rows] and label in labels[others]


def test_the_only_text_of_all_rows_is_not_chosen():
    assert len(choose_groups(np.zeros(20, np.int64), np.arange(20) % 2, 0.2)) == 0


def test_the_largest_group_stays_with_the_others():
    groups = np.repeat([0, 1], [90, 10])
    assert choose_groups(groups, np.ones(100, np.int8), 0.2).tolist() == list(range(90, 100))
