"""Train, look inside and use a recurrent sentiment classifier.

>>> from sentiment import load
>>> model = load()
>>> model("An unforgettable film.") > 0.5
True
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentiment.errors import (
        DamagedFileError,
        DivergedError,
        InputError,
        MissingFileError,
        SentimentError,
        UnavailableError,
    )
    from sentiment.inspection.explain import Trace, WordEffects
    from sentiment.model import Model, load

__version__ = "0.1.0"
__all__ = [
    "DamagedFileError",
    "DivergedError",
    "InputError",
    "MissingFileError",
    "Model",
    "SentimentError",
    "Trace",
    "UnavailableError",
    "WordEffects",
    "load",
]
_MODULES = {
    "Model": "model",
    "Trace": "inspection.explain",
    "WordEffects": "inspection.explain",
    "load": "model",
}
# Models that version 0.1.0 logged to MLflow import sentiment.bundle and sentiment.runtime.
__path__.append(str(Path(__file__).parent / "_legacy"))


def __getattr__(name: str) -> Any:
    """Import a name of `__all__` on first use, so that importing the package is fast."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
