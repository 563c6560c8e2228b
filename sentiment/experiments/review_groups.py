"""Reviews in groups of equal size, and the number of each review that says where it belongs.

Knows arrays only; knows nothing of networks or of what is measured in the groups.
"""

from dataclasses import dataclass

import numpy as np

TELLING = 1.0  # size of a word's log-count ratio from which it counts as opinion: e to one
_MIDDLE = 0.5  # where the opinion of a review without a telling word is said to stand


@dataclass(frozen=True)
class Group:
    """The least and the largest value in a group, and how many reviews it has."""

    least: float
    most: float
    reviews: int


@dataclass(frozen=True)
class Grouping:
    """Groups of rising values. member: int64 (N,), the group of each review."""

    groups: tuple[Group, ...]
    member: np.ndarray

    def means(self, values: np.ndarray) -> tuple[float, ...]:
        """Return the mean of `values`, one a review, (N,), in each group."""
        sums = np.bincount(self.member, weights=values, minlength=len(self.groups))
        return tuple(
            float(total) / group.reviews for total, group in zip(sums, self.groups, strict=True)
        )


def in_equal_parts(values: np.ndarray, count: int) -> Grouping:
    """Divide reviews by their `values`, (N,), into `count` groups as equal in size as can be.

    Equal values stay together, so that there are fewer groups where few values occur:

    >>> in_equal_parts(np.array([5, 1, 9, 1]), 2).groups
    (Group(least=1.0, most=1.0, reviews=2), Group(least=5.0, most=9.0, reviews=2))
    """
    shares = np.arange(1, count) / count
    # The inverted distribution: a border is a value that occurs, the last one of its group.
    borders = np.quantile(values, shares, method="inverted_cdf")
    _, member = np.unique(np.searchsorted(borders, values, side="left"), return_inverse=True)
    parts = [values[member == number] for number in range(int(member.max(initial=-1)) + 1)]
    groups = tuple(Group(float(part.min()), float(part.max()), len(part)) for part in parts)
    return Grouping(groups, member)


def opinion_centres(tokens: np.ndarray, offsets: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    """Return where the opinion of each review stands, float64 (N,), from 0, early, to 1, late.

    tokens: int (total tokens,), word ids; offsets: int64 (N + 1,); ratios: float (V,), the
    log-count ratio of each word. It is the mean of the words' relative places, (t + ½) / T,
    weighted by the size of their ratios. Words below `TELLING` weigh nothing: those that say
    little are many and stand everywhere, and would draw every centre to the middle.

    The sign of a ratio is left out on purpose. By the evidence for a review's own label the groups
    would differ in how hard they are; by this measure counting alone is right in 82.3, 81.9 and
    82.2 % of IMDB's test reviews of the early, the middle and the late third, so that what a
    network does differently there comes of how it reads. One thing is not balanced: reviews in
    the middle third are longer, as many words average out.
    """
    lengths = np.diff(offsets)
    places = np.arange(len(tokens)) - np.repeat(offsets[:-1], lengths) + 0.5
    sizes = np.abs(ratios)
    weights = np.where(sizes >= TELLING, sizes, 0.0)[tokens]
    review = np.repeat(np.arange(len(lengths)), lengths)
    total = np.bincount(review, weights, minlength=len(lengths))
    moment = np.bincount(review, weights * places, minlength=len(lengths))
    centres = np.full(len(lengths), _MIDDLE)
    return np.divide(moment, total * lengths, out=centres, where=total > 0)
