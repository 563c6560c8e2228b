import itertools
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.tokenizer import Tokenizer, fit, tokenize
from sentiment.errors import DamagedFileError

TEXTS = ["a b a b", "b a c", "A B! c"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("   \t\n", []),
        ("One<br />two<br/>THREE", ["one", "two", "three"]),
        ("<i>so</i> 2 < 3 > 1", ["so", "2", "3", "1"]),
        ("it&#39;s &amp; isn&quot;t &eacute;", ["it's", "isn", "t", "e"]),
        ("don\u2019t don\u00b4t don`t", ["don't"] * 3),
        ("'quoted' rock'n'roll", ["quoted", "rock'n'roll"]),
        ("caf\u00e9 cafe\u0301 CAF\u00c9", ["cafe"] * 3),
        ("a\x00b\x07c\u200bd", ["a", "b", "c", "d"]),
        ("co\u00adoperate zero\u200djoined", ["cooperate", "zerojoined"]),
        ("7/10 and 7 / 10", ["7/10", "and", "7", "10"]),
        ("no!! really?", ["no", "!", "!", "really", "?"]),
        ("fun :) sad :-( \U0001f600\u2764", ["fun", ":)", "sad", ":-(", "\U0001f600", "\u2764"]),
        ("snake_case", ["snake", "case"]),
        ("Привет 你好", ["привет", "你好"]),
    ],
)
def test_tokens_of_a_text(text, tokens):
    assert tokenize(text) == tokens


def test_a_review_of_a_hundred_thousand_words_takes_linear_time():
    started = time.process_time()
    assert len(tokenize("<br />word's " * 100_000)) == 100_000
    assert len(tokenize("<" * 100_000 + "a" * 100_000)) == 1
    assert time.process_time() - started < 60  # seconds of CPU; it takes less than one


@given(st.text())
def test_tokens_are_lower_case_and_have_no_spaces(text):
    for token in tokenize(text):
        assert token and token == token.lower() and not any(c.isspace() for c in token)


def test_words_are_ordered_by_frequency_then_alphabetically():
    # a: 4, b: 4, c: 2, !: 1
    tokenizer, encoded = fit(TEXTS, most_words=9, least_word=1, least_ngram=(2, 2))
    assert tokenizer.words == ["a", "b", "c", "!"]
    assert encoded.tokens.tolist() == [2, 3, 2, 3, 3, 2, 4, 2, 3, 5, 4]
    assert encoded.offsets.tolist() == [0, 4, 7, 11]
    # Pairs seen twice: ab (2, 3) three times, ba (3, 2) twice. V is 6: keys 15 and 20.
    assert tokenizer.ngrams.tolist() == [2 * 6 + 3, 3 * 6 + 2]
    assert (tokenizer.vocabulary_size, tokenizer.feature_count) == (6, 8)


def test_rare_words_and_words_beyond_the_limit_are_unknown():
    tokenizer, encoded = fit(TEXTS, most_words=2, least_word=2, least_ngram=())
    assert tokenizer.words == ["a", "b"]
    assert encoded.tokens.tolist() == [2, 3, 2, 3, 3, 2, 1, 2, 3, 1, 1]
    assert tokenizer.encode(["c a never"]).tokens.tolist() == [1, 2, 1]


def test_ids_do_not_depend_on_how_many_texts_are_looked_up_at_once(monkeypatch):
    known = Tokenizer(["a", "good", "film", "caf\u00e9", "of7/10", "7/10", "\u2b50"])
    texts = ["A good film, 7/10!", "", "caf\u00e9 \u2b50 b", "a " * 50, "!"]
    expected = known.encode(texts)
    assert expected.tokens.tolist()[:5] == [2, 3, 4, 7, 1]
    for few, batch in itertools.product((0, 1 << 30), (1, 7, 1 << 30)):
        monkeypatch.setattr("sentiment.data.tokenizer._FEW", few)
        monkeypatch.setattr("sentiment.data.tokenizer._BATCH", batch)
        found = known.encode(iter(texts))
        assert (found.tokens.dtype, found.offsets.dtype) == (np.int32, np.int64)
        assert found.tokens.tolist() == expected.tokens.tolist()
        assert found.offsets.tolist() == expected.offsets.tolist()


@pytest.mark.parametrize(("least", "known"), [(0, [15, 16, 20, 23, 34]), (3, [15]), (10, [])])
def test_how_often_a_pair_must_occur(least, known):
    # Pairs a·6 + b: ab three times, ba twice; ac, b! and !c come once.
    tokenizer, _ = fit(TEXTS, most_words=9, least_word=1, least_ngram=(least,))
    assert tokenizer.ngrams.tolist() == known


def test_features_are_the_word_and_the_known_ngrams_that_end_there():
    tokenizer, _ = fit(TEXTS, most_words=9, least_word=1, least_ngram=(2, 1))
    # After the pairs ab = 6 and ba = 7 come the triples by key: aba (2,3,2), ab! (2,3,5),
    # bac (3,2,4), bab (3,2,3), b!c (3,5,4): by key aba < ab! < bab < bac < b!c.
    encoded = tokenizer.encode(["a b a b", "a", "b ! c x b"])
    found = tokenizer.features(encoded, 3)
    assert found.tolist() == [
        [2, 0, 0],
        [3, 6, 0],
        [2, 7, 8],  # aba
        [3, 6, 10],  # bab
        [2, 0, 0],  # no n-gram begins in the previous review
        [3, 0, 0],
        [5, 0, 0],
        [4, 0, 12],  # b!c is known, !c is not
        [1, 0, 0],
        [3, 0, 0],  # no n-gram has an unknown word
    ]


def test_up_to_keeps_the_ids_of_shorter_ngrams():
    tokenizer, encoded = fit(TEXTS, most_words=9, least_word=1, least_ngram=(2, 1))
    pairs, words = tokenizer.up_to(2), tokenizer.up_to(1)
    assert (pairs.feature_count, words.feature_count) == (8, 6)
    np.testing.assert_array_equal(pairs.features(encoded, 2), tokenizer.features(encoded, 3)[:, :2])
    np.testing.assert_array_equal(words.features(encoded, 1)[:, 0], encoded.tokens)
    assert not words.features(encoded, 2)[:, 1].any()


def test_take_selects_reviews_and_last_cuts_them():
    reviews = EncodedTexts(np.arange(6, dtype=np.int32), np.array([0, 2, 2, 6]))
    assert reviews.lengths.tolist() == [2, 0, 4]
    taken = reviews.take(np.array([2, 0, 1, 0]))
    assert taken.tokens.tolist() == [2, 3, 4, 5, 0, 1, 0, 1]
    assert taken.offsets.tolist() == [0, 4, 6, 6, 8]
    cut = reviews.last(3)
    assert cut.tokens.tolist() == [0, 1, 3, 4, 5]
    assert cut.offsets.tolist() == [0, 2, 2, 5]


@given(st.lists(st.text(alphabet="ab c!", max_size=12), max_size=6), st.randoms())
def test_a_text_is_encoded_the_same_alone_and_among_others(texts, random):
    tokenizer, _ = fit(TEXTS, most_words=9, least_word=1, least_ngram=(1, 1))
    together = tokenizer.encode(texts)
    features = tokenizer.features(together, 3)
    order = list(range(len(texts)))
    random.shuffle(order)
    shuffled = tokenizer.encode([texts[row] for row in order])
    taken = together.take(np.array(order, int))
    np.testing.assert_array_equal(taken.tokens, shuffled.tokens)
    np.testing.assert_array_equal(taken.offsets, shuffled.offsets)
    for row, text in enumerate(texts):
        alone = tokenizer.encode([text])
        own = slice(*together.offsets[row : row + 2])
        np.testing.assert_array_equal(tokenizer.features(alone, 3), features[own])


def test_a_written_vocabulary_is_read_back(tmp_path):
    tokenizer, _ = fit(
        [*TEXTS, "caf\u00e9 \U0001f600"], most_words=9, least_word=1, least_ngram=(1,)
    )
    tokenizer.write(tmp_path)
    read = Tokenizer.read(tmp_path, 1, hint="")
    assert read.words == tokenizer.words
    np.testing.assert_array_equal(read.ngrams, tokenizer.ngrams)


def test_more_words_than_a_key_can_hold_are_an_error():
    assert Tokenizer(["word"] * ((1 << 20) - 2)).vocabulary_size == 1 << 20
    with pytest.raises(ValueError, match=r"^expected at most 1048574 words, got 1048575$"):
        Tokenizer(["word"] * ((1 << 20) - 1))


def test_exactly_the_known_ngrams_have_ids():
    generator = np.random.default_rng(0)
    words = [f"w{number}" for number in range(300)]
    rows = generator.integers(1, 302, (50, 200)).astype(np.int32)
    encoded = EncodedTexts(rows.ravel(), np.arange(51) * 200)
    size = 302
    pairs = [(int(a), int(b)) for row in rows[::2] for a, b in itertools.pairwise(row)]
    known = sorted({a * size + b for a, b in pairs if min(a, b) > 1})
    tokenizer = Tokenizer(words, np.array(known))
    found = tokenizer.features(encoded, 2)[:, 1].reshape(rows.shape)
    ids_by_key = {key: size + number for number, key in enumerate(known)}
    for row, ids in zip(rows.tolist(), found.tolist(), strict=True):
        pairs = itertools.pairwise(row)
        assert ids[0] == 0
        assert ids[1:] == [
            ids_by_key.get(a * size + b, 0) if min(a, b) > 1 else 0 for a, b in pairs
        ]


@pytest.mark.parametrize("texts", [TEXTS, [""], []])
def test_ids_are_int32_and_offsets_int64(texts):
    tokenizer, fitted = fit(TEXTS, most_words=9, least_word=1, least_ngram=(2,))
    for encoded in (fitted, tokenizer.encode(texts)):
        assert (encoded.tokens.dtype, encoded.offsets.dtype) == (np.int32, np.int64)
    found = tokenizer.features(tokenizer.encode(texts), 2)
    assert (found.dtype, found.shape[1]) == (np.int32, 2)


def test_a_vocabulary_without_ngrams():
    tokenizer = Tokenizer(["a", "b"])
    assert (tokenizer.ngrams.shape, tokenizer.ngrams.dtype) == ((0,), np.int64)
    assert tokenizer.feature_count == 4
    assert tokenizer.features(tokenizer.encode(["a b"]), 2).tolist() == [[2, 0], [3, 0]]


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("words.txt", lambda path: path.write_bytes(b"good\n\xff\n"), "words.txt can't be read: "),
        ("ngrams.npy", lambda path: path.write_bytes(b""), "ngrams.npy can't be read: "),
        # The last key is above the first, but not above the second.
        (
            "ngrams.npy",
            lambda path: np.save(path, np.array([5, 9, 7])),
            "ngrams.npy holds no ascending",
        ),
        (
            "ngrams.npy",
            lambda path: np.save(path, np.array([5.0])),
            "ngrams.npy holds no ascending",
        ),
    ],
)
def test_the_error_for_an_invalid_vocabulary_names_the_file(tmp_path, name, write, message):
    fit(TEXTS, most_words=9, least_word=1, least_ngram=(2,))[0].write(tmp_path)
    write(tmp_path / name)
    with pytest.raises(DamagedFileError) as caught:
        Tokenizer.read(tmp_path, 1, hint="do this")
    assert caught.value.fact.startswith(f"{tmp_path}/{message}")
    assert caught.value.hint == "do this"


def test_words_are_written_in_utf_8_one_per_line(tmp_path):
    Tokenizer(["é", "\U0001f600"]).write(tmp_path)
    assert (tmp_path / "words.txt").read_bytes() == b"\xc3\xa9\n\xf0\x9f\x98\x80\n"


def test_without_repeats_a_word_counts_once_a_text():
    vocabulary = Tokenizer(["a", "b"], np.sort([2 * 4 + 3, 3 * 4 + 2]))  # "a b" and "b a"
    encoded = vocabulary.encode(["a b a b", "b", "", "a a zzz a"])
    found = vocabulary.features(encoded, 2, repeats=False)
    assert found.tolist() == [
        [2, 0], [3, 4], [1, 5], [1, 0],  # the second "a b" is not read
        [3, 0],  # in a text of its own
        [2, 0], [1, 0], [1, 0], [1, 0],
    ]  # fmt: skip
    assert vocabulary.features(encoded, 2)[:4].tolist() == [[2, 0], [3, 4], [2, 5], [3, 4]]
