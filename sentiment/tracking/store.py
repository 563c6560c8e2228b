"""Where runs are kept, and the first touch of it.

Knows MLflow's stores; knows nothing of what is kept there.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten

from sentiment.errors import MissingFileError, UnavailableError
from sentiment.utils import environment
from sentiment.utils.locks import file_lock
from sentiment.utils.paths import ProjectPaths

EXPERIMENT = "sentiment"

environment.configure_libraries()
with environment.suppress_stderr():
    import mlflow
    from mlflow.entities import Experiment
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError  # which MLflow lets through


def tracking_uri(paths: ProjectPaths) -> str:
    """Return the address of the tracking store: MLFLOW_TRACKING_URI, or the project's own."""
    return os.environ.get("MLFLOW_TRACKING_URI") or local_uri(paths)


def is_server(paths: ProjectPaths) -> bool:
    """Tell whether the store is a server, which may be away."""
    return tracking_uri(paths).startswith("http")


def local_uri(paths: ProjectPaths) -> str:
    """Return the address of the project's own store: SQLite below its root."""
    return f"sqlite:///{paths.mlruns}/mlflow.db"


def connect(paths: ProjectPaths) -> mlflow.MlflowClient:
    """Point MLflow at the store, making its folder where it is missing; return a client of it."""
    address = tracking_uri(paths)
    if address == local_uri(paths):
        with store_errors(paths):
            paths.mlruns.mkdir(parents=True, exist_ok=True)
    if is_server(paths):
        # MLflow's own bounds keep a terminal waiting for four minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
    named = "MLFLOW_TRACKING_URI" in os.environ
    mlflow.set_tracking_uri(address)
    if not named:
        # MLflow has put it there, where it would pass for the user's wish for other folders too.
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    with store_errors(paths), creation_lock(paths):
        return mlflow.MlflowClient()


def connect_existing(paths: ProjectPaths) -> mlflow.MlflowClient:
    """Connect to a store that is there; raise MissingFileError where it is a file that isn't."""
    address = tracking_uri(paths)
    if address.startswith("sqlite:///"):
        path = address.removeprefix("sqlite:///").partition("?")[0]
        if not Path(path).is_file():
            raise MissingFileError(f"no runs yet: there is no {path}", hint="sentiment train")
    return connect(paths)


@contextmanager
def store_errors(paths: ProjectPaths) -> Iterator[None]:
    """Turn what goes wrong with the store in the body into an error that names it."""
    try:
        with environment.suppress_stderr():
            yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        first = shorten((str(error).splitlines() or [""])[0], 200, placeholder=" …")
        raise UnavailableError(
            f"the tracking store {tracking_uri(paths)} can't be used: {first}",
            hint=_way_out(paths, first),
        ) from error


def _way_out(paths: ProjectPaths, trouble: str) -> str:
    if "out-of-date database schema" in trouble:
        return f"mlflow db upgrade {shlex.quote(tracking_uri(paths))}"
    if "MLFLOW_TRACKING_URI" in os.environ:
        return "unset MLFLOW_TRACKING_URI, which turns to the store in mlruns/"
    return f"mv {paths.mlruns} {paths.mlruns}.aside, and the next training makes another"


def open_experiment(paths: ProjectPaths, name: str) -> str:
    """Connect to the store and return the experiment's id, making it where it is missing."""
    connect(paths)
    own = tracking_uri(paths) == local_uri(paths)
    location = (paths.mlruns / "artifacts").as_uri() if own else None
    with store_errors(paths), creation_lock(paths):
        found = mlflow.get_experiment_by_name(name)
        if found is None:
            try:
                return mlflow.create_experiment(name, artifact_location=location)
            except MlflowException as error:
                # On a server somebody else may be as quick, or this the second time of asking.
                found = mlflow.get_experiment_by_name(name)
                if error.error_code != "RESOURCE_ALREADY_EXISTS" or found is None:
                    raise
    check_not_deleted(found, tracking_uri(paths))
    return found.experiment_id


def check_not_deleted(experiment: Experiment, address: str) -> None:
    """Raise UnavailableError where an experiment of the store at `address` has been deleted.

    MLflow keeps it for a while.
    """
    if experiment.lifecycle_stage == "deleted":
        restore = f"experiments restore --experiment-id {experiment.experiment_id}"
        raise UnavailableError(
            f"the experiment {experiment.name!r} has been deleted in {address}",
            hint=f"{mlflow_command(address, restore)}, or another one with --experiment NAME",
        )


def mlflow_command(address: str, words: str) -> str:
    """Return what to type for `mlflow …` on the store at `address`."""
    return f"MLFLOW_TRACKING_URI={shlex.quote(address)} mlflow {words}"


@contextmanager
def creation_lock(paths: ProjectPaths) -> Iterator[None]:
    """Let one process at a time make what is not there: two at once break the database.

    Not to be entered within itself.
    """
    if not paths.mlruns.is_dir():
        yield
        return
    with file_lock(paths.mlruns / ".lock", blocking=True):
        yield
