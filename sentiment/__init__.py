"""Train, look inside and use a recurrent sentiment classifier.

>>> from sentiment import load
>>> model = load()
>>> model("An unforgettable film.") > 0.5
True
"""

from importlib import import_module

# Nothing else is imported here: it would delay what `__main__` does about Ctrl-C.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike
    from typing import Any

    from sentiment.api.estimator import SentimentClassifier
    from sentiment.api.export import ExportedModel, export
    from sentiment.api.stages import compare, evaluate, prepare, train
    from sentiment.data.prepared import PreparedDataset
    from sentiment.errors import (
        DamagedFileError,
        DivergedError,
        InputError,
        MissingFileError,
        SentimentError,
        UnavailableError,
    )
    from sentiment.evaluation.evaluate import Evaluation
    from sentiment.evaluation.run_comparison import Comparison
    from sentiment.inference.predict import Prediction
    from sentiment.inspection.explain import Trace, WordEffects
    from sentiment.model import Model
    from sentiment.training.results import TrainingResult

__version__ = "0.1.0"
__all__ = [
    "Comparison",
    "DamagedFileError",
    "DivergedError",
    "Evaluation",
    "ExportedModel",
    "InputError",
    "MissingFileError",
    "Model",
    "Prediction",
    "PreparedDataset",
    "SentimentClassifier",
    "SentimentError",
    "Trace",
    "TrainingResult",
    "UnavailableError",
    "WordEffects",
    "compare",
    "evaluate",
    "export",
    "load",
    "prepare",
    "train",
]
_MODULES = {
    "Comparison": "evaluation.run_comparison",
    "Evaluation": "evaluation.evaluate",
    "ExportedModel": "api.export",
    "Model": "model",
    "Prediction": "inference.predict",
    "PreparedDataset": "data.prepared",
    "SentimentClassifier": "api.estimator",
    "Trace": "inspection.explain",
    "TrainingResult": "training.results",
    "WordEffects": "inspection.explain",
    "compare": "api.stages",
    "evaluate": "api.stages",
    "export": "api.export",
    "prepare": "api.stages",
    "train": "api.stages",
}
# Models that version 0.1.0 logged to MLflow import sentiment.bundle and sentiment.runtime.
__path__.append(f"{__path__[0]}/_legacy")


def load(folder: "str | PathLike[str] | None" = None) -> "Model":
    """Open a trained model.

    The model is the one in `folder`, which may be an address in MLflow such as
    models:/sentiment@champion, else the one that SENTIMENT_MODEL names, else the newest of this
    project that learnt from at least 10,000 reviews, else the bundled one. Nothing is imported
    before the call; the call imports NumPy, and MLflow for an address in it. Raises
    MissingFileError if there is no model, DamagedFileError if it is damaged.
    """
    from sentiment import model

    return model.load(folder)


def __getattr__(name: str) -> "Any":
    """Import a name of `__all__` on first use, so that importing the package is fast."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
