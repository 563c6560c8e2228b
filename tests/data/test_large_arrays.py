"""Arrays whose pages are those of a file, and what makes them."""

import mmap
import os
import tempfile

import numpy as np
import pytest

from sentiment.data import encoded_texts, large_arrays
from sentiment.data.count_ratios import log_count_ratios
from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.examples import Examples
from sentiment.data.tokenizer import Tokenizer

TEXTS = EncodedTexts(np.array([2, 3, 2, 3, 3, 4], np.int32), np.array([0, 3, 3, 6]))
TOKENIZER = Tokenizer(["good", "not", "bad"], np.array([2 * 5 + 3]))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder of temporary files. Every array is large in this test."""
    monkeypatch.setattr(large_arrays, "_IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def is_mapped(array):
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array, memoryview) and isinstance(array.obj, mmap.mmap)


def make_examples():
    features = TOKENIZER.features(TEXTS, 2)
    return Examples(features, TEXTS.offsets, np.array([1, 0, 0], np.float32))


def test_a_large_array_is_a_file_that_leaves_nothing_behind(folder):
    array = large_arrays.zeros((3, 2))
    assert is_mapped(array) and array.dtype == np.int32 and array.tolist() == [[0, 0]] * 3
    array[1] = 7
    assert array.tolist() == [[0, 0], [7, 7], [0, 0]]
    assert not list(folder.iterdir())


@pytest.mark.parametrize("shape", [(1 << 24,), (0,), (0, 4)])
def test_an_array_up_to_the_limit_is_in_memory(shape):
    array = large_arrays.zeros(shape)
    assert array.shape == shape and not is_mapped(array)
    assert is_mapped(large_arrays.zeros(((1 << 24) + 1,)))


def test_without_room_on_the_disk_it_is_in_memory(folder, monkeypatch):
    def no_room(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", no_room)
    assert not is_mapped(large_arrays.zeros((3,)))


def test_a_system_that_can_not_reserve_room_has_it_in_memory(folder, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate")
    assert not is_mapped(large_arrays.zeros((3,)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: TEXTS.last(2).tokens,
        lambda: TEXTS.take(np.array([2, 0])).tokens,
        lambda: TOKENIZER.features(TEXTS, 2),
        lambda: (make_examples() + make_examples()).features,
    ],
    ids=["last", "take", "features", "sum"],
)
def test_what_grows_with_the_reviews_is_mapped_and_has_the_same_content(make, request):
    in_memory = make()
    request.getfixturevalue("folder")
    mapped = make()
    assert is_mapped(mapped) and not is_mapped(in_memory)
    np.testing.assert_array_equal(mapped, in_memory)


def test_ratios_are_the_same_in_parts_and_at_once(monkeypatch):
    examples = make_examples()
    at_once = log_count_ratios(examples, 6)
    monkeypatch.setattr(encoded_texts, "_BLOCK", 1)  # a part for each review
    np.testing.assert_array_equal(log_count_ratios(examples, 6), at_once)
    # Positive: good 2, not 1, "good not" 1. Negative: not 2, bad 1. One more of each is counted.
    positive, negative = np.array([3, 2, 1, 2]) / 8, np.array([1, 3, 2, 1]) / 7
    np.testing.assert_allclose(at_once[2:], np.log(positive / negative), rtol=1e-6)
