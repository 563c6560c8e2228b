"""Stores that are ill, and what MLflow does not take as it is."""

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
def folders(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return ProjectPaths(tmp_path)


def test_what_mlflow_does_not_take_as_it_is(folders, capfd):
    long = {"long": "x" * 7000}
    run = runs.create_run(folders, "e", "n", {})
    run.begin(long, [])
    run.metrics({"a": float("nan"), "b": float("inf"), "c": -float("inf")}, 1, None)
    (record,) = history.list_runs(folders, "e")
    assert record.parameters == {"long": "x" * 5999 + "…"}
    assert math.isnan(record.metrics.pop("a"))
    assert record.metrics == {"b": math.inf, "c": -math.inf}
    assert "xxx" not in "".join(capfd.readouterr())


def test_a_deleted_experiment_is_named_with_what_restores_it(folders):
    number = store.open_experiment(folders, "gone")
    MlflowClient(store.tracking_uri(folders)).delete_experiment(number)
    with pytest.raises(UnavailableError, match="has been deleted") as caught:
        store.open_experiment(folders, "gone")
    assert f"mlflow experiments restore --experiment-id {number}" in caught.value.hint


def test_a_store_of_an_older_schema_names_what_upgrades_it(folders):
    folders.mlruns.mkdir()
    uri = store.local_uri(folders)
    subprocess.run([sys.executable, "-c", OLDER, uri], check=True, timeout=120)
    # Where whole tables are missing MLflow adds them by itself.
    assert store.open_experiment(folders, "e")
    with closing(sqlite3.connect(folders.mlruns / "mlflow.db")) as kept, kept:
        kept.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
    # In a process of its own, as this one has the store open.
    code = (
        "import sys; from pathlib import Path; from sentiment.utils.paths import ProjectPaths;"
        "from sentiment.tracking import store\n"
        "try: store.open_experiment(ProjectPaths(Path(sys.argv[1])), 'e')\n"
        "except Exception as error: print(error.fact, '|', error.hint)"
    )
    command = [sys.executable, "-c", code, str(folders.root)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    assert "out-of-date database schema" in said
    assert said.rstrip().endswith(f"| mlflow db upgrade {uri}")


# Makes a store as it was before the newest change of its schema.
OLDER = """
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
