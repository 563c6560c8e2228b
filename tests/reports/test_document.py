import json
import re

import pytest
from jinja2 import ChoiceLoader, DictLoader

from sentiment.reports import charts, run_report, templating
from sentiment.reports.document import Section, render_sections
from sentiment.reports.templating import script_json
from sentiment.reports.training_report import TrainingReport
from sentiment.utils.progress import EpochMetrics
from tests.helpers.browser import needs_browser, open_page
from tests.helpers.build import tiny_bundle

TEMPLATE = """{% from "macros.html" import place %}
<p id="fastest">{{ view }}</p>
{{ place(plots.speed) }}
"""
EPOCHS = [
    EpochMetrics(1, 2, 12.0, 2000.0, 0.5, 0.8, 0.4, 0.85, best=True),
    EpochMetrics(2, 2, 11.0, 2200.0, 0.4, 0.8, 0.4, 0.86, best=True),
]


def speed_section(report):
    """Show the speed of each epoch: a chart is added by such a function and its template."""
    speeds = [epoch.reviews_per_second for epoch in report.reports]
    plot = charts.curves("Speed", {"reviews/s": list(enumerate(speeds, 1))})
    fastest = f"<fastest> epoch: {1 + speeds.index(max(speeds))}"
    return Section("speed", "Speed", "speed.html", fastest, {"speed": plot}, {"speeds": speeds})


@pytest.fixture
def report(tmp_path, monkeypatch):
    """Return a report of two epochs, with the template of `speed_section` in reach."""
    environment = templating._environment()
    loader = ChoiceLoader([environment.loader, DictLoader({"speed.html": TEMPLATE})])
    monkeypatch.setattr(environment, "loader", loader)
    return TrainingReport("quiet-otter", {}, EPOCHS, [], tiny_bundle(tmp_path / "model"), [])


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page)[1])


def test_a_section_is_added_by_a_function_and_a_template(report):
    page = run_report.page(report, [*run_report.SECTIONS, speed_section])
    assert re.findall(r'<section id="(\w+)">', page)[-2:] == ["mistakes", "speed"]
    assert '<a href="#speed">Speed</a>' in page
    assert '<p id="fastest">&lt;fastest&gt; epoch: 2</p>' in page
    # The plot has a place, and the page knows which plot belongs there.
    place = re.search(r'<section id="speed">.*?<div id="plot-(\w+)"></div>', page, re.S)[1]
    assert f'"{place}":"plot-{place}"' in page
    assert data_of(page)["speeds"] == [2000.0, 2200.0]


@needs_browser
def test_a_browser_draws_the_added_section(report, tmp_path):
    page = run_report.page(report, [*run_report.SECTIONS, speed_section])
    with open_page(page, tmp_path) as frame:
        assert frame.locator("#speed canvas").count()
        assert frame.locator("nav a").last.inner_text() == "Speed"


def test_a_section_with_nothing_to_show_is_left_out(report):
    page = run_report.page(report, [run_report.summary_section, lambda report: None])
    assert re.findall(r'<section id="(\w+)">', page) == ["summary"]


def test_the_policy_names_the_scripts_of_the_page_and_no_other():
    page = render_sections("none", [])
    scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
    policy = re.search(r'content="([^"]*)"', page)[1]
    assert "default-src 'none'" in policy and "unsafe-eval" not in policy
    hashes = re.findall(r"'sha256-[^']+'", policy)
    assert hashes == [templating.script_hash(script) for script in scripts] and len(hashes) == 4


def test_json_for_a_script_has_no_tag_and_no_nan():
    value = {"</script>": float("nan"), "b": [float("inf"), 1.5]}
    text = script_json(value)
    assert "<" not in text
    assert json.loads(text) == {"</script>": None, "b": [None, 1.5]}
