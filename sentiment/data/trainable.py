"""Check that a classifier can learn from texts and labels, before minutes of training."""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.grouping import group_texts
from sentiment.data.labels import NEGATIVE, POSITIVE, label_name
from sentiment.data.prepared import PreparedDataset
from sentiment.errors import InputError
from sentiment.utils.text import count_of

_MIN_OF_LABEL = 2  # different texts: one to learn from, one to validate on
# Thai, Lao, Myanmar, Khmer, Hiragana, Katakana and Han.
_NO_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af]"
)
_BETWEEN_WORDS = re.compile("[\\s\u200b]+")  # a blank, or an invisible space of width zero
# Mean number of letters between blanks. Words of these scripts have two to five; sentences more.
_MAX_MEAN_WORD = 6
_SAMPLE_TEXTS, _SAMPLE_CHARACTERS = 1000, 500


def group_reviews(encoded: EncodedTexts) -> np.ndarray:
    """Return the group of each review, int64 (N,): those with the same word ids are one group."""
    ends = pairwise(encoded.offsets.tolist())
    return group_texts(encoded.tokens[start:end].tobytes() for start, end in ends)


def check_dataset(data: PreparedDataset) -> None:
    """Raise InputError if the training reviews of `data` are too few or have one label alone."""
    split = data.split("train")
    check_labels(split.labels, group_reviews(split.encoded))


def check_labels(labels: np.ndarray, groups: np.ndarray) -> None:
    """Raise InputError unless each label has texts of at least two groups.

    labels, groups: int (N,); texts of one group are equal.
    """
    total = len(labels)
    counts = {label: int(np.sum(labels == label)) for label in (NEGATIVE, POSITIVE)}
    rarer, other = sorted(counts, key=counts.__getitem__)
    if total and counts[other] == total:
        raise InputError(
            f"all {count_of(total, 'training text')} are {label_name(other)}: "
            "a classifier needs both labels",
            hint=f"add texts that are labelled {label_name(rarer)}",
        )
    for label, count in counts.items():
        if len(np.unique(groups[labels == label])) < _MIN_OF_LABEL:
            name = label_name(label)
            few = f"there are {total:,} training texts, {count:,} of them {name}"
            equal = f"the {count:,} {name} training texts are all equal"
            raise InputError(
                f"{equal if count > 1 else few}: training needs at least {_MIN_OF_LABEL} different "
                "texts of each label, one to learn from and one to validate on",
                hint=f"add texts that are labelled {name}",
            )


def check_spaces(texts: Sequence[str]) -> None:
    """Raise InputError if most texts are in a writing without spaces and are not segmented.

    A tokenizer that divides at blanks and marks finds whole sentences in such texts, and no words.
    """
    letters = unspaced = pieces = 0
    for text in texts[:: max(1, len(texts) // _SAMPLE_TEXTS)]:
        for piece in _BETWEEN_WORDS.split(text[:_SAMPLE_CHARACTERS]):
            in_piece = "".join(filter(str.isalpha, piece))
            count = len(_NO_SPACES.findall(in_piece))
            letters, unspaced, pieces = (
                letters + len(in_piece),
                unspaced + count,
                pieces + bool(count),
            )
    if 2 * unspaced > letters and unspaced > _MAX_MEAN_WORD * pieces:
        raise InputError(
            "the texts are in a writing without spaces, and words are what the classifier reads: "
            f"there are {unspaced / pieces:.0f} letters between blanks on average",
            hint="segment the texts first, so that blanks divide the words: "
            "“这部 电影 很 好看”, not “这部电影很好看”",
        )
