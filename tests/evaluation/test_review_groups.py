import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.evaluation.review_groups import Group, opinion_centers, quantile_groups


def test_lengths_are_divided_into_quarters():
    lengths = np.array([40, 7, 12, 30, 8, 100, 20, 9])
    grouping = quantile_groups(lengths, 4)
    # Sorted: 7 8 | 9 12 | 20 30 | 40 100.
    assert [(group.least, group.most) for group in grouping.groups] == [
        (7, 8), (9, 12), (20, 30), (40, 100),
    ]  # fmt: skip
    assert grouping.member.tolist() == [3, 0, 1, 2, 0, 3, 2, 1]
    correct = np.array([True, False, True, False, True, True, True, False])
    assert grouping.means(correct) == (0.5, 0.5, 0.5, 1.0)


def test_equal_values_stay_together_and_no_group_is_empty():
    grouping = quantile_groups(np.array([5, 5, 5, 5, 5, 6]), 4)
    assert grouping.groups == (Group(5.0, 5.0, 5), Group(6.0, 6.0, 1))
    assert quantile_groups(np.array([3, 3]), 3).groups == (Group(3.0, 3.0, 2),)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=60),
    st.integers(1, 6),
)
def test_groups_have_all_reviews_and_their_accuracies_average_to_the_total(reviews, count):
    values, correct = (np.array(column) for column in zip(*reviews, strict=True))
    grouping = quantile_groups(values, count)
    sizes = [group.reviews for group in grouping.groups]
    assert sum(sizes) == len(values) and min(sizes) > 0 and len(sizes) <= count
    for number, group in enumerate(grouping.groups):
        inside = (values >= group.least) & (values <= group.most)
        np.testing.assert_array_equal(inside, grouping.member == number)
    assert np.average(grouping.means(correct), weights=sizes) == pytest.approx(correct.mean())


def test_the_center_is_the_weighted_mean_position_of_opinion_words():
    ratios = np.array([0.0, 0.0, 0.5, 2.0, -1.0])  # words 2 to 4: vague, good, bad
    reviews = [[3, 2, 2, 4], [2, 2, 2, 3], [4], [2, 1, 2], []]
    tokens = np.array([word for review in reviews for word in review])
    offsets = np.cumsum([0] + [len(review) for review in reviews])
    centers = opinion_centers(tokens, offsets, ratios)
    # (2 · 1/8 + 1 · 7/8) / 3 = 3/8; good at the last of four is at 7/8; one word alone at 1/2.
    np.testing.assert_allclose(centers, [3 / 8, 7 / 8, 1 / 2, 1 / 2, 1 / 2])


@given(st.lists(st.lists(st.integers(1, 5), max_size=8), min_size=1, max_size=8))
def test_a_reversed_review_has_a_mirrored_center(reviews):
    ratios = np.array([0.0, 0.0, 0.2, 1.5, -3.0, 1.0])

    def centers(reviews):
        tokens = np.array([word for review in reviews for word in review], int)
        return opinion_centers(tokens, np.cumsum([0, *map(len, reviews)]), ratios)

    forward, reversed_ = centers(reviews), centers([review[::-1] for review in reviews])
    assert ((forward > 0) & (forward < 1)).all()
    np.testing.assert_allclose(forward + reversed_, 1.0)
