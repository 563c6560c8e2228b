import numpy as np

from sentiment.data.labels import UNLABELLED
from sentiment.inspection import probes
from sentiment.inspection.probes import SENTENCES


def reviews(count):
    """Return labels, lengths and texts of `count` reviews, every tenth of which negates."""
    draw = np.random.default_rng(1)
    lengths = draw.integers(20, 900, count)
    texts = ["not never no " * 5 if row % 10 == 0 else "a film" for row in range(count)]
    return np.arange(count) % 2, lengths, texts


def test_they_are_balanced_from_short_to_long_with_hard_ones_among_them():
    labels, lengths, texts = reviews(2500)
    chosen = probes.choose_reviews(labels, lengths, texts)
    assert len(set(chosen.tolist())) == 64
    assert labels[chosen].tolist() == [0] * 32 + [1] * 32
    negative, positive = lengths[chosen[:32]], lengths[chosen[32:]]
    assert (np.diff(negative) >= 0).all() and (np.diff(positive) >= 0).all()
    assert negative[0] < 100 and negative[-1] > 800
    # The negating reviews are all of even rows, so negative; a quarter of 32 are the hard ones.
    hard = [row for row in chosen if row % 10 == 0]
    assert len(hard) >= 8


def test_the_hard_ones_are_those_with_the_largest_share_of_negating_words():
    labels = np.zeros(200, int)
    texts = ["fine film"] * 200
    texts[150], texts[30] = "I didn't, wouldn’t, can't", "it is NOT for nobody"
    lengths = np.full(200, 10)
    assert {30, 150} <= set(probes.choose_reviews(labels, lengths, texts, count=16).tolist())


def test_they_depend_on_the_reviews_alone_and_few_are_all_taken():
    first, second = (probes.choose_reviews(*reviews(300)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    labels, lengths = np.array([1, 0, 1, 0, 1, 0]), np.array([30, 5, 10, 9, 20, 7])
    # Negative ones by length: rows 1, 5, 3; positive ones: rows 2, 4, 0.
    every = probes.choose_reviews(labels, lengths, ["a film"] * 6)
    assert every.tolist() == [1, 5, 3, 2, 4, 0]


def test_the_sentences_follow_the_reviews():
    made = probes.make_probes(["review 7"], ["A film."], np.array([1]))
    assert made.ids[0] == "review 7" and made.texts[0] == "A film."
    assert [made.texts[place] for place in made.sentences] == [one.text for one in SENTENCES]
    assert made.labels.dtype == np.int8
    assert len(set(made.ids)) == len(made.ids) == 13
    assert {sentence.label for sentence in SENTENCES} == {0, 1, UNLABELLED}
