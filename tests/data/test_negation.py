"""Which words are negated, and the vectors that they have of their own."""

import numpy as np
import pytest

from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.negation import Negation, is_negator
from sentiment.data.tokenizer import Tokenizer, fit, tokenize


def negated_words(*texts):
    words = sorted({word for text in texts for word in tokenize(text)} - {"unknown"})
    tokenizer = Tokenizer(words)
    encoded = tokenizer.encode(texts)
    flags = Negation(words).negated(encoded)
    return [tokenizer.words[word - 2] for word in encoded.tokens[flags]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("good", ""),
        ("it isn't good", "good"),
        ("not good but cheap", "good"),
        ("not good! cheap", "good"),
        ("would you not? cheap", ""),
        ("never one two three four five six", "one two three four five"),
        # A negator is not negated, and the next one begins a reach of its own.
        ("not one never two three four five six seven", "one two three four five six"),
        ("not unknown good", "good"),
        ("good without end", "end"),
        ("dont", ""),
        ("knot good", ""),
        ("", ""),
    ],
)
def test_the_words_after_a_negator_are_negated(text, expected):
    assert " ".join(negated_words(text)) == expected


def test_a_negator_does_not_reach_the_next_text():
    assert negated_words("it is not", "good") == []
    assert is_negator("couldn't") and not is_negator("n'ts")


def test_a_negated_word_has_a_feature_of_its_own():
    texts = ["not good", "never good or bad", "good bad"]
    # not, never, or: once; good: 3, bad: 2. Sorted: good, bad, never, not, or; V is 7.
    tokenizer, encoded = fit(texts, most_words=9, least_word=1, least_ngram=(9, 9), least_negated=2)
    assert tokenizer.words == ["good", "bad", "never", "not", "or"]
    # `good` is negated twice, `or` and `bad` once: the key of `good` is 1 · 7 + 2.
    assert tokenizer.ngrams.tolist() == [9] and tokenizer.feature_count == 8
    features = tokenizer.features(encoded, 2, negation=True)
    assert features[:, 2].tolist() == [0, 7, 0, 7, 0, 0, 0, 0]
    assert features.shape == (8, 3) and not features[:, 1].any()
    assert tokenizer.features(encoded, 2).shape == (8, 2)


def test_a_second_time_in_a_text_a_negated_word_is_not_read():
    tokenizer, encoded = fit(
        ["not good not good", "not good"],
        most_words=9,
        least_word=1,
        least_ngram=(9, 9),
        least_negated=1,
    )
    features = tokenizer.features(encoded, 1, negation=True, repeats=False)
    assert features[:, 1].tolist() == [0, 4, 0, 0, 0, 4]


def test_negated_words_stay_if_there_are_no_ngrams():
    tokenizer = fit(
        ["not good", "not good"], most_words=9, least_word=1, least_ngram=(2, 2), least_negated=1
    )[0]
    # not: 2 (both 2, alphabetical: good 2, not 3); V is 4; "not good" is 3 · 4 + 2.
    assert tokenizer.ngrams.tolist() == [6, 14]
    assert tokenizer.up_to(1, negation=True).ngrams.tolist() == [6]
    assert tokenizer.up_to(1).ngrams.tolist() == []
    assert tokenizer.up_to(2).ngrams.tolist() == [6, 14]


def test_texts_are_alike_alone_and_in_blocks(monkeypatch):
    random = np.random.default_rng(0)
    words = ["not", "but", "!", "good", "bad", "a", "never"]
    lengths = random.integers(0, 12, 200)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tokens = random.integers(1, len(words) + 2, offsets[-1]).astype(np.int32)
    keys = np.arange(2, len(words) + 2) + len(words) + 2
    tokenizer = Tokenizer(words, keys.astype(np.int64))
    encoded = EncodedTexts(tokens, offsets)
    whole = tokenizer.features(encoded, 1, negation=True)
    alone = [
        tokenizer.features(encoded.take(np.array([row])), 1, negation=True) for row in range(200)
    ]
    np.testing.assert_array_equal(whole, np.concatenate(alone))
    assert whole[:, 1].any()
