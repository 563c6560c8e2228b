import numpy as np

from sentiment.snapshots import Snapshot, choose_probes, picture

TINY = Snapshot(
    states=np.array([[0.5, -0.25], [1.0, 0.0]], np.float32),
    labels=np.array([0, 1], np.int8),
    probabilities=np.array([0.125, 0.75], np.float32),
    texts=("dull", "x" * 500),
)


def test_the_table_has_a_row_for_each_sample_and_a_column_for_each_unit():
    assert TINY.table() == {
        "sample": ["00 dull", "01 " + "x" * 120],
        "h1": [0.5, 1.0],
        "h2": [-0.25, 0.0],
        "probability": [0.125, 0.75],
        "label": ["negative", "positive"],
    }


def test_probes_are_of_both_labels_from_the_shortest_to_the_longest():
    labels = np.array([1, 0, 1, 0, 1, 0])
    lengths = np.array([30, 5, 10, 9, 20, 7])
    # Negative ones by length: rows 1, 5, 3; positive ones: rows 2, 4, 0. Two of three: the ends.
    assert choose_probes(labels, lengths, count=4).tolist() == [1, 3, 2, 0]
    assert choose_probes(labels, lengths, count=100).tolist() == [1, 5, 3, 2, 4, 0]


def test_pictures_have_one_size_and_show_the_states():
    drawn = picture(TINY, "a title")
    other = Snapshot(np.ones((2, 9), np.float32), TINY.labels, TINY.probabilities, TINY.texts)
    assert drawn.shape == picture(other, "b").shape == (700, 800, 3)
    assert drawn.dtype == np.uint8
    flipped = Snapshot(-TINY.states, TINY.labels, TINY.probabilities, TINY.texts)
    assert np.abs(drawn.astype(int) - picture(flipped, "a title")).mean() > 5
