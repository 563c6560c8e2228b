"""The scikit-learn estimator: texts in memory, any two labels, and scikit-learn's own tools."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

import sentiment
from sentiment.api.estimator import SETTINGS, SentimentClassifier
from sentiment.data.sources import load_sample
from sentiment.data.tokenizer import tokenize
from sentiment.recipe import default_recipe

TINY = {
    "units": 2, "embedding": 2, "ngrams": 1, "bidirectional": False, "negation": False,
    "teacher": "off", "sentence_members": 0, "longest_review": 16, "prior": 0.3,
}  # fmt: skip
REVIEWS = load_sample()["train"]
TEXTS = REVIEWS.texts[:80]
LABELS = np.array(["bad", "good"])[REVIEWS.labels[:80]]


@pytest.fixture(scope="module")
def fitted():
    return SentimentClassifier(**TINY).fit(TEXTS, LABELS)


def test_it_predicts_the_labels_that_it_was_given(fitted):
    probabilities = fitted.predict_proba(TEXTS)
    assert probabilities.shape == (80, 2) and probabilities.dtype == np.float64
    np.testing.assert_array_equal(probabilities.sum(axis=1), np.ones(80))
    assert fitted.classes_.tolist() == ["bad", "good"]
    predicted = fitted.predict(TEXTS)
    assert predicted.tolist() == fitted.classes_[probabilities.argmax(axis=1)].tolist()
    assert fitted.score(TEXTS, LABELS) == np.mean(predicted == LABELS) > 0.8
    assert fitted.model_("a good film") == pytest.approx(
        fitted.predict_proba(["a good film"])[0, 1]
    )
    assert fitted.predict([""]).shape == (1,) and fitted.predict([]).shape == (0,)


def test_the_kind_of_labels_and_of_the_series_changes_nothing(fitted):
    pandas = pytest.importorskip("pandas")
    again = clone(fitted).fit(pandas.Series(TEXTS, index=range(80, 0, -1)), LABELS == "good")
    assert again.classes_.tolist() == [False, True] and again.predict(TEXTS).dtype == bool
    np.testing.assert_array_equal(again.predict_proba(TEXTS), fitted.predict_proba(TEXTS))


def test_the_vocabulary_is_that_of_the_texts_and_nothing_stays_on_the_disk(fitted):
    words = set(fitted.model_.classifier.bundle.tokenizer.words)
    assert words <= {word for text in TEXTS for word in tokenize(text)}
    assert not fitted.model_.classifier.bundle.folder.exists()


def test_a_pickle_predicts_in_another_process_without_tensorflow(fitted, tmp_path):
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(fitted))
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('tensorflow', 'keras', 'mlflow')))\n"
        "import pickle; model = pickle.load(open('model.pickle', 'rb'))\n"
        "print(model.predict_proba(['a good film']).tolist(), model.model_.trace('a film').tokens)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stdout == f"{fitted.predict_proba(['a good film']).tolist()} ['a', 'film']\n", (
        done.stderr
    )


def test_parameters_are_the_settings_and_none_is_the_value_of_the_recipe():
    estimator = SentimentClassifier(recipe="words", units=np.int64(8), random_state=7)
    recipe = estimator._recipe()
    assert (recipe.model.units, recipe.model.ngrams, recipe.train.seed) == (8, 1, 7)
    assert SentimentClassifier()._recipe() == default_recipe()
    assert set(SETTINGS) < estimator.get_params().keys()
    assert repr(SentimentClassifier(recipe="words", units=8)) == (
        "SentimentClassifier(recipe='words', units=8)"
    )
    drawn = [
        SentimentClassifier(random_state=np.random.RandomState(0))._recipe().train.seed
        for _ in range(2)
    ]
    assert drawn[0] == drawn[1] != 0
    assert estimator.set_params(units=4) is estimator and clone(estimator).units == 4
    with pytest.raises(TypeError, match="no parameter 'unit'"):
        SentimentClassifier(unit=8)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score"])
def test_it_must_be_fitted_first(method):
    arguments = [TEXTS, LABELS] if method == "score" else [TEXTS]
    with pytest.raises(NotFittedError):
        getattr(SentimentClassifier(), method)(*arguments)


@pytest.mark.parametrize(
    ("texts", "y", "parameters", "error", "message"),
    [
        (TEXTS[:9], LABELS[:9], {}, ValueError, "9 different texts: a training needs at least 10"),
        ([], [], {}, ValueError, "0 class"),
        (TEXTS, ["good"] * 80, {}, ValueError, "1 class: a training needs two"),
        (TEXTS, np.arange(80) % 3, {}, ValueError, "Only binary classification.* 3 classes"),
        (TEXTS, np.linspace(0.0, 0.9, 80), {}, ValueError, "continuous"),
        (TEXTS, None, {}, ValueError, "the target y is None"),
        (TEXTS, LABELS[1:], {}, ValueError, "inconsistent numbers of samples"),
        (TEXTS[:12], ["good"] + ["bad"] * 11, {}, ValueError, "at least 2 different texts of each"),
        ("a good film", LABELS, {}, TypeError, "got one string"),
        ([*TEXTS[1:], None], LABELS, {}, TypeError, "text 80 is None"),
        (np.zeros((80, 2)), LABELS, {}, TypeError, "2 dimensions"),
        (TEXTS, LABELS, {"units": 0}, ValueError, "from 1 to 1024, got 0"),
        (TEXTS, LABELS, {"tracking": True}, ValueError, "tracking needs a project"),
    ],
)
def test_what_can_not_be_learnt_from_is_refused(texts, y, parameters, error, message):
    with pytest.raises(error, match=message):
        SentimentClassifier(**TINY | parameters).fit(texts, y)


def test_a_project_keeps_the_model(tmp_path, fitted):
    own = clone(fitted).set_params(project=tmp_path).fit(TEXTS, LABELS)
    kept = sentiment.load(own.model_.classifier.bundle.folder)
    np.testing.assert_array_equal(kept.predict(TEXTS), own.model_.predict(TEXTS))
    with pytest.raises(sentiment.MissingFileError, match="has no test reviews"):
        sentiment.evaluate(kept, project=tmp_path)


def lower(texts):
    return [text.lower() for text in texts]


def test_a_grid_search_over_a_pipeline_and_a_cross_validation():
    pipeline = Pipeline(
        [("lower", FunctionTransformer(lower)), ("net", SentimentClassifier(**TINY))]
    )
    search = GridSearchCV(pipeline, {"net__learning_rate": [1e-7, 0.01]}, cv=2, refit=False)
    search.fit(TEXTS, LABELS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    scores = cross_val_score(
        SentimentClassifier(**TINY), np.array(TEXTS), LABELS, cv=2, scoring="roc_auc"
    )
    assert scores.shape == (2,) and np.isfinite(scores).all()


@pytest.mark.slow
def test_two_processes_give_the_same_scores():
    estimator = SentimentClassifier(**TINY)
    one, two = (cross_val_score(estimator, TEXTS, LABELS, cv=2, n_jobs=n) for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_the_tags_say_that_it_takes_texts():
    tags = get_tags(SentimentClassifier())
    assert tags.input_tags.string and tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array and not tags.classifier_tags.multi_class
    assert tags.target_tags.required


# scikit-learn's `check_estimator` checks nothing of an estimator of texts: it skips all that do not
# take numbers in two dimensions. These checks need no input.
@pytest.mark.parametrize(
    "check",
    [
        "check_estimator_cloneable",
        "check_estimator_tags_renamed",
        "check_valid_tag_types",
        "check_estimator_repr",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_get_params_invariance",
        "check_set_params",
        "check_mixin_order",
    ],
)
def test_it_passes_the_checks_of_scikit_learn_that_need_no_input(check):
    getattr(estimator_checks, check)("SentimentClassifier", SentimentClassifier())


class OfNumbers(SentimentClassifier):
    """The estimator behind an adapter that writes each row of numbers as a text."""

    def fit(self, X, y):  # noqa: N803
        return super().fit(_as_texts(*validate_data(self, X, y)[:1]), y)

    def predict_proba(self, X):  # noqa: N803
        check_is_fitted(self)
        return super().predict_proba(_as_texts(validate_data(self, X, reset=False)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.one_d_array = tags.input_tags.string = False
        return tags


def _as_texts(rows):
    """Return texts with two words for each number: a coarse one, which others share, and itself."""
    return [
        " ".join(
            f"c{column}v{round(2 * value)} c{column}w{round(1000 * value)}"
            for column, value in enumerate(row)
        )
        for row in rows
    ]


EXPECTED_FAILURES = {
    "check_class_weight_classifiers": "class_weight is none or balanced, not a weight of each class"
}


@pytest.mark.slow
def test_it_passes_check_estimator_on_rows_that_are_written_as_texts():
    results = estimator_checks.check_estimator(
        OfNumbers(**TINY | {"least_word": 1}),
        expected_failed_checks=EXPECTED_FAILURES,
        on_fail=None,
    )
    failed = {
        one["check_name"]: str(one["exception"]) for one in results if one["status"] == "failed"
    }
    assert failed == {} and len(results) > 50
