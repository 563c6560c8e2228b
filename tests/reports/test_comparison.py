import re

import numpy as np
import pytest

from sentiment.reports.comparison import ComparedRun, Grid, page
from tests.helpers.browser import HIDDEN, column, needs_browser, open_page

HOSTILE = "</script><img src=x onerror=\"document.title = 'ran'\"> $$x$$"
IDS = ["train 1", "train 2", "negation"]
LABELS = np.array([0, 1, 0], np.int8)
POINTS = np.array([[-0.5, 0.1], [0.5, -0.9], [-0.25, 0.0]], np.float32)
CURVES = {
    "validation/loss": [(1, 0.5), (2, 0.4)],
    "validation/accuracy": [(1, 0.8), (2, 0.85)],
    HOSTILE: [(1, 0.5)],
}
RUNS = [
    ComparedRun("quiet-otter", CURVES, IDS, LABELS, POINTS),
    ComparedRun(HOSTILE, CURVES, IDS[1:], LABELS[1:], 0.5 * POINTS[1:]),
    ComparedRun("bold-finch", {"validation/loss": [(1, 0.6)]}, [], np.empty(0, np.int8), None),
    ComparedRun("quiet-otter", {}, IDS, LABELS, POINTS),
]
GRIDS = [
    Grid("Settings", ["setting", "quiet-otter", HOSTILE], [["readout", "last", "<i>mean</i>"]]),
    Grid("Metrics", ["metric", "quiet-otter"], [["accuracy", "0.85"], ["loss", ""]]),
]


@pytest.fixture(scope="module")
def shown():
    return page(HOSTILE, RUNS, GRIDS)


def test_tables_align_columns_of_numbers_to_the_right(shown):
    assert "<td>readout</td><td>last</td><td>&lt;i&gt;mean&lt;/i&gt;</td>" in shown
    assert '<th>metric</th><th class="number">quiet-otter</th>' in shown
    assert '<td>accuracy</td><td class="number">0.85</td>' in shown


def test_runs_of_one_name_are_numbered_and_those_without_snapshot_listed(shown):
    names = re.findall(r'data-line="\d"><i [^>]*></i>([^<]*)</button>', shown)
    assert names[0] == "quiet-otter" and names[2:] == ["bold-finch", "quiet-otter (2)"]
    assert "No snapshot: bold-finch." in shown


def test_the_page_is_small_and_no_name_becomes_markup(shown):
    assert len(shown.encode("utf-8")) < 2_000_000
    outside = re.sub(r"<script[^>]*>.*?</script>", "", shown, flags=re.S)
    assert not re.search(r"<(script|img|link|iframe|i>mean)", outside)
    assert len(re.findall(r"<script", shown.replace("<script type=", ""))) == 4


def test_a_comparison_of_no_runs_is_a_page():
    assert "<nav>" in page("none", [], [])


@needs_browser
@pytest.mark.parametrize("how", ["srcdoc", "blob"])
def test_a_viewer_in_its_sandbox_shows_it_and_hides_a_run(shown, tmp_path, how):
    with open_page(shown, tmp_path, how=how) as frame:
        assert frame.title() == HOSTILE and frame.locator("img").count() == 0
        # A run has the points of its own texts; a text that it lacks is NaN, and so no point.
        assert column(frame, "points", "x0") == [-0.5, 0.5, -0.25]
        assert column(frame, "points", "y0") == [0.1, -0.6, 0]  # moved to the border
        missing, *others = column(frame, "points", "x1")
        assert np.isnan(missing) and others == [0.25, -0.125]
        assert frame.locator("#projections .bk-Figure").count() == 3

        button = frame.locator(".legend button").nth(2)
        button.click()
        assert button.get_attribute("aria-pressed") == "false"
        # The third run has one line and its dots, in one plot.
        assert frame.evaluate(HIDDEN) == ["line 2"] * 2
        button.click()
        assert frame.evaluate(HIDDEN) == []
