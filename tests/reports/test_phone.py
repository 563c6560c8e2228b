"""The pages on a phone, 390 pixels wide: nothing sticks out, and none scrolls sideways."""

import numpy as np

from sentiment.data.labels import NEGATIVE, POSITIVE
from sentiment.evaluation import metrics
from sentiment.inference import bundle, resolve
from sentiment.inference.classifier import Classifier
from sentiment.inspection import explain
from sentiment.reports import comparison, explanation, run_report
from sentiment.reports.comparison import ComparedRun, Grid
from tests.helpers.browser import beyond_the_edge, needs_browser
from tests.reports.test_run_report import make_report

pytestmark = needs_browser
NAME = "imdb-counterrevolutionaries-birnn16-last-seed0-1128-064218"
TEXT = "I expected it to be terrible and it is unforgettable, incomprehensibly so. " * 5


def test_the_report_of_a_run(tmp_path):
    model = bundle.read(resolve.PRETRAINED)
    labels = np.array([POSITIVE, NEGATIVE], np.int8)
    report = make_report(model, [TEXT, "A bad film."], labels, name=NAME, mistakes=[(TEXT, 0)])
    scores = metrics.score(np.tile(labels, 12_500), np.tile([0.9, 0.6], 12_500))
    page = run_report.add_evaluation(run_report.page(report), scores)
    assert NAME in page and "12,500" in page
    assert beyond_the_edge(page, tmp_path) == []


def test_the_comparison_of_runs(tmp_path):
    ids, labels = ["train 1", "negation"], np.array([0, 1], np.int8)
    curves = {"validation/loss": [(1, 0.5), (2, 0.4)]}
    points = np.array([[-0.5, 0.1], [0.5, -0.9]], np.float32)
    runs = [ComparedRun(f"{number} {NAME}", curves, ids, labels, points) for number in range(9)]
    headings = ["#", "run", *(f"metric {number}" for number in range(9))]
    grid = Grid("Runs", headings, [["1", NAME, *["0.1234"] * 9]])
    page = comparison.page(f"Runs of {NAME}", runs, [grid], "The most accurate is run 1.")
    assert beyond_the_edge(page, tmp_path) == []


def test_an_explanation(tmp_path):
    classifier = Classifier(bundle.read(resolve.PRETRAINED))
    trace, effects = explain.trace(classifier, TEXT), explain.word_effects(classifier, TEXT)
    page = explanation.page(trace, effects, label="positive", model=NAME)
    assert beyond_the_edge(page, tmp_path) == []
