"""Find the tracking store, and create what it lacks."""

import os
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sentiment.errors import MissingFileError, UnavailableError
from sentiment.tracking import address, limits, locations, saved_view
from sentiment.utils import environment
from sentiment.utils.credentials import mask, without_credentials
from sentiment.utils.locks import file_lock
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.text import first_line

EXPERIMENT = "sentiment"
_VARIABLE = '"$MLFLOW_TRACKING_URI"'  # for a shell

environment.configure_libraries()
with environment.suppress_stderr():
    import mlflow
    from mlflow.entities import Experiment
    from mlflow.exceptions import MlflowException
    from mlflow.tracking._tracking_service.utils import _artifact_repos_cache
    from sqlalchemy.exc import SQLAlchemyError  # MLflow does not catch it

locations.install()
limits.install()


def tracking_uri(paths: ProjectPaths) -> str:
    """Return the address of the tracking store: MLFLOW_TRACKING_URI, or the project's own."""
    return os.environ.get("MLFLOW_TRACKING_URI") or local_uri(paths)


def shown_uri(paths: ProjectPaths) -> str:
    """Return the address of the tracking store for a message: without a password."""
    return mask(tracking_uri(paths))


def is_server(paths: ProjectPaths) -> bool:
    """Return True if the store is a server, which may be away."""
    return tracking_uri(paths).startswith("http")


def local_uri(paths: ProjectPaths) -> str:
    """Return the address of the project's own store, an SQLite file."""
    return locations.database_uri(paths.mlruns)


def queue_uri(paths: ProjectPaths) -> str:
    """Return the address of the tracking store for a queue, which a project may take elsewhere.

    It has no password, which the environment of whoever sends the queue has.
    """
    uri = tracking_uri(paths)
    return locations.OWN if uri == local_uri(paths) else without_credentials(uri)


def uri_of_queue(paths: ProjectPaths, uri: str, run_id: str) -> str:
    """Return the address of the store that a queue with the address `uri` is sent to.

    Earlier versions wrote that of the project's own store as an absolute path, which the project
    may have left: a run that the project's store has is sent there.
    """
    is_own = uri == locations.OWN or (
        locations.project_of(uri) is not None and locations.has_run(paths.mlruns, run_id)
    )
    if is_own:
        return local_uri(paths)
    current = tracking_uri(paths)  # may have the password
    return current if without_credentials(current) == without_credentials(uri) else uri


def connect(paths: ProjectPaths) -> mlflow.MlflowClient:
    """Point MLflow at the store, creating its folder if it is missing, and return a client."""
    uri = tracking_uri(paths)
    if uri == local_uri(paths):
        with store_errors(paths):
            paths.mlruns.mkdir(parents=True, exist_ok=True)
    if is_server(paths):
        # With MLflow's own limits a server that is away costs four minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
    is_set = "MLFLOW_TRACKING_URI" in os.environ
    address.check(uri)
    if uri != mlflow.get_tracking_uri():
        _artifact_repos_cache.clear()  # by the ids of runs, which a copy of a project has too
    mlflow.set_tracking_uri(uri)
    if not is_set:
        # MLflow sets the variable, which would then look like the user's choice for other projects.
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    with store_errors(paths), creation_lock(paths):
        if project := locations.project_of(uri):
            locations.make_relative(project)
        return mlflow.MlflowClient()


def connect_existing(paths: ProjectPaths) -> mlflow.MlflowClient:
    """Connect to a store that exists; raise MissingFileError if its file does not."""
    address.check(tracking_uri(paths))
    path = locations.database_path(tracking_uri(paths))
    if path is not None and not path.is_file():
        raise MissingFileError(f"no runs yet: {path} does not exist", hint="sentiment train")
    return connect(paths)


@contextmanager
def store_errors(paths: ProjectPaths) -> Iterator[None]:
    """Raise UnavailableError, which names the store, if the store fails in the body."""
    try:
        with environment.suppress_stderr():
            yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason = first_line(error)
        raise UnavailableError(
            f"the tracking store {shown_uri(paths)} can't be used: {reason}",
            hint=_hint(paths, reason),
        ) from error


def _hint(paths: ProjectPaths, reason: str) -> str:
    if "out-of-date database schema" in reason:
        uri = tracking_uri(paths)
        has_password = uri != without_credentials(uri)
        return f"mlflow db upgrade {_VARIABLE if has_password else shlex.quote(uri)}"
    if "MLFLOW_TRACKING_URI" in os.environ:
        return "unset MLFLOW_TRACKING_URI, to use the store in mlruns/"
    old, new = (shlex.quote(f"{paths.mlruns}{suffix}") for suffix in ("", ".old"))
    return f"mv {old} {new}; the next training creates a new store"


def open_experiment(paths: ProjectPaths, name: str) -> str:
    """Connect to the store and return an experiment's id, creating the experiment if needed."""
    connect(paths)
    project = locations.project_of(tracking_uri(paths))
    location = (project / locations.STORE / "artifacts").as_uri() if project else None
    with store_errors(paths), creation_lock(paths):
        experiment = mlflow.get_experiment_by_name(name)
        if experiment is None:
            try:
                experiment_id = mlflow.create_experiment(name, artifact_location=location)
                if project:
                    locations.make_relative(project)
                _save_view(experiment_id)
                return experiment_id
            except MlflowException as error:
                # Another client, or a request of ours whose answer was lost, has created it.
                experiment = mlflow.get_experiment_by_name(name)
                if error.error_code != "RESOURCE_ALREADY_EXISTS" or experiment is None:
                    raise
    check_not_deleted(experiment, tracking_uri(paths))
    if experiment.tags.get(saved_view.TAG) != saved_view.content():
        _save_view(experiment.experiment_id)
    return experiment.experiment_id


def _save_view(experiment_id: str) -> None:
    """Save the view that compares runs; a store that can't be written stays without it."""
    with suppress(MlflowException, SQLAlchemyError):
        mlflow.MlflowClient().set_experiment_tag(
            experiment_id, saved_view.TAG, saved_view.content()
        )


def check_not_deleted(experiment: Experiment, uri: str) -> None:
    """Raise UnavailableError if an experiment of the store at `uri` is deleted.

    MLflow keeps a deleted experiment, and its name stays taken, until it is removed for good.
    """
    if experiment.lifecycle_stage == "deleted":
        restore = f"experiments restore --experiment-id {experiment.experiment_id}"
        raise UnavailableError(
            f"the experiment {experiment.name!r} has been deleted in {mask(uri)}",
            hint=f"{mlflow_command(uri, restore)}, or choose another --experiment",
        )


def mlflow_command(uri: str, arguments: str) -> str:
    """Return the command `mlflow …` for the store at `uri`, a password only by its variable."""
    if uri != without_credentials(uri):
        return f"mlflow {arguments}"
    return f"MLFLOW_TRACKING_URI={shlex.quote(uri)} mlflow {arguments}"


@contextmanager
def creation_lock(paths: ProjectPaths) -> Iterator[None]:
    """Let one process at a time create things in the local store: two at once break the database.

    Not reentrant.
    """
    if not os.access(paths.mlruns, os.W_OK):  # missing, or nothing can be created in it
        yield
        return
    with file_lock(paths.mlruns / ".lock", blocking=True):
        yield
