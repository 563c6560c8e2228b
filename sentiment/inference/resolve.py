"""Resolve which trained model to load."""

import os
from importlib import resources
from pathlib import Path

from sentiment.errors import MissingFileError
from sentiment.inference import bundle, trained_models
from sentiment.inference.bundle import Bundle
from sentiment.utils.paths import ProjectPaths, expand_user

MODEL_VARIABLE = "SENTIMENT_MODEL"
PRETRAINED = Path(str(resources.files("sentiment"))) / "pretrained"


def resolve_model(name: str | None, paths: ProjectPaths) -> Bundle:
    """Open the model `name`, else that in SENTIMENT_MODEL, else the default model.

    A name is a folder, the run's name of a trained model, or an address in MLflow, such as
    models:/sentiment@champion. Raises MissingFileError if there is no model. A damaged model is
    never skipped: the answer would come from another model than the one asked for.
    """
    requested = requested_model(name)
    return bundle.read(_folder(requested, paths) if requested else default_folder(paths))


def default_folder(paths: ProjectPaths) -> Path:
    """Return the folder of the newest trained model that is not small, else the bundled one.

    A small model, see `TrainedModel.is_small`, is the default only if there is no bundled one.
    """
    bundled = (PRETRAINED / trained_models.MANIFEST).is_file()
    newest = trained_models.newest_model(paths.models, small=not bundled)
    if newest is not None:
        return newest.folder
    if not bundled:
        raise MissingFileError(f"no trained model in {paths.models}", hint="sentiment train")
    return PRETRAINED


def model_argument(folder: Path, paths: ProjectPaths) -> str | None:
    """Return what `--model` needs for the trained model in `folder`; None if it is the default."""
    if not os.environ.get(MODEL_VARIABLE) and default_folder(paths) == folder:
        return None
    return folder.name if _folder(folder.name, paths) == folder else str(folder)


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
