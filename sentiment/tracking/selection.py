"""Choose the tracking store for the length of a call, in a program that may use MLflow itself."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLE = "MLFLOW_TRACKING_URI"


@contextmanager
def tracking_store(uri: str | None = None) -> Iterator[None]:
    """Use the store at `uri` in the body; None for the usual one, see `store.tracking_uri`.

    Afterwards MLflow logs to the store that the program had chosen before.
    """
    variable, mlflow = os.environ.get(_VARIABLE), sys.modules.get("mlflow")
    chosen = mlflow.get_tracking_uri() if mlflow and mlflow.is_tracking_uri_set() else None
    if uri is not None:
        os.environ[_VARIABLE] = uri
    try:
        yield
    finally:
        if (mlflow := sys.modules.get("mlflow")) is not None:
            mlflow.set_tracking_uri(chosen)  # sets the variable too
        os.environ.pop(_VARIABLE, None)
        if variable is not None:
            os.environ[_VARIABLE] = variable
