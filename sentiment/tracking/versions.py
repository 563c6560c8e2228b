"""List the versions of registered models: from a local store at once, from a server by MLflow."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sentiment.errors import UnavailableError
from sentiment.tracking import database
from sentiment.tracking.metric_names import TEST_ACCURACY
from sentiment.tracking.run_names import bare_name
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.text import first_line

_VERSIONS = f"""
    SELECT name, version, creation_time, run_id, storage_location,
        (SELECT name FROM runs WHERE run_uuid = run_id),
        (SELECT value FROM latest_metrics WHERE run_uuid = run_id AND key = '{TEST_ACCURACY}'),
        (SELECT value FROM params WHERE run_uuid = run_id AND key = 'dataset'),
        (SELECT value FROM params WHERE run_uuid = run_id AND key = 'cell')
    FROM model_versions WHERE current_stage != 'Deleted_Internal'
"""  # noqa: S608 (a constant)
_BUNDLE = "artifacts/bundle"  # in the folder of a logged model's artifacts
_ALIASES = "SELECT name, version, alias FROM registered_model_aliases ORDER BY alias"


@dataclass(frozen=True)
class RegisteredVersion:
    """A version of a registered model, with what its run says about it.

    created: ISO 8601, UTC; run: the name of the run; folder: that of the model, None if it is not
    on this machine.
    """

    name: str
    number: int
    aliases: tuple[str, ...]
    created: str
    run_id: str
    run: str
    dataset: str
    cell: str
    test_accuracy: float | None
    folder: Path | None

    @property
    def address(self) -> str:
        """What `--model` takes: by the first alias, else by the number."""
        end = f"@{self.aliases[0]}" if self.aliases else f"/{self.number}"
        return f"models:/{self.name}{end}"


def list_versions(paths: ProjectPaths) -> list[RegisteredVersion]:
    """Return all versions: those with an alias first, then the newest first.

    Empty if there is no store yet. Raises UnavailableError if the store can't be read.
    """
    path = database.database_path(paths)
    found = _from_server(paths) if path is None else _from_file(path, paths)
    return sorted(found, key=lambda version: (not version.aliases, version.name, -version.number))


def _from_file(path: Path, paths: ProjectPaths) -> Iterable[RegisteredVersion]:
    try:
        aliases = database.query(path, _ALIASES)
        rows = database.query(path, _VERSIONS)
    except sqlite3.Error as error:
        raise UnavailableError(
            f"the registered models in {path} can't be read: {first_line(error)}",
            hint="sentiment runs, which names what is wrong with the store",
        ) from error
    for name, number, created, run_id, location, run, accuracy, dataset, cell in rows:
        folder = paths.root / (location or "").removeprefix("file://") / _BUNDLE
        yield RegisteredVersion(
            name=name,
            number=number,
            aliases=tuple(alias for *which, alias in aliases if which == [name, number]),
            created=_iso(created),
            run_id=run_id or "",
            run=bare_name(run or ""),
            dataset=dataset or "",
            cell=cell or "",
            test_accuracy=accuracy,
            folder=folder if folder.is_dir() else None,
        )


def _from_server(paths: ProjectPaths) -> Iterable[RegisteredVersion]:
    from sentiment.tracking import history, store  # here, as importing MLflow takes seconds

    client = store.connect(paths)
    with store.store_errors(paths):
        aliases = {model.name: model.aliases for model in client.search_registered_models()}
        versions = list(client.search_model_versions())
    for version in versions:
        run: Any = history.get_run(paths, version.run_id) if version.run_id else None
        names = aliases.get(version.name, {})
        yield RegisteredVersion(
            name=version.name,
            number=int(version.version),
            aliases=tuple(sorted(a for a, number in names.items() if number == version.version)),
            created=_iso(version.creation_timestamp),
            run_id=version.run_id or "",
            run=run.bare_name if run else "",
            dataset=run.parameters.get("dataset", "") if run else "",
            cell=run.parameters.get("cell", "") if run else "",
            test_accuracy=run.metrics.get(TEST_ACCURACY) if run else None,
            folder=None,
        )


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
