"""Choose the band of probabilities in which a short text is called neutral.

Validation reviews are labelled, their sentences are not. The last sentence of a review mostly says
its verdict, so it stands for the review: of all sentences it is the one whose own label is most
often that of its review. The band leaves out what the model is least sure of, up to the point from
which on its verdicts on these sentences agree with the reviews' labels in 9 of 10 cases, positive
and negative ones each.
"""

from collections.abc import Iterable

import numpy as np

from sentiment.data.sentences import cut_sentences
from sentiment.inference.classifier import Classifier
from sentiment.inference.manifest import NeutralBand

ACCURACY = 0.9  # of the positive verdicts outside of the band, and of the negative ones
_MIN_VERDICTS = 50  # of each label: fewer say little about a share of 9 in 10
_STEPS = 100  # the ends of a band are hundredths, which can be typed


def measure_band(classifier: Classifier, reviews: Iterable[tuple[str, int]]) -> NeutralBand | None:
    """Return the band for `reviews`, each with its label, 1 or 0, as a model has them; or None.

    No training may have seen the reviews. None: there are too few sentences, or the model is not
    right often enough even where it is surest.
    """
    sentences, labels = [], []
    for text, label in reviews:
        if closing := cut_sentences(text)[-1:]:
            sentences += closing
            labels.append(label)
    return choose_band(classifier.predict(sentences), np.array(labels))


def choose_band(probabilities: np.ndarray, labels: np.ndarray) -> NeutralBand | None:
    """Return the narrowest band outside of which 9 of 10 verdicts of each label are right.

    probabilities: P(positive) of sentences, (N,); labels: 1 or 0, (N,). None if there is no such
    band with at least 50 verdicts of each label outside.
    """
    probabilities = np.round(np.asarray(probabilities, np.float64), 6)  # as `predict` compares them
    positive = labels == 1
    high = _border(probabilities, positive)
    below = _border(1 - probabilities, ~positive)
    if high is None or below is None:
        return None
    low = round(1 - below, 2)
    outside = (probabilities < low) | (probabilities > high)
    right = (probabilities > 0.5) == positive
    return NeutralBand(
        low=low,
        high=high,
        sentences=len(labels),
        coverage=round(float(outside.mean()), 4),
        accuracy=round(float(right[outside].mean()), 4),
    )


def _border(probabilities: np.ndarray, is_right: np.ndarray) -> float | None:
    """Return the lowest border, from 0.5 in hundredths, above which enough verdicts are right."""
    for step in range(_STEPS // 2, _STEPS):
        border = step / _STEPS
        above = is_right[probabilities > border]
        if len(above) < _MIN_VERDICTS:
            return None
        if above.mean() >= ACCURACY:
            return border
    return None
