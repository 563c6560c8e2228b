"""Test the list of registered versions with a real store: both ways of reading it agree."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from sentiment.errors import UnavailableError
from sentiment.tracking import database, registry, store, versions
from sentiment.utils.paths import ProjectPaths
from tests.helpers.build import tiny_bundle
from tests.helpers.stored import add_run


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Return a project with a version of a run, one with two aliases, and one without a run."""
    paths = ProjectPaths(tmp_path_factory.mktemp("project %20 with ?"))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        run = add_run(paths, "first", right="++++++--")
        client = store.connect(paths)
        client.log_param(run, "dataset", "mine")
        client.log_param(run, "cell", "simple_rnn")
        model = registry.log_model(run, tiny_bundle(paths.root / "bundle").folder, 1)
        registry.register(model)
        lost = client.create_logged_model("1", name="lost").model_id
        for run_id in (run, "0" * 32, run):
            client.create_model_version(registry.NAME, f"models:/{lost}", run_id)
        client.set_registered_model_alias(registry.NAME, "champion", "1")
        client.set_registered_model_alias(registry.NAME, "best", "1")
        client.delete_model_version(registry.NAME, "4")
        yield paths


def test_versions_with_an_alias_come_first_and_then_the_newest(paths):
    found = versions.list_versions(paths)
    assert [version.number for version in found] == [1, 3, 2]
    assert [version.address for version in found] == [
        "models:/sentiment@best", "models:/sentiment/3", "models:/sentiment/2",
    ]  # fmt: skip
    first, lost, _ = found
    assert first.aliases == ("best", "champion")
    assert (first.run, first.dataset, first.cell) == ("first", "mine", "simple_rnn")
    assert first.test_accuracy == 0.75 and (first.folder / "bundle.json").is_file()
    assert (lost.run, lost.dataset, lost.test_accuracy, lost.folder) == ("", "", None, None)


def test_mlflow_lists_the_same_versions(paths):
    read = versions._from_file(database.database_path(paths), paths)
    asked = sorted(versions._from_server(paths), key=lambda version: version.number)
    assert asked == [replace(version, folder=None) for version in read]


def test_without_a_store_there_is_no_version(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert versions.list_versions(ProjectPaths(tmp_path)) == []
    assert not list(tmp_path.iterdir())


def test_the_variable_may_name_another_file(paths, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    assert versions.list_versions(paths) == []
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert database.database_path(paths) is None


def test_a_store_without_tables_is_an_error_with_a_hint(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlruns").mkdir()
    with closing(sqlite3.connect(tmp_path / "mlruns" / "mlflow.db")) as empty:
        empty.execute("CREATE TABLE other (a)")
    with pytest.raises(UnavailableError, match="can't be read: no such table") as error:
        versions.list_versions(ProjectPaths(tmp_path))
    assert error.value.hint.startswith("sentiment runs")
