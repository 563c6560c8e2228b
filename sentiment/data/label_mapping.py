"""Decide which labels of a data set are positive and which negative."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sentiment.data.labels import NEGATIVE, POSITIVE
from sentiment.errors import InputError
from sentiment.utils.text import count_of, escape_control

_WORDS = (frozenset({"pos", "positive", "true"}), frozenset({"neg", "negative", "false"}))
# Pairs of numbers, (positive, negative), that a whole column of labels may use.
_PAIRS = (("1", "0"), ("1", "-1"), ("4", "0"))
# A class 1 of two numbered classes is negative in fastText's and TFDS's copies of Yelp and Amazon.
_CLASS_PAIR = ("2", "1")
_FASTTEXT, _TRANSFORMERS = "__label__", "label_"
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?")
_LISTED = 8  # labels that a message names


def normalize_label(value: Any) -> str | None:
    """Return one spelling for equal labels; None if there is no label (None, NaN, blank).

    Letters become lower case and numbers lose zeros: 4, 4.0, "4" and "4.0" are all "4".
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    text = str(value).strip().lower()
    if not _NUMBER.fullmatch(text):
        return text or None
    number = float(text)
    return str(int(number)) if number.is_integer() else str(number)


def parse_labels(text: str) -> frozenset[str]:
    """Return the normalised labels of a list with commas, such as `4,5`."""
    return frozenset(name for part in text.split(",") if (name := normalize_label(part)))


@dataclass(frozen=True)
class LabelMapping:
    """The labels that are positive and those that are negative, see `normalize_label`.

    Every other label is neither: its rows are left out.
    """

    positive: frozenset[str]
    negative: frozenset[str]

    def label(self, name: str) -> int | None:
        """Return 1 or 0 for a normalised label, None for one that is neither."""
        names = {name, _without_prefix(name)}
        if names & self.positive:
            return POSITIVE
        return NEGATIVE if names & self.negative else None

    @classmethod
    def parse(cls, positive: str, negative: str) -> "LabelMapping | None":
        """Return the mapping of --positive and --negative, None if both are empty.

        Both are labels with commas between them. Raises InputError if only one is given or a
        label is in both.
        """
        if not positive.strip() and not negative.strip():
            return None
        sides = [parse_labels(text) for text in (positive, negative)]
        if not all(sides):
            raise InputError("--positive and --negative belong together: give both")
        if both := sides[0] & sides[1]:
            raise InputError(f"label {min(both)} is in --positive and in --negative")
        return cls(*sides)

    @classmethod
    def infer(
        cls, counts: Mapping[str, int], where: str, *, classes: bool = False
    ) -> "LabelMapping":
        """Return the mapping of a whole column; counts: rows of each normalised label.

        Known are words (positive, pos, true …) and the pairs of numbers 1 and 0, 1 and -1, and 4
        and 0; with the prefix of fastText, or if the labels are names of `classes`, also 2 and 1.
        where: the data set and the column, for messages. Raises InputError, which lists the
        labels and says what to type, if the meaning of the labels is not certain.
        """
        bare = {name: _without_prefix(name) for name in counts}
        if set(bare.values()) == {"-1"}:
            raise InputError(
                f"{where}: every label is -1, which means that the texts have no labels",
                hint="sentiment predict --input FILE",
            )
        known = [words & set(bare.values()) for words in _WORDS]
        numbers = {name for name in bare.values() if _NUMBER.fullmatch(name)}
        classes = classes or any(name.startswith(_FASTTEXT) for name in counts)
        pair = _find_pair(numbers, classes)
        if pair is None and (not any(known) or numbers & {"0", "1"}):
            raise _unknown(counts, where)
        sides = [words | ({pair[side]} if pair else set()) for side, words in enumerate(_WORDS)]
        return cls(*sides)

    def check_found(self, counts: Mapping[str, int], where: str) -> None:
        """Raise InputError, which lists the labels, if none of them is positive or negative."""
        if all(self.label(name) is None for name in counts):
            raise InputError(
                f"{where}: none of the labels is in --positive or --negative: "
                f"{describe_counts(counts)}",
                hint=_options_hint(counts),
            )


def _find_pair(numbers: set[str], classes: bool) -> tuple[str, str] | None:
    """Return the pair (positive, negative) of the numbers, None if there is no certain one."""
    pairs = (*_PAIRS, _CLASS_PAIR) if classes else _PAIRS
    fitting = [pair for pair in pairs if numbers and numbers <= set(pair)]
    # One number alone must mean the same in all pairs: 1 is positive in two of them.
    meanings = {tuple(number == pair[0] for number in sorted(numbers)) for pair in fitting}
    # A lone 4 may be four of five stars.
    return fitting[0] if len(meanings) == 1 and numbers != {"4"} else None


def _without_prefix(name: str) -> str:
    return name.removeprefix(_FASTTEXT).removeprefix(_TRANSFORMERS)


def describe_counts(counts: Mapping[str, int]) -> str:
    """Return the labels, the most frequent first: `5 (1,200 rows), 4 (1 row)`."""
    frequent = sorted(counts, key=lambda name: (-counts[name], name))
    parts = [f"{_shorten(name)} ({count_of(counts[name], 'row')})" for name in frequent[:_LISTED]]
    more = len(frequent) - _LISTED
    return ", ".join(parts) + (f" and {count_of(more, 'other label')}" if more > 0 else "")


def _shorten(name: str) -> str:
    text = escape_control(" ".join(name.split()))
    return text if len(text) <= 40 else f"{text[:40]}…"


def _unknown(counts: Mapping[str, int], where: str) -> InputError:
    if not counts:
        return InputError(f"{where}: every label is empty", hint="name yours with --label-column")
    return InputError(
        f"{where}: it is not certain which labels are positive and which are negative: "
        f"{describe_counts(counts)}",
        hint=_options_hint(counts),
    )


def _options_hint(counts: Mapping[str, int]) -> str:
    """Return the options to type; for few numbers, with those above and below their middle."""
    names = [_without_prefix(name) for name in counts]
    if 1 < len(names) <= _LISTED + 2 and all(_NUMBER.fullmatch(name) for name in names):
        numbers = sorted(names, key=float)
        middle = (float(numbers[0]) + float(numbers[-1])) / 2
        high = ",".join(name for name in numbers if float(name) > middle)
        low = ",".join(name for name in numbers if float(name) < middle)
        return f"if higher is better, add --positive {high} --negative {low}"
    return "add --positive LABEL,LABEL --negative LABEL,LABEL, or name another --label-column"
