"""The addresses in a project's own store lead into its folder, wherever it is."""

import shutil
import sqlite3

import pytest
from mlflow import MlflowClient

from sentiment.tracking import locations, run, store
from sentiment.tracking.offline.operations import Tag
from sentiment.tracking.offline.queue import OfflineQueue
from sentiment.tracking.offline.sync import sync
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def create_run(paths):
    """Create a run with one artifact; return its id."""
    created = run.create_run(paths, store.EXPERIMENT, "run", {})
    created.log_text("hello", "greeting.txt")
    return created.id


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A project whose store is set up, which takes MLflow some seconds."""
    folder = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        store.open_experiment(ProjectPaths(folder), store.EXPERIMENT)
    return folder


@pytest.fixture
def project(empty, tmp_path):
    """Return a function that copies the project to a folder; it returns the paths."""

    def copy(name):
        shutil.copytree(empty, tmp_path / name)
        return ProjectPaths(tmp_path / name)

    return copy


def change(project, statement, *values):
    with sqlite3.connect(project / "mlruns" / "mlflow.db") as database:
        database.execute(statement, values)
    database.close()


@pytest.mark.parametrize(
    "name", ["100%", "a%20b", "q?x", "#1", "ü b", "a;b", "a&b", "it's", "%", "a:b@c", "x//y", "?"]
)
def test_the_store_is_in_the_folder_whatever_its_name(name, project, tmp_path):
    paths = project(f"here/{name}")
    create_run(paths)
    assert list((paths.mlruns / "artifacts").rglob("greeting.txt"))
    assert locations.project_of(store.local_uri(paths)) == paths.root
    assert [path.name for path in tmp_path.iterdir()] == ["here"]  # nothing is beside it
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 2


@pytest.mark.parametrize("name", ["a%20b", "q?x"])
def test_a_new_store_is_made_in_a_folder_with_such_a_name(name, tmp_path):
    create_run(ProjectPaths(tmp_path / "here" / name))
    assert (tmp_path / "here" / name / "mlruns" / "mlflow.db").is_file()
    assert [path.name for path in (tmp_path / "here").iterdir()] == [name]


def test_an_artifact_that_is_only_elsewhere_keeps_its_address_and_new_ones_come_here(
    project, tmp_path
):
    original, paths = project("original"), ProjectPaths(tmp_path / "here")
    run_id = create_run(original)
    paths.mlruns.mkdir(parents=True)
    shutil.copy(original.mlruns / "mlflow.db", paths.mlruns)
    old = original.mlruns / "artifacts"
    change(paths.root, "UPDATE experiments SET artifact_location = ?", old.as_uri())
    change(paths.root, "UPDATE runs SET artifact_uri = ?", (old / run_id / "artifacts").as_uri())
    client = store.connect(paths)
    assert client.get_run(run_id).info.artifact_uri == (old / run_id / "artifacts").as_uri()
    assert [item.path for item in client.list_artifacts(run_id)] == ["greeting.txt"]
    new = create_run(paths)
    assert (paths.mlruns / "artifacts" / new / "artifacts" / "greeting.txt").is_file()
    assert [path.name for path in old.iterdir()] == [run_id]


def test_addresses_that_lead_to_no_store_of_a_project_stay(project, tmp_path):
    paths = project("here")
    client = store.connect(paths)
    elsewhere = {"s3://bucket/mlruns/artifacts", f"file://{tmp_path}/shared", "dbfs:/mlruns/1"}
    for number, address in enumerate(sorted(elsewhere)):
        client.create_experiment(f"experiment {number}", artifact_location=address)
    store.open_experiment(paths, store.EXPERIMENT)
    found = {item.artifact_location for item in store.connect(paths).search_experiments()}
    assert found == elsewhere | {"mlruns/0", "mlruns/artifacts"}


@pytest.mark.parametrize("written_by", ["this version", "an earlier one"])
def test_a_waiting_queue_is_sent_to_the_store_beside_it(written_by, project, tmp_path):
    original = project("original")
    run_id = create_run(original)
    uri = store.queue_uri(original)
    assert str(original.root) not in uri
    if written_by == "an earlier one":
        uri = store.local_uri(original)
    queue = OfflineQueue.create(original, uri=uri, name="run", run_id=run_id)
    queue.append(Tag("color", "blue"))
    queue.update_header(ended=True)
    copy = ProjectPaths(tmp_path / "copy")
    shutil.copytree(original.root, copy.root)
    (result,) = sync(copy, Progress())
    assert (result.left, result.trouble) == (0, None)
    tags = [
        MlflowClient(store.local_uri(paths)).get_run(run_id).data.tags.get("color")
        for paths in (copy, original)
    ]
    assert tags == ["blue", None]


def test_a_queue_of_another_store_is_sent_there(project, monkeypatch):
    paths, other = project("here"), project("other")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.local_uri(other))
    assert store.queue_uri(paths) == store.local_uri(other)
    assert store.uri_of_queue(paths, store.queue_uri(paths), "0" * 32) == store.local_uri(other)
