from dataclasses import replace

from sentiment.evaluation.run_comparison import Comparison, PairedTest
from sentiment.reports.run_comparison import _lead
from tests.helpers.stored import make_record


def record(name, accuracy, digest="a"):
    run = make_record(name, metrics={} if accuracy is None else {"test/accuracy": accuracy})
    return replace(run, reviews={"test": digest})


def lead(runs, reference, p_values=()):
    pairs = zip(runs[1:], p_values, strict=False)
    tests = {run.id: PairedTest(10, 1, 2, -0.1, -0.2, 0.1, p) for run, p in pairs}
    return _lead(Comparison(runs, len(runs), {}, reference, tests))


def test_the_best_run_is_named_and_those_that_may_be_as_good():
    runs = [record("a", 0.9), record("b", 0.89), record("c", 0.8)]
    assert lead(runs, runs[0], [0.3, 0.001]) == (
        "The most accurate on the test reviews is run 1 with 90.00 %. "
        "By the paired test its difference from run 2 may be chance."
    )


def test_accuracies_on_other_reviews_are_not_compared():
    runs = [record("a", 0.9), record("b", 0.99, digest="b"), record("c", None)]
    assert lead(runs, runs[0]) == (
        "The most accurate on the test reviews is run 1 with 90.00 %. "
        "1 run of 3 read the same ones."
    )


def test_a_reference_that_was_named_need_not_be_the_best():
    runs = [record("a", 0.8), record("b", 0.9)]
    assert lead(runs, runs[0], [0.01]) == (
        "The most accurate on the test reviews is run 2 with 90.00 %."
    )


def test_without_an_evaluation_there_is_no_best_run():
    assert lead([record("a", None)], None) == "No run was measured on the test reviews."
