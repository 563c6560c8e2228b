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
    """Open a trained model: the one in `folder`, or else the newest.

    Raises MissingFileError where there is none and DamagedFileError where it is not whole. Nothing
    is imported before this is called, and then NumPy alone.
    """
    from sentiment import model

    return model.load(folder)
