"""Words have the ids that a dictionary would give them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.data.ngram_keys import FIRST_WORD, UNKNOWN
from sentiment.data.word_table import GrowingTable, WordTable

words = st.text("aé⭐0'", min_size=1, max_size=20)


def by_dictionary(known, text):
    ids = {word: number for number, word in enumerate(known, FIRST_WORD)}
    return [ids.get(word, UNKNOWN) for word in text.split(" ") if word]


@given(
    st.lists(words, unique=True, max_size=40),
    st.lists(st.lists(st.one_of(words, st.just("")), max_size=9), max_size=5),
)
def test_ids_are_those_of_a_dictionary(known, texts):
    joined = [" ".join([*text, *known]) for text in texts]
    encoded = WordTable(known).encode(joined)
    assert (encoded.tokens.dtype, encoded.offsets.dtype) == (np.int32, np.int64)
    assert len(encoded) == len(texts)
    expected = [by_dictionary(known, text) for text in joined]
    assert encoded.tokens.tolist() == [number for ids in expected for number in ids]
    assert encoded.lengths.tolist() == [len(ids) for ids in expected]


def test_words_that_share_a_slot():
    # 5,000 words in 32,768 slots: hundreds share one.
    known = [f"w{number}" for number in range(5000)]
    table = WordTable(known)
    assert len(table._others) > 100
    text = " ".join(known + [f"x{number}" for number in range(50_000)])
    assert table.encode([text]).tokens.tolist() == by_dictionary(known, text)


@pytest.mark.parametrize("size", [7, 8, 9, 15, 16, 17, 40])
def test_a_word_is_known_by_all_of_its_bytes(size):
    known = ["a" * size]
    text = " ".join("a" * length for length in range(1, 42))
    assert WordTable(known).encode([text]).tokens.tolist() == by_dictionary(known, text)
    assert WordTable(known).encode(["a" * (size - 1) + "b"]).tokens.tolist() == [UNKNOWN]


def test_a_word_with_a_zero_is_no_other_word():
    assert WordTable(["a\0", "b\0c"]).encode(["a b bc"]).tokens.tolist() == [UNKNOWN] * 3
    assert WordTable(["\ud800", "a"]).encode(["a"]).tokens.tolist() == [FIRST_WORD + 1]


def test_texts_without_words():
    encoded = WordTable([]).encode(["", " ", "a"])
    assert (encoded.tokens.tolist(), encoded.offsets.tolist()) == ([UNKNOWN], [0, 0, 0, 1])
    assert WordTable(["a"]).encode([]).offsets.tolist() == [0]


@given(st.lists(st.lists(words, max_size=9), max_size=20))
def test_a_growing_table_numbers_words_as_they_are_met(texts):
    table, expected = GrowingTable(), {}
    for text in texts:
        numbers = [expected.setdefault(word, len(expected) + FIRST_WORD) for word in text]
        assert table.encode([" ".join(text)]).tokens.tolist() == numbers
    assert table.words == list(expected)
