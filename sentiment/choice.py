"""Which model speaks: the order of choice, in one place.

Knows bundles, where they lie and the environment; knows nothing of what is done with one.
"""

import os
from importlib import resources
from pathlib import Path

from sentiment import bundle
from sentiment.bundle import Bundle
from sentiment.errors import MissingFileError

ENVIRONMENT = "SENTIMENT_MODEL"
BOX = Path(str(resources.files("sentiment"))) / "pretrained"


def choose(named: Path | None, models: Path) -> Bundle:
    """Open the model `named`, else that in SENTIMENT_MODEL, the newest in `models`, or in the box.

    Raises MissingFileError where there is none. One that is damaged is never passed over for the
    next: whoever asked would get another model's answer.
    """
    if named is None and (set_in := os.environ.get(ENVIRONMENT)):
        named = Path(set_in).expanduser()
    if named is not None:
        return bundle.read(named)
    try:
        newest = bundle.newest(models)
    except MissingFileError:
        if not (BOX / "bundle.json").is_file():
            raise
        newest = BOX
    return bundle.read(newest)
