"""A scikit-learn estimator that trains the classifier on texts in memory."""

import inspect
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import fields, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from sentiment.api.options import project_paths, store_address, to_progress
from sentiment.config import ModelSettings, TrainSettings
from sentiment.data.prepare import prepare_texts
from sentiment.data.reviews import Reviews
from sentiment.data.trainable import check_dataset
from sentiment.errors import InputError
from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.texts import check_texts
from sentiment.model import Model
from sentiment.recipe import DEFAULT, Recipe, load_recipe
from sentiment.tracking.selection import tracking_store
from sentiment.utils import environment
from sentiment.utils.paths import ProjectPaths

# Settings that are parameters. What scikit-learn passes itself, the texts and the seed, is not.
SETTINGS = (
    *("vocabulary", "least_word", "least_bigram", "least_trigram", "least_negated"),
    *(setting.name for setting in fields(ModelSettings)),
    *(setting.name for setting in fields(TrainSettings) if setting.name != "seed"),
)
_MIN_TEXTS = 10  # as in a labelled file


class SentimentClassifier(ClassifierMixin, BaseEstimator):
    """Classify texts by two labels of any kind, as scikit-learn's classifiers do.

    Parameters, all by name:

    recipe: the name of a recipe, or its file. random_state: an int, the seed; a RandomState, from
    which `fit` draws one; or None for the seed of the recipe. project: the folder that keeps the
    model; None for a temporary one, as the fitted estimator holds its model itself. tracking:
    whether to log the training to MLflow, or the address of the store; it needs a project.
    progress: as of `sentiment.train`. All others are settings, such as `units` and `epochs`, and
    None stands for the value of the recipe; `sentiment train --help` explains them.

    Attributes of a fitted estimator: `classes_`, the two labels in ascending order, of which the
    second is the one that the model calls positive; `model_`, a `sentiment.Model`, whose `trace`
    and `why` explain a prediction.
    """

    classes_: np.ndarray
    model_: Model

    def __init__(
        self,
        *,
        recipe: str = DEFAULT,
        random_state: int | np.random.RandomState | None = None,
        project: str | PathLike[str] | None = None,
        tracking: bool | str = False,
        progress: bool | Callable[[str], None] = False,
        **settings: Any,
    ):
        self.recipe = recipe
        self.random_state = random_state
        self.project = project
        self.tracking = tracking
        self.progress = progress
        for name in SETTINGS:
            setattr(self, name, settings.pop(name, None))
        for name in settings:
            raise TypeError(f"SentimentClassifier has no parameter {name!r}")

    def fit(self, X: Any, y: Any) -> "SentimentClassifier":  # noqa: N803 (scikit-learn's name)
        """Train on texts, N strings, with their labels, (N,); return the estimator.

        Vocabulary, teacher and network learn from these texts alone; a tenth of them chooses the
        best epoch and calibrates the probabilities. Raises TypeError if `X` is not texts and
        ValueError if there are too few, if `y` has not two labels or a parameter is out of its
        range.
        """
        texts, classes, labels = _check_training_data(X, y)
        try:
            with self._project() as paths, tracking_store(store_address(self.tracking)):
                trained = self._train(Reviews(texts, labels), paths)
                # Read before a temporary folder goes: a bundle maps its embedding.
                opened = bundle.read(trained)
                opened = replace(opened, embedding=np.array(opened.embedding))
        except InputError as error:  # what scikit-learn's tools expect
            raise ValueError(str(error)) from error
        self.classes_, self.model_ = classes, Model(Classifier(opened))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the probability of each of `classes_` for each text, float64 (N, 2)."""
        check_is_fitted(self)
        second = self.model_.predict(X).astype(np.float64)
        return np.column_stack([1 - second, second])

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the more probable label of each text, (N,), in the dtype of `classes_`."""
        is_second = self.predict_proba(X)[:, 1] >= 0.5
        return self.classes_[is_second.astype(int)]

    def _train(self, reviews: Reviews, paths: ProjectPaths) -> Path:
        """Return the folder of the model that learnt from `reviews`."""
        environment.configure_libraries()
        recipe, progress = self._recipe(), to_progress(self.progress)
        data = prepare_texts(reviews, recipe.prepare, paths, progress=progress)
        check_dataset(data)
        from sentiment.training.reviews import TrainingReviews

        model, settings = recipe.model, recipe.train
        with closing(TrainingReviews.read_ahead(data, model, settings)) as learnt:
            with environment.suppress_stderr():
                from sentiment.training import train  # a prediction doesn't need TensorFlow
            result = train.train(
                data, model, settings, paths, recipe=recipe.name, reviews=learnt,
                track=bool(self.tracking), progress=progress,
            )  # fmt: skip
        return result.folder

    def _recipe(self) -> Recipe:
        given = {name: getattr(self, name) for name in SETTINGS if getattr(self, name) is not None}
        if isinstance(self.random_state, np.random.RandomState):
            given["seed"] = check_random_state(self.random_state).randint(2**31 - 1)
        elif self.random_state is not None:
            given["seed"] = self.random_state
        return load_recipe(self.recipe).with_settings(**given)

    @contextmanager
    def _project(self) -> Iterator[ProjectPaths]:
        if self.project is not None:
            yield project_paths(self.project)
            return
        if self.tracking:
            raise InputError("tracking needs a project, which keeps what is not sent yet")
        with tempfile.TemporaryDirectory(prefix="sentiment-") as folder:
            yield project_paths(folder)

    def __sklearn_tags__(self) -> Tags:
        """Return what scikit-learn has to know: texts in one dimension, and two classes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.classifier_tags.multi_class = False
        return tags


def _shown_signature() -> inspect.Signature:
    """Return the signature with a parameter for each setting; scikit-learn reads their names."""
    own = list(inspect.signature(SentimentClassifier.__init__).parameters.values())[:-1]
    settings = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in SETTINGS
    ]
    return inspect.Signature([*own, *settings])


SentimentClassifier.__init__.__signature__ = _shown_signature()  # type: ignore[attr-defined]


def _check_training_data(texts: Any, y: Any) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return texts, the two labels, and which of them each text has, int8 (N,).

    Raises TypeError or ValueError if a classifier can't learn from them.
    """
    if y is None:
        raise ValueError("SentimentClassifier requires y to be passed, but the target y is None")
    # Lone surrogates can't be written to a file, and are part of no word.
    checked = [text.encode("utf-8", "ignore").decode() for text in check_texts(texts)]
    labels = column_or_1d(y, warn=True)
    check_consistent_length(checked, labels)
    check_classification_targets(labels)
    classes, numbers = np.unique(labels, return_inverse=True)
    if len(classes) > 2:
        raise ValueError(
            "Only binary classification is supported. The type of the target is multiclass: it "
            f"has {len(classes)} classes"
        )
    if len(classes) < 2:
        raise ValueError(f"y has {len(classes)} class: a training needs two")
    if len(set(checked)) < _MIN_TEXTS:
        raise ValueError(
            f"there are {len(set(checked))} different texts: a training needs at least {_MIN_TEXTS}"
        )
    return checked, classes, numbers.astype(np.int8)
