"""Tracking stores that fail, and values that MLflow does not take as they are."""

import math
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from mlflow import MlflowClient

from sentiment.errors import UnavailableError
from sentiment.tracking import history, store
from sentiment.tracking import run as runs
from sentiment.utils.paths import ProjectPaths


@pytest.fixture
def paths(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return ProjectPaths(tmp_path)


def test_values_that_mlflow_does_not_take_as_they_are(paths, capfd):
    run = runs.create_run(paths, "e", "n", {})
    run.begin({"long": "x" * 7000}, [])
    run.log_metrics({"a": float("nan"), "b": float("inf"), "c": -float("inf")}, 1, None)
    (record,) = history.list_runs(paths, "e")
    assert record.parameters == {"long": "x" * 5999 + "…"}
    assert math.isnan(record.metrics.pop("a"))
    assert record.metrics == {"b": math.inf, "c": -math.inf}
    assert "xxx" not in "".join(capfd.readouterr())


def test_a_deleted_experiment_is_reported_with_the_command_that_restores_it(paths):
    experiment_id = store.open_experiment(paths, "gone")
    MlflowClient(store.tracking_uri(paths)).delete_experiment(experiment_id)
    with pytest.raises(UnavailableError, match="has been deleted") as caught:
        store.open_experiment(paths, "gone")
    assert f"mlflow experiments restore --experiment-id {experiment_id}" in caught.value.hint


def test_a_store_of_an_older_schema_is_reported_with_the_command_that_upgrades_it(paths):
    paths.mlruns.mkdir()
    uri = store.local_uri(paths)
    subprocess.run([sys.executable, "-c", CREATE_OLDER_STORE, uri], check=True)
    # MLflow adds whole tables that are missing by itself.
    assert store.open_experiment(paths, "e")
    with closing(sqlite3.connect(paths.mlruns / "mlflow.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
    # In another process, since this one has the store open.
    command = [sys.executable, "-c", OPEN_STORE, str(paths.root)]
    output = subprocess.run(command, capture_output=True, text=True).stdout
    assert "out-of-date database schema" in output
    assert output.rstrip().endswith(f"| mlflow db upgrade {uri}")


def test_a_store_that_is_no_database_is_reported_with_the_command_that_moves_it(paths):
    paths.mlruns.mkdir()
    (paths.mlruns / "mlflow.db").write_text("no database " * 100)
    with pytest.raises(UnavailableError, match="can't be used: ") as caught:
        store.open_experiment(paths, "e")
    mlruns = paths.mlruns
    assert caught.value.hint == f"mv {mlruns} {mlruns}.old; the next training creates a new store"


OPEN_STORE = """
import sys
from pathlib import Path
from sentiment.tracking import store
from sentiment.utils.paths import ProjectPaths
try:
    store.open_experiment(ProjectPaths(Path(sys.argv[1])), "e")
except Exception as error:
    print(error.fact, "|", error.hint)
"""
# Creates a store as it was before the newest change of its schema.
CREATE_OLDER_STORE = """
import sys
from alembic import command
from alembic.script import ScriptDirectory
from mlflow.store.db.utils import _get_alembic_config, create_sqlalchemy_engine
from mlflow.store.tracking.dbmodels.initial_models import Base
Base.metadata.create_all(create_sqlalchemy_engine(sys.argv[1]))
config = _get_alembic_config(sys.argv[1])
scripts = ScriptDirectory.from_config(config)
command.upgrade(config, scripts.get_revision(scripts.get_current_head()).down_revision)
"""
