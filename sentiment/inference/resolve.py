"""Resolve which trained model to load."""

import os
from importlib import resources
from pathlib import Path

from sentiment.errors import MissingFileError
from sentiment.inference import bundle
from sentiment.inference.bundle import Bundle
from sentiment.utils.paths import ProjectPaths, expand_user

MODEL_VARIABLE = "SENTIMENT_MODEL"
PRETRAINED = Path(str(resources.files("sentiment"))) / "pretrained"


def resolve_model(name: str | None, paths: ProjectPaths) -> Bundle:
    """Open the model `name`, else that in SENTIMENT_MODEL, the newest trained, or the bundled one.

    A name is a folder, the run's name of a trained model, or an address in MLflow, such as
    models:/sentiment@champion. Raises MissingFileError if there is no model. A damaged model is
    never skipped: the answer would come from another model than the one asked for.
    """
    if requested := requested_model(name):
        return bundle.read(_folder(requested, paths))
    try:
        newest = bundle.newest_bundle(paths.models)
    except MissingFileError:
        if not (PRETRAINED / "bundle.json").is_file():
            raise
        newest = PRETRAINED
    return bundle.read(newest)


def requested_model(name: str | None) -> str | None:
    """Return `name`, else the model in SENTIMENT_MODEL, else None."""
    return name or os.environ.get(MODEL_VARIABLE)


def _folder(name: str, paths: ProjectPaths) -> Path:
    """Return the folder of the model `name`."""
    if name.startswith("models:/"):
        from sentiment.tracking import registry  # here, as importing MLflow takes two seconds

        return registry.download_bundle(paths, name)
    folder = expand_user(name, "the model")
    trained = paths.models / name
    return trained if not folder.exists() and trained.is_dir() else folder
