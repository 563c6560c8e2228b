"""Train, look inside and use a recurrent sentiment classifier.

>>> from sentiment import load
>>> model = load()
>>> model("An unforgettable film.") > 0.5
True
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from sentiment.model import Model

__version__ = "0.1.0"
__all__ = ["load"]


def load(folder: "str | PathLike[str] | None" = None) -> "Model":
    """Open a trained model.

    The one in `folder`, which may be an address in MLflow such as models:/sentiment@champion, else
    the one that SENTIMENT_MODEL names, else the newest of this project, else the one in the box.
    Raises MissingFileError where there is none and DamagedFileError where it is not whole. Nothing
    is imported before this is called, and then NumPy alone, or MLflow too for an address in it.
    """
    from sentiment import model

    return model.load(folder)
