import subprocess
import sys

import numpy as np
import pytest

import sentiment
from sentiment.errors import MissingFileError
from sentiment.inference import resolve
from sentiment.inference.classifier import Classifier
from tests.helpers.build import tiny_bundle

HEAVY = (
    "tensorflow", "keras", "mlflow", "tensorflow_datasets", "pandas", "sklearn", "matplotlib",
    "pyarrow", "typer", "rich",
)  # fmt: skip
TEXTS = ["a good film", "a bad heart, a bad film"]


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    return tiny_bundle(tmp_path / "data" / "models" / "tiny")


def test_a_model_says_the_same_as_the_runtime(made):
    model = sentiment.load()
    expected = Classifier(made).predict(TEXTS)
    np.testing.assert_array_equal(model.predict(iter(TEXTS)), expected)
    assert model.predict(TEXTS).dtype == np.float32
    assert model(TEXTS[1]) == pytest.approx(expected[1], abs=1e-6)
    assert isinstance(model(TEXTS[0]), float)
    assert model.predict([]).shape == (0,)


def test_states_and_explanations_agree_with_each_other(made):
    model = sentiment.load()
    traced, effects = model.trace(TEXTS[1]), model.why(TEXTS[1])
    assert traced.tokens == effects.tokens == ["a", "bad", "heart", "a", "bad", "film"]
    np.testing.assert_array_equal(model.states(TEXTS[1]), traced.states)
    assert traced.probabilities[-1] == pytest.approx(model(TEXTS[1]), abs=1e-6)
    assert effects.probability == pytest.approx(model(TEXTS[1]), abs=1e-6)
    assert model.states("").shape == (0, 3)


def test_a_folder_can_be_named_and_else_the_newest_speaks(made, tmp_path):
    other = tiny_bundle(tmp_path / "elsewhere", seed=5)
    named = sentiment.load(str(other.folder))
    assert named(TEXTS[0]) != sentiment.load()(TEXTS[0])
    assert named(TEXTS[0]) == sentiment.load(other.folder)(TEXTS[0])
    assert repr(named) == f"<Model elsewhere in {other.folder}>"


def test_a_string_in_the_place_of_texts_is_refused_rather_than_read_letter_by_letter(made):
    with pytest.raises(TypeError, match="got one string"):
        sentiment.load().predict("a good film")


def test_where_nothing_was_trained_the_model_in_the_box_speaks(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    model = sentiment.load()
    assert model("An unforgettable film.") > 0.5 > model("A dull, boring mess.")
    assert model.classifier.bundle.folder == resolve.PRETRAINED


def test_a_folder_without_a_model_says_so(tmp_path):
    with pytest.raises(MissingFileError, match="no model in"):
        sentiment.load(tmp_path)


def test_the_library_imports_nothing_heavy_and_nothing_at_all_before_it_is_used(made):
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({HEAVY!r}))\n"
        "from sentiment import load\n"
        "assert {m for m in sys.modules if m.startswith('sentiment')} == {'sentiment'}\n"
        "assert 'numpy' not in sys.modules\n"
        "model = load()\n"
        "from sentiment.reports.explanation import page\n"
        "text = 'a good film'\n"
        "model.predict([text]), model.states(text)\n"
        "shown = page(model.trace(text), model.why(text), label='positive', model='tiny')\n"
        "print(f'{model(text):.6f}', '<svg' in shown)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{Classifier(made).predict(['a good film'])[0]:.6f} True\n"


def test_the_package_exports_these_names():
    assert sentiment.__all__ == sorted(sentiment.__all__) == [
        "DamagedFileError", "DivergedError", "InputError", "MissingFileError", "Model",
        "SentimentError", "Trace", "UnavailableError", "WordEffects", "load",
    ]  # fmt: skip
    for name in sentiment.__all__:
        assert getattr(sentiment, name).__name__ == name
        assert name in dir(sentiment)
    with pytest.raises(AttributeError, match="no attribute 'Loader'"):
        sentiment.Loader  # noqa: B018


def test_importing_the_package_imports_no_library():
    code = "import sentiment, sys; assert not {'numpy', 'tensorflow', 'mlflow'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
