"""Save, load and serve models with MLflow itself, as users of MLflow do."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import mlflow

from sentiment.tracking import locations, registry, server


def save_model(bundle, target):
    """Save the bundle in the folder `bundle` as an MLflow model in the new folder `target`."""
    with tempfile.TemporaryDirectory() as tmp:
        copy = Path(tmp) / "bundle"
        shutil.copytree(bundle, copy)
        with locations.own_folder(copy):
            arguments = registry._model_arguments(copy, Path(tmp))
            mlflow.pyfunc.save_model(path=str(target), **arguments)


def start_model(model, port):
    """Start MLflow's scoring server for the MLflow model in the folder `model`."""
    options = ["models", "serve", "--model-uri", str(model), "--env-manager", "local"]
    options += ["--host", "127.0.0.1", "--port", str(port)]
    # It looks for uvicorn on PATH, where the environment is missing unless it is activated.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return server._start(options, PATH=path)


def load_logged(uri):
    """Load the logged model at `uri`.

    MLflow puts the model's own few files of this package first on the path, where processes that
    later tests start would look for the rest.
    """
    path = list(sys.path)
    try:
        return mlflow.pyfunc.load_model(uri)
    finally:
        sys.path[:] = path
