import numpy as np
import pytest

from sentiment.config import PrepareSettings
from sentiment.data.prepare import prepare
from sentiment.evaluation.overlap import TrainingOverlap, find_seen, measure_overlap
from sentiment.utils.paths import ProjectPaths


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return a prepared file without test reviews of its own; `rare1` … are unknown words."""
    root = tmp_path_factory.mktemp("overlap")
    rows = [f"a {('bad', 'good')[n % 2]} film rare{n},{n % 2}" for n in range(20)]
    path = root / "a.csv"
    path.write_text("text,label\n" + "\n".join(rows))
    return prepare(PrepareSettings(dataset=str(path)), ProjectPaths(root))[0]


def test_a_text_with_the_same_tokens_is_found(data):
    train = data.split("train")
    text = train.text(0)
    texts = [text.upper() + " <br />", text + " indeed", data.split("test").text(0), train.text(3)]
    assert find_seen(data, texts).tolist() == [True, False, False, True]


def test_another_unknown_word_makes_another_text(data):
    # The word ids are the same, as all unknown words share one.
    text = data.split("train").text(0)
    other = " ".join([*text.split()[:-1], "rare999"])
    encoded = data.tokenizer.encode([text, other])
    assert encoded.tokens[:4].tolist() == encoded.tokens[4:].tolist()
    assert find_seen(data, [other]).tolist() == [False]


def test_the_accuracy_without_these_texts_is_worked_by_hand(data):
    train = data.split("train")
    texts = [train.text(0), "one", "two", "three"]
    labels, probabilities = np.array([1, 1, 0, 0]), np.array([0.9, 0.8, 0.1, 0.7])
    overlap = measure_overlap(data, texts, labels, probabilities)
    assert overlap == TrainingOverlap(4, 1, pytest.approx(2 / 3))
    assert overlap.describe() == (
        "1 of 4 texts are also in the training data; without them accuracy is 66.67 %"
    )
    assert measure_overlap(data, texts[:1], labels[:1], probabilities[:1]).describe() == (
        "1 of 1 texts are also in the training data"
    )
