import re

import pytest

from sentiment.errors import InputError
from sentiment.evaluation import run_query
from sentiment.evaluation.run_query import Condition, Query
from tests.helpers.stored import make_record

RUNS = [
    make_record("a", {"units": "16", "recipe": "words", "seed": "0"}, {"validation/loss": 0.3}),
    make_record("b", {"units": "32", "recipe": "default", "seed": "0"}, {"validation/loss": 0.2}),
    make_record("c", {"units": "8", "recipe": "default", "seed": "0.0", "bidirectional": "True"}),
]


def select(*filters, sort=None):
    """Return the names of the selected runs, one letter each."""
    query = Query(conditions=tuple(map(Condition.parse, filters)), sort=sort)
    return "".join(run.name for run in run_query.select_runs(RUNS, query))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], "abc"),
        (["units=16"], "a"),
        (["units=16.0"], "a"),
        (["units != 16"], "bc"),
        (["units<32"], "ac"),  # as numbers: as text 8 would be above 32
        (["units>=16", "recipe=Default"], "b"),
        (["validation/loss<0.3"], "b"),  # c has none
        (["validation/loss<=0.3"], "ab"),
        (["validation/loss!=0.3"], "b"),
        (["bidirectional=true"], "c"),
        (["status=finished", "seconds>60"], "abc"),
        (["recipe<5"], ""),
    ],
)
def test_runs_are_filtered_by_settings_and_metrics(filters, expected):
    assert select(*filters) == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("units", "cab"),
        ("-units", "bac"),
        ("validation/loss", "bac"),
        ("-validation/loss", "abc"),  # a run without the value comes last in both orders
        ("recipe", "bca"),
        ("-name", "cba"),
    ],
)
def test_runs_are_sorted_by_settings_and_metrics(sort, expected):
    assert select(sort=sort) == expected


@pytest.mark.parametrize("text", ["units", "=16", "", "units<many", "units>", "units<nan"])
def test_an_invalid_condition_is_refused(text):
    with pytest.raises(InputError, match=re.escape(repr(text))):
        Condition.parse(text)


def test_a_value_may_contain_comparators():
    assert Condition.parse("dataset=a=b.csv") == Condition("dataset", "=", "a=b.csv")


@pytest.mark.parametrize(
    ("query", "similar"),
    [
        (Query(sort="-validation/los"), "validation/loss"),
        (Query(conditions=(Condition("loss", "<", "1"),)), "validation/loss"),
        (Query(columns=("unit",)), "units"),
    ],
)
def test_a_name_that_no_run_has_is_refused_with_similar_names(query, similar):
    with pytest.raises(InputError, match=f"no run has a setting or metric .*is it .*{similar}"):
        run_query.select_runs(RUNS, query)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("False", "no"), ("0.30000000000000004", "0.3"), ("80000", "80000"), ("nan", "nan"),
     ("inf", "inf"), ("my file.csv", "my file.csv"), (None, "–"), (0.25, "0.25")],
)  # fmt: skip
def test_values_are_written_as_a_person_would(value, expected):
    assert run_query.format_value(value) == expected
