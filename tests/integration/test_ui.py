"""Three runs in MLflow's own pages, in a real browser.

With SENTIMENT_PICTURES=FOLDER the runs train on the real reviews and the pictures are saved there:
so `make pictures` makes those of the README.
"""

import os
import re
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import expect
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.tracking import history, saved_view
from sentiment.utils.paths import ProjectPaths
from tests.helpers.browser import chromium, needs_browser
from tests.helpers.commands import ONE, interrupt, start
from tests.helpers.mlflow_ui import HIDE_ASSISTANT, Runs, sources

pytestmark = needs_browser
PICTURES = os.environ.get("SENTIMENT_PICTURES")
TRAININGS = (["--seed", "0"], ["--seed", "1"], ["--recipe", "words"])


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Train three runs, with two recipes and two seeds."""
    home = Path("data/pictures").absolute() if PICTURES else tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTIMENT_HOME", str(home))
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
            patch.delenv(name, raising=False)
        if not (home / "mlruns").is_dir():
            small = [] if PICTURES else ["--dataset", "sample", "--epochs", "2", *ONE]
            for options in TRAININGS:
                result = CliRunner().invoke(app, ["train", *small, *options])
                assert result.exit_code == 0, result.output
    return ProjectPaths(home)


@pytest.fixture(scope="module")
def runs(paths):
    runs = history.list_runs(paths)
    assert len(runs) == len(TRAININGS)
    return runs


@pytest.fixture(scope="module")
def address(paths, runs):
    """Run `sentiment ui` as a process; give the link that it prints."""
    process = start("ui", home=paths.root)
    lines = iter(process.stdout.readline, "")
    yield next(line.split()[-1] for line in lines if line.startswith("The runs are at"))
    rest, errors = interrupt(process)
    assert process.returncode == 0, errors
    assert rest.splitlines()[-1] == "Stopped."


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser):
    page, errors = browser.new_page(viewport={"width": 1500, "height": 1000}), []
    page.add_init_script(HIDE_ASSISTANT)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == []
    page.close()


@pytest.fixture
def save_picture(page, tmp_path):
    """Return a function that saves a picture of the top of the page, `height` pixels high."""

    def save(name, height=1000, folder=Path(PICTURES or tmp_path)):
        page.set_viewport_size({"width": 1500, "height": height})
        path = folder / f"{name}.png"
        page.screenshot(path=path)
        assert path.stat().st_size > 20_000  # an empty page has 5,000 bytes

    return save


def visible_text(page):
    """Return the texts of elements in the first screen of the page, without scrolling."""
    return page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((one) => {
          if (one.childElementCount || !one.textContent.trim()) return false;
          const box = one.getBoundingClientRect();
          const inside = box.width && box.top >= 0 && box.bottom <= innerHeight
            && box.left >= 0 && box.left < innerWidth;
          if (!inside) return false;
          const x = box.left + Math.min(box.width, innerWidth - box.left) / 2;
          const at = document.elementFromPoint(x, box.top + box.height / 2);
          return at && (one.contains(at) || at.contains(one));
        }).map((one) => one.textContent.trim())"""
    )


def test_three_questions_are_answered_within_two_clicks(page, address, runs, save_picture):
    page.set_viewport_size({"width": 1200, "height": 900})
    runs_page = Runs(page, address)
    # Which run is best? No click: the first one in the table, with its accuracy.
    runs_page.open("TABLE")
    best = max(runs, key=lambda run: run.metrics["test/accuracy"])
    page.get_by_text(best.name).wait_for()
    shown = visible_text(page)
    order = [text for text in shown if re.match(r"\d\d\.\d\d% |100\.00% ", text)]
    assert sorted(order) == sorted(run.name for run in runs)
    accuracies = [float(name.partition("%")[0]) for name in order]
    assert accuracies == sorted(accuracies, reverse=True)
    assert {"test/accuracy", "recipe", "readout", "seed"} <= set(shown)
    assert page.get_by_text(f"{best.metrics['test/accuracy']:.4g}").count()
    save_picture("mlflow_runs", height=620)
    page.set_viewport_size({"width": 1200, "height": 900})
    # Why do they differ? One click: the settings that differ.
    runs_page.switch_to_charts()
    page.get_by_text("Parameters", exact=True).wait_for()
    expect(page.get_by_text("seed", exact=True).first).to_be_visible()
    shown = visible_text(page)
    assert {"seed", "recipe", "Show differences only"} <= set(shown)
    assert "text_column" not in shown  # it is the same in all runs
    # What did the hidden states do? Two clicks: before and after training, in every run.
    images = runs_page.full_screen(saved_view.HIDDEN_STATES).locator("img")
    assert len(set(sources(images, len(runs)))) == len(runs)
    top, *_ = (image.bounding_box() for image in images.all())
    assert top["y"] >= 0 and top["y"] + top["height"] <= 900
    assert runs_page.errors == []
    save_picture("mlflow_hidden_states", height=900)


def test_a_run_describes_itself_above_the_fold(page, address, runs):
    page.set_viewport_size({"width": 1200, "height": 900})
    base, experiment_id = address.split("/#")[0], re.search(r"experiments/(\d+)", address)[1]
    run = runs[0]
    page.goto(f"{base}/#/experiments/{experiment_id}/runs/{run.id}?workflowType=machine_learning")
    page.get_by_text("Test accuracy:").wait_for()
    shown = " ".join(visible_text(page))
    assert run.tags["test_accuracy"] in shown and "seed" in shown
    assert not re.search(r"mlflow\.sentiment|\bprocess\b|model_id", shown)
    # The link below it leads to the page that compares the runs.
    with page.expect_popup() as opened:
        page.get_by_role("link", name="how it compares").click()
    frame = opened.value.frame_locator("iframe")
    frame.get_by_text("The most accurate on the test reviews is run").wait_for()
    opened.value.close()


def test_the_curves_of_all_runs_are_in_the_charts(page, address, runs, save_picture):
    runs_page = Runs(page, address)
    runs_page.open("CHART")
    for metric in ("train/loss", "validation/accuracy", "validation/loss"):
        runs_page.chart(metric).locator("path.js-line").nth(len(runs) - 1).wait_for(
            state="attached"  # a flat line has no height
        )
    bars = runs_page.chart("test/accuracy").locator(".bars .point")
    bars.nth(len(runs) - 1).wait_for()
    assert bars.count() == len(runs)
    page.get_by_placeholder("Search metric charts").fill("validation/")
    page.locator(".js-plotly-plot").nth(1).wait_for()
    text = page.locator("body").inner_text()
    for run in runs:
        assert re.match(r"\d\d\.\d\d% (sample-)?(default-birnn16|words-rnn32)-last-seed", run.name)
        assert run.name in text
    assert runs_page.errors == []
    save_picture("mlflow", height=660)


def test_hidden_states_are_side_by_side_under_one_slider(
    page, address, runs, save_picture, tmp_path
):
    runs_page = Runs(page, address)
    runs_page.open("CHART")
    images = runs_page.images_side_by_side("hidden_states")
    before = sources(images, len(runs))
    page.get_by_role("dialog").get_by_role("slider").press("ArrowRight")
    expect(images.first).not_to_have_attribute("src", before[0])
    after = sources(images, len(runs))
    assert len({*before, *after}) == 2 * len(runs)
    boxes = [image.bounding_box() for image in images.all()]
    for left, right in pairwise(boxes):
        assert left["x"] + left["width"] < right["x"]
        assert abs(left["y"] - right["y"]) < left["height"] / 4
    assert runs_page.errors == []
    save_picture("mlflow_epochs", height=620, folder=tmp_path)


def test_the_table_compares_the_predictions_of_the_runs_for_each_probe(
    page, address, runs, save_picture, tmp_path
):
    runs_page = Runs(page, address)
    runs_page.open("ARTIFACT")
    page.get_by_text("hidden_states/probes.json").wait_for()
    predictions = page.get_by_text(re.compile(r"^(positive|negative) [01]\.\d\d$"))
    predictions.first.wait_for()
    assert predictions.count() >= 2 * len(runs)
    for run in runs:
        assert page.get_by_text(run.name).count()
    runs_page.compare_column("trajectory")
    assert len(sources(page.locator("img[src*=table_images]"), 2 * len(runs))) >= 2 * len(runs)
    assert runs_page.errors == []
    save_picture("mlflow_table", folder=tmp_path)


def test_the_report_opens_in_the_artifact_viewer(page, address, runs, save_picture):
    base = address.split("/#")[0]
    experiment_id = re.search(r"experiments/(\d+)", address)[1]
    path = f"experiments/{experiment_id}/runs/{runs[-1].id}/artifacts/report.html"
    page.goto(f"{base}/#/{path}?workflowType=machine_learning")
    frame = page.frame_locator("iframe")
    frame.locator("[data-ready=yes]").wait_for()
    frame.get_by_role("link", name="Projection").click()
    assert frame.locator("#projection canvas").count()
    assert page.locator("iframe").get_attribute("sandbox") is not None
    save_picture("mlflow_report")
