from sentiment.utils.sparkline import sparkline


def test_a_sparkline_spans_the_lowest_and_the_highest():
    assert sparkline([0.8, 0.4, 0.1], rich=True) == "█▄▁"
    assert sparkline([0.8, 0.4, 0.1], rich=False) == "#~_"
    assert sparkline([], rich=True) == ""
    assert sparkline([0.5, 0.5], rich=True) == "▁▁"
    assert sparkline([0.1, 0.2, float("nan"), float("inf")], rich=True) == "▁███"
    assert sparkline([float("nan")], rich=True) == ""
    assert sparkline(range(100), rich=True, width=4) == "▂▄▆█"
