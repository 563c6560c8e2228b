import pytest

from sentiment.evaluation.run_comparison import (
    NoPairedTest,
    NoPredictions,
    compare_predictions,
    differing_settings,
)
from sentiment.tracking.history import Predictions
from tests.helpers.stored import LABELS, make_probabilities, make_record

PREDICTIONS = Predictions(make_probabilities("++++++--"), LABELS, "d")


def test_settings_that_are_equal_in_all_runs_are_left_out():
    runs = [
        make_record("a", {"units": "16", "recipe": "words", "seed": "0"}),
        make_record("b", {"units": "32", "recipe": "default", "seed": "0"}),
        # 0 and 0.0 are one seed.
        make_record(
            "c", {"units": "8", "recipe": "default", "seed": "0.0", "bidirectional": "True"}
        ),
    ]
    assert differing_settings(runs) == {
        "units": ["16", "32", "8"],
        "recipe": ["words", "default", "default"],
        "bidirectional": ["–", "–", "yes"],
    }
    assert differing_settings(runs[:1]) == {}


def test_a_pair_is_tested_on_the_same_reviews():
    # Of eight reviews the first is correct for 6, the second for 5: two by the first alone, one by
    # the second alone, so p = 2 (1 + 3) / 8 = 1.
    second = Predictions(make_probabilities("+++--+-+"), LABELS, "d")
    test = compare_predictions(PREDICTIONS, second)
    assert (test.reviews, test.only_first, test.only_second, test.p) == (8, 2, 1, 1.0)
    assert test.difference == 1 / 8
    assert test.low < 1 / 8 < test.high


@pytest.mark.parametrize(
    "changed", [{"digest": "e"}, {"labels": LABELS[::-1]}, {"digest": ""}], ids=str
)
def test_a_pair_on_different_reviews_is_not_tested(changed):
    result = compare_predictions(PREDICTIONS._replace(**changed), PREDICTIONS)
    assert result == NoPairedTest() and str(result) == "on other reviews"


def test_a_pair_on_unknown_reviews_is_not_tested():
    unknown = PREDICTIONS._replace(digest="")
    assert compare_predictions(unknown, unknown) == NoPairedTest()


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        (NoPredictions.NOT_EVALUATED, "not evaluated"),
        (NoPredictions.NOT_STORED, "without predictions"),
        (NoPredictions.DAMAGED, "with damaged predictions"),
    ],
)
def test_missing_predictions_are_reported_with_the_run_that_lacks_them(missing, text):
    assert str(compare_predictions(missing, PREDICTIONS)) == text
    assert str(compare_predictions(missing, missing)) == text
    assert str(compare_predictions(PREDICTIONS, missing)) == f"reference {text}"
