import pytest

from sentiment.evaluation.review_groups import Group
from sentiment.experiments.ablation_result import AblationResult, NetworkResult, mean_std


def make_network(readout, seed, accuracy, gradients=(1.0, 2.0, 4.0)):
    return NetworkResult(
        readout, seed, f"{readout}-{seed}", "", accuracy, gradients,
        by_length=(accuracy + 0.1, accuracy - 0.1), by_position=(accuracy - 0.05, accuracy + 0.05),
    )  # fmt: skip


def make_result(*networks):
    halves = (Group(1.0, 9.0, 50), Group(10.0, 20.0, 50))
    return AblationResult("films-1", halves, (Group(0.1, 0.4, 50), Group(0.5, 0.9, 50)), networks)


def test_mean_and_sample_standard_deviation_by_hand():
    # Distances from 3: -2, -1, 3; their squares add up to 14; divided by two: 7.
    result = mean_std([1.0, 2.0, 6.0])
    assert (result.mean, result.deviation) == (3.0, pytest.approx(7**0.5))
    assert mean_std([0.5]).deviation is None


def test_a_summary_is_over_the_seeds_of_one_readout():
    result = make_result(
        make_network("last", 0, 0.6),
        make_network("max", 0, 0.9),
        make_network("last", 1, 0.8),
        make_network("max", 1, 0.7),
    )
    assert (result.readouts, result.seeds) == (["last", "max"], [0, 1])
    summary = result.summary("last")
    assert summary.accuracy == mean_std([0.6, 0.8])
    assert [part.mean for part in summary.gradients] == [1, 2, 4]
    assert summary.by_length[1].mean == pytest.approx(0.6)


def test_findings_by_hand():
    early, none = (9.0, 9.0, 3.0), (0.0, 0.0, 0.0)
    findings = make_result(
        make_network("last", 0, 0.6),
        make_network("mean", 0, 0.7, early),
        make_network("max", 0, 0.5, none),
        make_network("last", 1, 0.7),
        make_network("mean", 1, 0.72, early),
        make_network("max", 1, 0.75, none),
    ).findings()
    # mean: +10 and +2 points, 6 on average; max: -10 and +5, -2.5 on average.
    assert findings == [
        "Accuracy with mean is 6.00 points above last (above it with 2 of 2 seeds), "
        "with max is 2.50 points below last (below it with 1 of 2 seeds).",
        "Gradient at the first step over that at the last: "
        "last 0.25, mean 3, max none at the last.",
        "From the shortest reviews to the longest accuracy falls by 20.0 points with last, "
        "falls by 20.0 points with mean, falls by 20.0 points with max.",
        "From early opinions to late ones accuracy rises by 10.0 points with last, "
        "rises by 10.0 points with mean, rises by 10.0 points with max.",
    ]


def test_with_one_group_there_is_no_finding_about_groups():
    one = (Group(1.0, 9.0, 50),)
    findings = AblationResult(
        "films-1", one, one, (make_network("last", 0, 0.6), make_network("max", 0, 0.5))
    ).findings()
    assert len(findings) == 2 and findings[1].startswith("Gradient at the first step")
