"""Turn rows of text and label, from a file, a folder or TFDS, into labelled splits."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sentiment.data.grouping import choose_groups, group_texts
from sentiment.data.held_texts import HeldTexts
from sentiment.data.label_mapping import LabelMapping, normalize_label
from sentiment.data.labels import UNLABELLED, label_name
from sentiment.data.reviews import Reviews, Splits
from sentiment.data.tokenizer import tokenize
from sentiment.errors import InputError
from sentiment.utils.text import count_of, escape_control

# Names of the parts of a data set, as a column `split`, folders and TFDS spell them.
PART_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    "test": "test",
    **dict.fromkeys(("unsupervised", "unsup", "unlabelled", "unlabeled"), "unsupervised"),
}
_MIN_TEXTS = 10  # different ones, that a training needs
_NAMED_ERRORS = 3  # of the rows that were skipped
_PLAIN_LABELS = {"pos", "positive", "true", "1", "neg", "negative", "false", "0"}


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """A text, its label as the data spells it, and a value of PART_NAMES if its part is known."""

    text: str
    label: Any
    part: str | None = None


class RowErrors:
    """What is done about rows that can't be used: `skip` counts them, `fail` raises the first.

    held: counts the rows that can be used.
    """

    def __init__(self, on_error: str = "fail", hint: str | None = None):
        self._fail, self._hint = on_error == "fail", hint
        self.count = 0
        self.held = HeldTexts()
        self._remarks: list[str] = []
        self._first: list[InputError] = []

    def add(self, error: InputError) -> None:
        """Count the row that `error` is about, or raise it."""
        if self._fail:
            error.hint = error.hint or self._hint
            raise error
        self.count += 1
        if len(self._first) < _NAMED_ERRORS:
            self._first.append(error)

    def remark(self, sentence: str) -> None:
        """Add a sentence to the notes."""
        self._remarks.append(sentence)

    def check_any(self, rows: int, where: str) -> None:
        """Raise InputError if no row is left."""
        if not rows:
            raise self._first[0] if self._first else InputError(f"{where} holds no rows")

    def notes(self) -> list[str]:
        """Return a sentence that names the first rows that were skipped, if there are any."""
        if not self.count:
            return self._remarks
        named = "; ".join(escape_control(error.fact) for error in self._first)
        more = "; …" if self.count > len(self._first) else ""
        return [*self._remarks, f"{count_of(self.count, 'row')} skipped: {named}{more}"]


def label_rows(
    rows: Iterable[LabelledRow],
    mapping: LabelMapping | None,
    *,
    source: str,
    column: str,
    errors: RowErrors,
    classes: bool = False,
) -> tuple[Reviews, list[str | None]]:
    """Return the labelled texts and the part of each; unsupervised texts get the label -1.

    Without a `mapping` it is inferred from all labels, see `LabelMapping.infer`. source, column:
    names of the data and its labels, for messages. Raises InputError if there are no rows, or if
    the meaning of the labels is not certain.
    """
    everything = list(rows)
    errors.check_any(len(everything), source)
    found = [(row, normalize_label(row.label)) for row in everything if row.text.strip()]
    labelled = [(row, name) for row, name in found if row.part != "unsupervised"]
    counts = Counter(name for _, name in labelled if name is not None)
    where = f"{source}, column {column}"
    if mapping is None:
        mapping = LabelMapping.infer(counts, where, classes=classes)
    mapping.check_found(counts, where)
    meanings = {name: mapping.label(name) for name in counts}
    texts, labels, parts = [], [], []
    for row, name in found:
        unsupervised = row.part == "unsupervised"
        label = UNLABELLED if unsupervised else meanings[name] if name is not None else None
        if label is not None:
            texts.append(row.text)
            labels.append(label)
            parts.append(row.part)
    left_out = {name: count for name, count in counts.items() if meanings[name] is None}
    unlabelled, blank = len(labelled) - sum(counts.values()), len(everything) - len(found)
    notes = [
        *errors.notes(),
        *_left_out_notes(left_out, unlabelled, blank),
        *_mapping_notes(meanings),
    ]
    return Reviews(texts, np.array(labels, np.int8), tuple(notes)), parts


def _left_out_notes(left_out: dict[str, int], unlabelled: int, blank: int) -> list[str]:
    """Return a sentence about the rows that were left out, if there are any."""
    frequent = sorted(left_out, key=lambda name: -left_out[name])
    parts = [f"{count_of(left_out[name], 'row')} with label {name}" for name in frequent[:8]]
    if others := frequent[8:]:
        rows = sum(left_out[name] for name in others)
        parts.append(f"{count_of(rows, 'row')} with one of {len(others):,} other labels")
    if unlabelled:
        parts.append(f"{count_of(unlabelled, 'row')} without a label")
    if blank:
        parts.append(f"{count_of(blank, 'row')} without text")
    return [escape_control(f"{', '.join(parts)} left out")] if parts else []


def _mapping_notes(meanings: dict[str, int | None]) -> list[str]:
    """Return a sentence about labels whose meaning is not plain."""
    used = {name: label for name, label in meanings.items() if label is not None}
    if used.keys() <= _PLAIN_LABELS:
        return []
    sides = [
        f"{label_name(side)}: {', '.join(sorted(name for name in used if used[name] == side))}"
        for side in sorted(set(used.values()), reverse=True)
    ]
    return [escape_control(f"labels read as {'; '.join(sides)}")]


def make_splits(reviews: Reviews, parts: list[str | None], test_share: float, where: str) -> Splits:
    """Return the splits train and test, and `unsupervised` if there are unlabelled texts.

    Given parts are used as they are; validation reviews are the test if there is no other, else
    they belong to the training reviews. Without a part for the test, `test_share` (0-1) of the
    reviews are drawn for it: of each label, with equal texts on the same side. Raises InputError
    if there is too little to learn from.
    """
    place = np.array([part or "train" for part in parts])
    rows = {name: np.flatnonzero(place == name) for name in set(PART_NAMES.values())}
    notes = list(reviews.notes)
    if len(rows["validation"]):
        is_test = not len(rows["test"])
        to = "test" if is_test else "train"
        rows[to] = np.sort(np.concatenate([rows[to], rows["validation"]]))
        notes.append(
            "the validation reviews are used as the test, as no other test reviews have labels"
            if is_test
            else "the validation reviews are among the training reviews, from which each training "
            "draws its own"
        )
    groups = group_texts(" ".join(tokenize(text)) for text in reviews.texts)
    _check_enough(reviews.labels, groups, rows["train"], where)
    if len(rows["test"]):
        notes += _overlap_notes(groups, rows["train"], rows["test"])
    else:
        own_groups, labels = groups[rows["train"]], reviews.labels[rows["train"]]
        notes += _equal_text_notes(own_groups, labels)
        test = choose_groups(own_groups, labels, test_share)
        rows["test"], rows["train"] = rows["train"][test], np.delete(rows["train"], test)
        _check_labels(reviews.labels[rows["train"]], f"{where}, without its test reviews,")
    test_labels = set(reviews.labels[rows["test"]].tolist())
    if len(test_labels) == 1:
        notes.append(f"all test reviews are {label_name(test_labels.pop())}")
    train = reviews.take(rows["train"])
    splits = {
        "train": Reviews(train.texts, train.labels, tuple(notes)),
        "test": reviews.take(rows["test"]),
    }
    if len(rows["unsupervised"]):
        splits["unsupervised"] = reviews.take(rows["unsupervised"])
    return splits


def _check_enough(labels: np.ndarray, groups: np.ndarray, train: np.ndarray, where: str) -> None:
    """Raise InputError, in one true sentence, if there is too little to learn from."""
    _check_labels(labels[train], where)
    different = len(np.unique(groups[train]))
    if different < _MIN_TEXTS:
        raise InputError(
            f"{where} has {count_of(len(train), 'labelled row')} with "
            f"{count_of(different, 'different text')}: a training needs at least {_MIN_TEXTS}",
            hint="sentiment train --dataset sample",
        )


def _check_labels(labels: np.ndarray, where: str) -> None:
    if len(set(labels.tolist())) < 2:
        rows = count_of(len(labels), "labelled row")
        only = f", all {label_name(int(labels[0]))}" if len(labels) else ""
        raise InputError(
            f"{where} has {rows}{only}: a training needs positive and negative ones",
            hint="sentiment train --dataset sample",
        )


def _equal_text_notes(groups: np.ndarray, labels: np.ndarray) -> list[str]:
    """Return sentences about equal texts, if there are any."""
    different = len(np.unique(groups))
    if different == len(groups):
        return []
    notes = [
        f"{len(groups):,} rows, {count_of(different, 'text')}: equal texts are all in the training "
        "or all in the test reviews"
    ]
    both = np.intersect1d(groups[labels == 0], groups[labels == 1])
    return notes + ([f"{count_of(len(both), 'text')} with both labels"] if len(both) else [])


def _overlap_notes(groups: np.ndarray, train: np.ndarray, test: np.ndarray) -> list[str]:
    """Return a sentence about test texts that are also training texts, if there are any."""
    seen = int(np.isin(groups[test], groups[train]).sum())
    return [f"{seen:,} of {len(test):,} test texts are also training texts"] if seen else []
