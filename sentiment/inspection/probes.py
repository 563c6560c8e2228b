"""Choose the texts whose hidden states every run records after every epoch."""

import re
from dataclasses import dataclass

import numpy as np

from sentiment.data.labels import NEGATIVE, POSITIVE, UNLABELLED
from sentiment.data.prepared import Split

REVIEWS = 64
_HARD_REVIEWS = 16  # of them, those with the largest share of negating words
_NEGATION = re.compile(r"\b(?:no|not|nor|never|nothing|nobody|none|cannot)\b|n['’]t\b", re.I)


@dataclass(frozen=True)
class Sentence:
    """A sentence that tests one thing. label: 1 positive, 0 negative, -1 no opinion."""

    id: str
    label: int
    text: str


# Written for this project.
SENTENCES = (
    Sentence("negation", 0, "This film is not good at all."),
    Sentence("double negation", 1, "I cannot say that I did not enjoy it."),
    Sentence("but, ends well", 1, "The first half drags, but the ending is wonderful."),
    Sentence("but, ends badly", 0, "The actors are wonderful, but the story is a waste of time."),
    Sentence("mild", 1, "It was a good film."),
    Sentence("intense", 1, "It was an absolutely superb, unforgettable film."),
    Sentence("sarcasm", 0, "Oh great, two more hours of my life that I will never get back."),
    Sentence(
        "plot alone", UNLABELLED, "A young woman moves to the city and finds work in a bakery."
    ),
    Sentence("comparison", 0, "The book was brilliant; next to it this film is lifeless."),
    Sentence("expectation", 1, "I expected it to be terrible and I was completely wrong."),
    Sentence("others disagree", 1, "My friends hated every minute of it, yet I loved it."),
    Sentence("said early", 0, "Awful. We saw it on a Sunday in a small cinema near the station."),
)


@dataclass(frozen=True)
class Probes:
    """Labelled reviews, the negative ones first, followed by the sentences.

    ids: unique; labels: int8 (N,), as in `Sentence`; reviews: how many of the N texts are reviews.
    """

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    labels: np.ndarray
    reviews: int

    @property
    def sentences(self) -> range:
        """The rows of the sentences."""
        return range(self.reviews, len(self.texts))


def make_probes(ids: list[str], texts: list[str], labels: np.ndarray) -> Probes:
    """Return probes of the given reviews and the sentences."""
    return Probes(
        (*ids, *(sentence.id for sentence in SENTENCES)),
        (*texts, *(sentence.text for sentence in SENTENCES)),
        np.array([*labels, *(sentence.label for sentence in SENTENCES)], np.int8),
        len(texts),
    )


def choose_probes(split: Split, rows: np.ndarray, longest: int) -> Probes:
    """Return probes of some of the reviews `rows`, int64 (N,), of a split and the sentences.

    longest: tokens of a review that the model reads.
    """
    labels, lengths = split.labels[rows], np.minimum(split.encoded.lengths[rows], longest)
    texts = [split.text(row) for row in rows]
    chosen = choose_reviews(labels, lengths, texts)
    ids = [f"review {rows[index]}" for index in chosen]
    return make_probes(ids, [texts[index] for index in chosen], labels[chosen])


def choose_reviews(
    labels: np.ndarray, lengths: np.ndarray, texts: list[str], count: int = REVIEWS
) -> np.ndarray:
    """Return the rows of `count` reviews, int64: half of each label, negative ones first.

    A quarter of each half are the hard reviews: those with the largest share of negating words.
    The others are drawn one each from groups of rising length, so that they go from short to long.
    The choice depends on the reviews alone: every run on the same data has the same probes. If a
    label has fewer reviews, all of them are chosen.
    """
    negations = np.array([len(_NEGATION.findall(text)) for text in texts])
    shares = negations / np.maximum(lengths, 1)
    generator = np.random.default_rng(0)
    chosen = []
    for label in (NEGATIVE, POSITIVE):
        rows = np.flatnonzero(labels == label)
        half = min(count // 2, len(rows))
        hard = rows[np.argsort(-shares[rows], kind="stable")][: half * _HARD_REVIEWS // REVIEWS]
        others = np.setdiff1d(rows, hard)
        others = others[np.argsort(lengths[others], kind="stable")]
        ranges = np.array_split(others, half - len(hard)) if half > len(hard) else []
        drawn = [int(generator.choice(part)) for part in ranges]
        both = np.array([*drawn, *hard], np.int64)
        chosen.append(both[np.argsort(lengths[both], kind="stable")])
    return np.concatenate(chosen)
