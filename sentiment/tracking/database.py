"""Read the tracking store on this machine without MLflow, whose import takes seconds."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sentiment.utils.paths import ProjectPaths

_PREFIX = "sqlite:///"
_WAIT = 1.0  # seconds for a process that is writing


def database_path(paths: ProjectPaths) -> Path | None:
    """Return the SQLite file of the tracking store, which may not exist yet; None for a server."""
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if uri and not uri.startswith(_PREFIX):
        return None
    return Path(uri.removeprefix(_PREFIX)) if uri else paths.mlruns / "mlflow.db"


def query(database: Path, statement: str, *values: Any) -> list[tuple]:
    """Return the rows that an SQL statement selects; none if there is no file.

    Raises sqlite3.Error if it can't be read.
    """
    if not database.is_file():
        return []
    address = f"{database.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=_WAIT)) as connection:
        return connection.execute(statement, values).fetchall()
