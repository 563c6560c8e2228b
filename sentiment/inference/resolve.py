"""Which model speaks: the order of choice, in one place.

Knows bundles, where they lie, the registry and the environment; knows nothing of what is done
with one.
"""

import os
from importlib import resources
from pathlib import Path

from sentiment.errors import MissingFileError
from sentiment.inference import bundle
from sentiment.inference.bundle import Bundle
from sentiment.utils.paths import ProjectPaths

MODEL_VARIABLE = "SENTIMENT_MODEL"
PRETRAINED = Path(str(resources.files("sentiment"))) / "pretrained"


def resolve_model(named: str | None, paths: ProjectPaths) -> Bundle:
    """Open the model `named`, else that in SENTIMENT_MODEL, the newest trained, or in the box.

    It is named by its folder, by its run's name where it lies among the trained ones, or by its
    address in MLflow, such as models:/sentiment@champion. Raises MissingFileError where there is
    none. One that is damaged is never passed over for the next: whoever asked would get another
    model's answer.
    """
    if wanted := requested_model(named):
        return bundle.read(_folder(wanted, paths))
    try:
        newest = bundle.newest_bundle(paths.models)
    except MissingFileError:
        if not (PRETRAINED / "bundle.json").is_file():
            raise
        newest = PRETRAINED
    return bundle.read(newest)


def requested_model(named: str | None) -> str | None:
    """Return which model is wanted: the one `named`, else that in SENTIMENT_MODEL, or any."""
    return named or os.environ.get(MODEL_VARIABLE)


def _folder(named: str, paths: ProjectPaths) -> Path:
    if named.startswith("models:/"):
        from sentiment.tracking import registry  # here, as importing MLflow takes two seconds

        return registry.download_bundle(paths, named)
    folder = Path(named).expanduser()
    trained = paths.models / named
    return trained if not folder.exists() and trained.is_dir() else folder


def is_writable(opened: Bundle, paths: ProjectPaths) -> bool:
    """Tell whether a model may be written to: a package and what MLflow keeps stay as they are."""
    return not any(
        opened.folder.is_relative_to(kept) for kept in (PRETRAINED, paths.mlruns, paths.registry)
    )
