"""Load models that were logged with MLflow."""

import sys

import mlflow


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
