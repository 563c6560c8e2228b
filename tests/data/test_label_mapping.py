from collections import Counter

import numpy as np
import pytest

from sentiment.data.label_mapping import LabelMapping, describe_counts, normalize_label
from sentiment.errors import InputError


def infer(labels, **options):
    """Return the meaning of each label of a column, in order of their names."""
    counts = Counter(filter(None, map(normalize_label, labels)))
    mapping = LabelMapping.infer(counts, "a.csv, column label", **options)
    return [mapping.label(name) for name in sorted(counts)]


def test_equal_labels_have_one_spelling():
    assert {normalize_label(value) for value in (4, 4.0, "4", "4.0", " 04 ", "+4")} == {"4"}
    assert {normalize_label(value) for value in (True, "TRUE", np.bool_(True))} == {"true"}
    assert [normalize_label(value) for value in (-1, "4.5", "Neutral ")] == ["-1", "4.5", "neutral"]
    assert {normalize_label(value) for value in (None, float("nan"), "", "  ")} == {None}


@pytest.mark.parametrize(
    ("labels", "meanings"),
    [
        (["neg", "pos"], [0, 1]),
        (["Negative", "Positive"], [0, 1]),
        (["0", "1"], [0, 1]),
        ([0.0, 1.0], [0, 1]),
        ([False, True], [0, 1]),
        (["-1", "1"], [0, 1]),
        ([0, 4], [0, 1]),
        (["LABEL_0", "LABEL_1"], [0, 1]),
        (["__label__1", "__label__2"], [0, 1]),
        (["__label__0", "__label__1"], [0, 1]),
        (["__label__neg", "__label__pos"], [0, 1]),
        (["1", "neg", "pos"], [1, 0, 1]),
        (["negative", "neutral", "positive"], [0, None, 1]),
        (["0", "1", "unsup"], [0, 1, None]),
        (["2", "negative", "positive"], [None, 0, 1]),
        (["1"], [1]),
        (["0"], [0]),
        (["positive"], [1]),
        (["__label__2"], [1]),
    ],
)
def test_the_meaning_of_known_labels_is_inferred(labels, meanings):
    assert infer(labels) == meanings


@pytest.mark.parametrize(
    ("labels", "options"),
    [
        (["1", "2"], "--positive 2 --negative 1"),
        ("12345", "--positive 4,5 --negative 1,2"),
        (["0", "2", "4"], "--positive 4 --negative 0"),
        (["-1", "0", "1"], "--positive 1 --negative -1"),
        (["0", "1", "2"], "--positive 2 --negative 0"),
        (["LABEL_0", "LABEL_1", "LABEL_2"], "--positive 2 --negative 0"),
        (["4"], "--positive LABEL"),
        (["__label__1"], "--positive LABEL"),
        (["happy", "sad"], "--positive LABEL"),
        ([f"0.{n:03}" for n in range(500)], "--positive LABEL"),
    ],
)
def test_an_uncertain_column_is_an_error_that_says_what_to_type(labels, options):
    with pytest.raises(InputError, match="it is not certain") as caught:
        infer(labels)
    assert options in caught.value.hint


def test_the_error_lists_the_labels_with_their_counts():
    with pytest.raises(InputError) as caught:
        infer(["5"] * 3 + ["1"] * 2 + ["3"])
    assert caught.value.fact == (
        "a.csv, column label: it is not certain which labels are positive and which are "
        "negative: 5 (3 rows), 1 (2 rows), 3 (1 row)"
    )
    many = describe_counts({f"l{n}": 1 for n in range(10)})
    assert many.endswith("l7 (1 row) and 2 other labels")


def test_a_column_of_minus_ones_has_no_labels():
    with pytest.raises(InputError, match="every label is -1") as caught:
        infer(["-1", -1])
    assert "predict" in caught.value.hint
    with pytest.raises(InputError, match="every label is empty"):
        infer([""])


def test_of_two_numbered_classes_the_second_is_positive():
    assert infer(["1", "2"], classes=True) == [0, 1]
    assert infer(["0", "1"], classes=True) == [0, 1]
    with pytest.raises(InputError):
        infer("123", classes=True)


def test_typed_labels_are_compared_as_numbers_and_without_case():
    mapping = LabelMapping.parse("4, 5.0,Great", "1,2")
    labels = [4.0, "5", "great", 1, "2.0", 3, "__label__5"]
    assert [mapping.label(normalize_label(label)) for label in labels] == [1, 1, 1, 0, 0, None, 1]
    assert LabelMapping.parse("", " ") is None


@pytest.mark.parametrize(
    ("positive", "negative", "message"),
    [("4", "", "belong together"), (",", "1", "belong together"), ("4,5", "5.0", "label 5 is in")],
)
def test_typed_labels_that_make_no_sense_are_an_error(positive, negative, message):
    with pytest.raises(InputError, match=message):
        LabelMapping.parse(positive, negative)


def test_typed_labels_that_do_not_occur_are_an_error():
    mapping = LabelMapping.parse("good", "bad")
    mapping.check_found({"good": 1, "fair": 2}, "a.csv, column label")
    with pytest.raises(InputError, match=r"none of the labels is in .*: fine \(2 rows\)"):
        mapping.check_found({"fine": 2}, "a.csv, column label")
