import numpy as np

from sentiment.data.labels import UNLABELLED
from sentiment.inspection import probes
from sentiment.inspection.probes import SENTENCES


def make_reviews(count):
    """Return labels, lengths and texts of reviews; every tenth of them has negating words."""
    draw = np.random.default_rng(1)
    lengths = draw.integers(20, 900, count)
    texts = ["not never no " * 5 if row % 10 == 0 else "a film" for row in range(count)]
    return np.arange(count) % 2, lengths, texts


def test_reviews_are_balanced_go_from_short_to_long_and_include_hard_ones():
    labels, lengths, texts = make_reviews(2500)
    chosen = probes.choose_reviews(labels, lengths, texts)
    assert len(set(chosen.tolist())) == 64
    assert labels[chosen].tolist() == [0] * 32 + [1] * 32
    negative, positive = lengths[chosen[:32]], lengths[chosen[32:]]
    assert (np.diff(negative) >= 0).all() and (np.diff(positive) >= 0).all()
    assert negative[0] < 100 and negative[-1] > 800
    # Reviews with negating words have even rows, so all are negative; a quarter of 32 are hard.
    hard = [row for row in chosen if row % 10 == 0]
    assert len(hard) >= 8


def test_hard_reviews_have_the_largest_share_of_negating_words():
    labels = np.zeros(200, int)
    texts = ["fine film"] * 200
    texts[150], texts[30] = "I didn't, wouldn’t, can't", "it is NOT for nobody"
    lengths = np.full(200, 10)
    assert {30, 150} <= set(probes.choose_reviews(labels, lengths, texts, count=16).tolist())


def test_the_choice_is_deterministic_and_few_reviews_are_all_chosen():
    first, second = (probes.choose_reviews(*make_reviews(300)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    labels, lengths = np.array([1, 0, 1, 0, 1, 0]), np.array([30, 5, 10, 9, 20, 7])
    # Negative reviews by length: rows 1, 5, 3; positive reviews: rows 2, 4, 0.
    every = probes.choose_reviews(labels, lengths, ["a film"] * 6)
    assert every.tolist() == [1, 5, 3, 2, 4, 0]


def test_the_sentences_follow_the_reviews():
    result = probes.make_probes(["review 7"], ["A film."], np.array([1]))
    assert result.ids[0] == "review 7" and result.texts[0] == "A film."
    assert [result.texts[row] for row in result.sentences] == [one.text for one in SENTENCES]
    assert result.labels.dtype == np.int8
    assert len(set(result.ids)) == len(result.ids) == 13
    assert {sentence.label for sentence in SENTENCES} == {0, 1, UNLABELLED}
