"""Batches of reviews: their rows, widths and order."""

from dataclasses import replace

import numpy as np
import pytest

from sentiment.data.examples import Examples
from sentiment.training import batching

# Three reviews of 2, 0 and 3 tokens, with one n-gram column.
TINY = Examples(
    features=np.array([[5, 0], [6, 60], [7, 0], [8, 80], [9, 90]], np.int32),
    offsets=np.array([0, 2, 2, 5]),
    labels=np.array([1, 0, 1], np.float32),
)


def examples_of(lengths):
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    features = np.ones((offsets[-1], 1), np.int32)
    return Examples(features, offsets, np.zeros(len(lengths), np.float32))


def test_a_batch_is_padded_at_the_end_and_filled_with_rows_of_weight_zero():
    ids, labels, weights = batching.fill_batch(TINY, np.array([2, 1]), size=3)
    assert ids.shape == (3, 8, 2)
    assert ids[0, :4].tolist() == [[7, 0], [8, 80], [9, 90], [0, 0]]
    assert not ids[1:].any() and not ids[0, 3:].any()
    assert labels.tolist() == [1, 0, 0]
    assert weights.tolist() == [1, 1, 0]


def test_a_batch_has_the_weights_of_its_reviews():
    weighted = replace(TINY, weights=np.array([2.0, 1.0, 0.5], np.float32))
    assert batching.fill_batch(weighted, np.array([2, 0]), size=3)[2].tolist() == [0.5, 2, 0]


@pytest.mark.parametrize(("length", "width"), [(1, 8), (8, 8), (9, 16), (4097, 4104)])
def test_widths_are_few(length, width):
    assert batching.padded_width(length) == width


def test_the_longest_width_is_that_of_the_longest_review():
    assert batching.longest_width(examples_of([3, 17, 4])) == 24
    assert batching.longest_width(examples_of([0, 0])) == 8


@pytest.mark.parametrize("order", [None, np.random.default_rng(0)])
def test_every_review_is_in_exactly_one_batch(order):
    examples = examples_of(np.random.default_rng(1).integers(0, 900, 101))
    batches = batching.arrange_batches(examples, 8, order)
    assert sorted(np.concatenate(batches)) == list(range(101))
    assert max(len(rows) for rows in batches) == 8


def test_reviews_of_similar_length_share_a_batch_and_the_seed_decides_the_order():
    examples = examples_of(np.random.default_rng(1).integers(10, 900, 400))
    first, second, other = (
        batching.arrange_batches(examples, 8, np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    lengths = np.diff(examples.offsets)
    # Noise of a tenth either way: a batch spans 1.1 / 0.9 and the distance of 8 neighbours of 400.
    spans = [lengths[rows].max() / lengths[rows].min() for rows in first]
    assert np.median(spans) < 1.3


def test_every_batch_is_filled_in_order():
    rows = [np.array([0, 1]), np.array([2])]
    batches = list(batching.filled_batches(TINY, rows, size=2))
    assert [ids.shape for ids, _, _ in batches] == [(2, 8, 2), (2, 8, 2)]
    assert [weights.tolist() for _, _, weights in batches] == [[1, 1], [1, 0]]
