"""Let a project's own store follow its folder: the addresses in it are relative to the project.

MLflow writes absolute addresses, which in a copy lead to the original and after a move to nothing.
Here the database holds `mlruns/artifacts/…`. MLflow's own commands find that too if they run in the
project's folder, and a store that can't be written needs no change after a move.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlparse

from sentiment.utils import environment

with environment.suppress_stderr():
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact import artifact_repository_registry
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
    from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository
    from sqlalchemy.engine import make_url

STORE, _DATABASE = "mlruns", "mlflow.db"
_ARTIFACTS = f"{STORE}/artifacts/"
OWN = f"sqlite:///{STORE}/{_DATABASE}"  # a project's own store, seen from its folder
_BUSY_SECONDS = 20  # for which another process may write, as in MLflow
_TABLES = {"experiments", "runs", "logged_models", "model_versions"}
_HAS_ABSOLUTE = (
    "SELECT 1 FROM experiments WHERE artifact_location LIKE 'file:%/mlruns/%' "
    "OR artifact_location LIKE '/%/mlruns/%'"
)
_UPDATES = (
    "UPDATE experiments SET artifact_location = relative(artifact_location)",
    "UPDATE runs SET artifact_uri = found(artifact_uri)",
    "UPDATE logged_models SET artifact_location = found(artifact_location)",
    "UPDATE model_versions SET storage_location = found(storage_location)",
    "UPDATE model_versions SET source = found(source)",
)

_own_folders: set[str] = set()  # see `own_folder`


def database_uri(mlruns: Path) -> str:
    """Return the address of the database in the folder `mlruns`."""
    path = str(mlruns / _DATABASE)
    if not {"%", "?"} & set(path):
        return f"sqlite:///{path}"
    # SQLAlchemy decodes the path. With the driver's name MLflow leaves alone the path as it is
    # written here; without, it creates the folder of that name.
    return f"sqlite+pysqlite:///{quote(path)}"


def project_of(uri: str) -> Path | None:
    """Return the root of the project whose own store is at `uri`, or None."""
    path = database_path(uri)
    is_own = path is not None and path.is_absolute() and path.parts[-2:] == (STORE, _DATABASE)
    return path.parents[1] if path and is_own else None


def database_path(uri: str) -> Path | None:
    """Return the file of the SQLite database at `uri`, or None."""
    if not uri.startswith("sqlite"):
        return None
    database = make_url(uri).database
    return Path(database) if database else None


def make_relative(project: Path) -> None:
    """Make the addresses in the store of the project in the folder `project` relative.

    An artifact that is only elsewhere keeps its address, but a new run never gets such a one. A
    database that can't be written stays as it is: `_open_file` finds its artifacts. One process at
    a time may do this.
    """
    path = project / STORE / _DATABASE
    # SQLite also writes a journal beside it.
    if not path.is_file() or not all(os.access(item, os.W_OK) for item in (path, path.parent)):
        return
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        # MLflow may not have set it up yet.
        if not tables >= _TABLES or not database.execute(_HAS_ABSOLUTE).fetchone():
            return
        database.create_function("relative", 1, _relative)
        database.create_function("found", 1, lambda address: _found(project, address))
        with database:
            for update in _UPDATES:
                database.execute(update)


def has_run(mlruns: Path, run_id: str) -> bool:
    """Return True if the database of `mlruns` has that run."""
    path = mlruns / _DATABASE
    if not path.is_file():
        return False
    query = "SELECT 1 FROM runs WHERE run_uuid = ?"
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            return database.execute(query, [run_id]).fetchone() is not None
    except sqlite3.Error:
        return False


def _found(root: Path, address: str | None) -> str | None:
    """Return the relative address of an artifact, unless it is only at its absolute one."""
    relative, path = _relative(address), _path(address)
    if relative is None:
        return None
    is_elsewhere = path is not None and path.exists() and not (root / relative).exists()
    return address if is_elsewhere else relative


def _relative(address: str | None) -> str | None:
    """Return an absolute address of a local file from the last `mlruns` on, others unchanged."""
    if address is None or _path(address) is None or f"/{STORE}/" not in address:
        return address
    return f"{STORE}/{address.rpartition(f'/{STORE}/')[2]}"


def _path(address: str | None) -> Path | None:
    """Return the absolute path that an address is, or None."""
    if address is None:
        return None
    if address.startswith("/"):
        return Path(address)
    parsed = urlparse(address)
    return Path(unquote(parsed.path)) if parsed.scheme == "file" else None


class _OwnArtifacts(LocalArtifactRepository):
    """Artifacts of a project's own store; to write one does not bring back a project that moved."""

    def __init__(self, root: Path, address: str, tracking_uri: str | None, **others: Any):
        super().__init__(address, tracking_uri, **others)
        self._database = root / STORE / _DATABASE

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Write a file; raise MlflowException if the store is gone."""
        self._check_store()
        super().log_artifact(local_file, artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Write the files of a folder; raise MlflowException if the store is gone."""
        self._check_store()
        super().log_artifacts(local_dir, artifact_path)

    def _check_store(self) -> None:
        if not self._database.exists():
            raise MlflowException(f"{self._database} does not exist any more")


def _open_path(address: str, tracking_uri: str | None = None, **others: Any) -> Any:
    """Return MLflow's access to a path, which may be relative to the project of the store."""
    uri = tracking_uri or mlflow.get_tracking_uri()
    root = project_of(uri)
    if root is not None:
        # As an address, since MLflow would decode a path.
        return _OwnArtifacts(root, (root / address).as_uri(), tracking_uri, **others)
    if uri.startswith("http"):
        return _open_of_server(address, tracking_uri, **others)
    return LocalArtifactRepository(address, tracking_uri, **others)


def _open_file(address: str, tracking_uri: str | None = None, **others: Any) -> Any:
    """Return MLflow's access to a file address, which may be one of before the project moved."""
    uri = tracking_uri or mlflow.get_tracking_uri()
    if uri.startswith("http"):
        return _open_of_server(address, tracking_uri, **others)
    root = project_of(uri)
    if root is not None:
        here = root / str(_relative(address))
        if here.exists():
            return _OwnArtifacts(root, here.as_uri(), tracking_uri, **others)
    return LocalArtifactRepository(address, tracking_uri, **others)


def _open_of_server(address: str, tracking_uri: str | None, **others: Any) -> Any:
    """Return MLflow's access to the artifacts of a server that names a folder.

    The project is the server's, and `sentiment ui` hands out what its folder has. Any other folder
    would be one of this machine, where a server may neither read nor write.
    """
    if address in _own_folders:
        return LocalArtifactRepository(address, tracking_uri, **others)
    relative = str(_relative(address))
    if not relative.startswith(_ARTIFACTS):
        raise MlflowException(
            f"the server keeps artifacts in {address}, which this machine takes from no server; "
            "start it with --artifacts-destination in place of --default-artifact-root"
        )
    address = f"mlflow-artifacts:/{relative.removeprefix(_ARTIFACTS)}"
    return MlflowArtifactsRepository(address, tracking_uri, **others)


@contextmanager
def own_folder(folder: Path) -> Iterator[None]:
    """Let MLflow read `folder` in the body: this program has named it, and no server."""
    named = {str(folder), str(folder.parent)}  # MLflow opens the one above
    _own_folders.update(named)
    try:
        yield
    finally:
        _own_folders.difference_update(named)


def install() -> None:
    """Let MLflow in this process find the artifacts of a project by relative addresses."""
    registry = artifact_repository_registry._artifact_repository_registry
    registry.register("", _open_path)
    registry.register("file", _open_file)
