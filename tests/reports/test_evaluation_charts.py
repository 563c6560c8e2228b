import csv

import numpy as np
import pytest

from sentiment.evaluation import metrics
from sentiment.reports.evaluation_charts import draw_charts

LABELS = np.array([1, 0, 1, 0] * 10, np.int8)
PROBABILITIES = np.array([0.9, 0.1, 0.2, 0.3] * 10, np.float32)  # every third one is wrong
TEXTS = ["good", "bad bad", "good " * 3, "bad " * 4] * 10
NAMES = {"confusion_matrix", "roc_curve", "precision_recall_curve", "reliability", "by_length"}


def rows_of(charts, name):
    return list(csv.DictReader(charts.tables[name].splitlines()))


@pytest.fixture(scope="module")
def charts():
    return draw_charts(metrics.score(LABELS, PROBABILITIES), LABELS, PROBABILITIES, TEXTS)


def test_each_table_has_a_picture(charts):
    assert charts.tables.keys() == charts.pictures.keys() == NAMES
    for pixels in charts.pictures.values():
        assert pixels.dtype == np.uint8 and pixels.shape == (500, 600, 3)
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 10  # something is drawn


def test_the_confusion_matrix_counts_the_predictions(charts):
    assert rows_of(charts, "confusion_matrix") == [
        {"label": "negative", "predicted negative": "20", "predicted positive": "0"},
        {"label": "positive", "predicted negative": "10", "predicted positive": "10"},
    ]


def test_accuracy_is_measured_for_short_and_long_reviews(charts):
    rows = rows_of(charts, "by_length")
    assert [(row["from"], row["to"], row["accuracy"]) for row in rows] == [
        ("1", "1", "1"), ("2", "2", "1"), ("3", "3", "0"), ("4", "4", "1"),
    ]  # fmt: skip
    low, high = metrics.wilson_interval(0, 10)
    assert float(rows[2]["low"]) == low and float(rows[2]["high"]) == pytest.approx(high, abs=1e-5)


def test_the_position_of_opinions_is_measured_on_a_prepared_dataset(sample):
    test = sample.split("test")
    texts = [test.text(row) for row in range(len(test))]
    probabilities = np.where(test.labels == 1, 0.9, 0.2).astype(np.float32)
    scores = metrics.score(test.labels, probabilities)
    charts = draw_charts(scores, test.labels, probabilities, texts, sample)
    rows = rows_of(charts, "by_opinion_position")
    assert sum(int(row["reviews"]) for row in rows) == len(texts)
    assert all(float(row["accuracy"]) == 1 for row in rows)


def test_one_class_alone_has_charts_too():
    labels = np.ones(4, np.int8)
    probabilities = np.full(4, 0.7, np.float32)
    scores = metrics.score(labels, probabilities)
    assert draw_charts(scores, labels, probabilities, ["a"] * 4).tables.keys() == NAMES
