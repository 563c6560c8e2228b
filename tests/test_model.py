import subprocess
import sys

import numpy as np
import pytest

import sentiment
from sentiment.errors import MissingFileError
from sentiment.inference import predict, resolve
from sentiment.inference.classifier import Classifier
from tests.helpers.build import tiny_bundle

HEAVY = (
    "tensorflow", "keras", "mlflow", "tensorflow_datasets", "pandas", "sklearn", "matplotlib",
    "pyarrow", "typer", "rich",
)  # fmt: skip
TEXTS = ["a good film", "a bad heart, a bad film"]


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    return tiny_bundle(tmp_path / "data" / "models" / "tiny")


def test_a_model_predicts_the_same_as_the_classifier(bundle):
    model = sentiment.load()
    expected = Classifier(bundle).predict(TEXTS)
    np.testing.assert_array_equal(model.predict(iter(TEXTS)), expected)
    assert model.predict(TEXTS).dtype == np.float32
    assert model(TEXTS[1]) == pytest.approx(expected[1], abs=1e-6)
    assert isinstance(model(TEXTS[0]), float)
    assert model.predict([]).shape == (0,)


def test_states_and_explanations_agree(bundle):
    model = sentiment.load()
    trace, effects = model.trace(TEXTS[1]), model.why(TEXTS[1])
    assert trace.tokens == effects.tokens == ["a", "bad", "heart", "a", "bad", "film"]
    np.testing.assert_array_equal(model.states(TEXTS[1]), trace.states)
    assert trace.probabilities[-1] == pytest.approx(model(TEXTS[1]), abs=1e-6)
    assert effects.probability == pytest.approx(model(TEXTS[1]), abs=1e-6)
    assert model.states("").shape == (0, 3)


def test_load_opens_the_given_folder_or_else_the_newest_model(bundle, tmp_path):
    other = tiny_bundle(tmp_path / "elsewhere", seed=5)
    model = sentiment.load(str(other.folder))
    assert model(TEXTS[0]) != sentiment.load()(TEXTS[0])
    assert model(TEXTS[0]) == sentiment.load(other.folder)(TEXTS[0])
    assert repr(model) == f"<Model elsewhere in {other.folder}>"


def test_predict_takes_any_series_of_strings(bundle):
    pandas = pytest.importorskip("pandas")
    model = sentiment.load()
    expected = Classifier(bundle).predict(TEXTS).tolist()
    frame = pandas.DataFrame({"id": [1, 2], "text": TEXTS})
    for texts in (tuple(TEXTS), np.array(TEXTS), frame["text"], frame.set_index("id")["text"]):
        assert model.predict(texts).tolist() == expected
        assert [p.probability for p in model.classify(texts)] == pytest.approx(expected, abs=1e-6)


def test_the_methods_refuse_what_is_not_text_and_say_what_it_is(bundle):
    pandas = pytest.importorskip("pandas")
    model, frame = sentiment.load(), pandas.DataFrame({"title": ["x"], "text": ["a good film"]})
    for several in (model.predict, model.classify):
        with pytest.raises(TypeError, match="got one string"):
            several("a good film")
        with pytest.raises(TypeError, match=r'columns title, text: pass frame\["text"\]'):
            several(frame)
        with pytest.raises(TypeError, match="text 2 is None"):
            several(["a good film", None])
    for single in (model, model.states, model.trace, model.why):
        with pytest.raises(TypeError, match="expected one text, got None"):
            single(None)
        with pytest.raises(TypeError, match="expected one text, got list: `predict`"):
            single(TEXTS)
        with pytest.raises(TypeError, match="expected one text, got DataFrame"):
            single(frame)


def test_classify_gives_the_records_of_the_command_line(bundle):
    model = sentiment.load()
    rule = {"threshold": 0.3}
    texts = [*TEXTS, "zzz", "..."]
    records = model.classify(texts, **rule)
    assert records == predict.predict(Classifier(bundle), predict.LabelRule(0.3), texts)
    assert [type(record) for record in records] == [sentiment.Prediction] * 4
    assert records[2].warnings == ("no-known-word",)
    assert records[3] == sentiment.Prediction(None, None, wrong="holds no word: '...'")
    low, high = sorted(record.probability for record in records[:2])
    assert {r.label for r in model.classify(TEXTS, neutral=(low, high))} == {"neutral"}
    assert {r.label for r in model.classify(TEXTS, threshold=high)} == {"positive", "negative"}
    assert model.classify([]) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, "from 0 to 1, got 1.5"),
        ({"threshold": float("nan")}, "from 0 to 1, got nan"),
        ({"neutral": (0.6, 0.4)}, r"got \(0.6, 0.4\)"),
        ({"neutral": (0.4, 0.6), "threshold": 0.7}, "only one of them"),
    ],
)
def test_classify_refuses_a_rule_that_is_none(options, message, bundle):
    with pytest.raises(ValueError, match=message):
        sentiment.load().classify(TEXTS, **options)


def test_without_a_trained_model_the_bundled_model_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    model = sentiment.load()
    assert model("An unforgettable film.") > 0.5 > model("A dull, boring mess.")
    assert model.classifier.bundle.folder == resolve.PRETRAINED


def test_a_folder_without_a_model_is_missing(tmp_path):
    with pytest.raises(MissingFileError, match="no model in"):
        sentiment.load(tmp_path)


def test_predicting_and_explaining_import_no_heavy_library(bundle):
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({HEAVY!r}))\n"
        "from sentiment import load\n"
        "model = load()\n"
        "from sentiment.reports.explanation import page\n"
        "text = 'a good film'\n"
        "model.predict([text]), model.states(text)\n"
        "html = page(model.trace(text), model.why(text), label='positive', model='tiny')\n"
        "print(f'{model(text):.6f}', '<svg' in html)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{Classifier(bundle).predict(['a good film'])[0]:.6f} True\n"
