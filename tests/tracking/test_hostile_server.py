"""What a hostile tracking server says leads to no file outside the project."""

import io
import os

import numpy as np
import pytest

from sentiment.errors import InputError, SentimentError, UnavailableError
from sentiment.inference import bundle
from sentiment.tracking import history, limits, registry
from sentiment.tracking import run as runs
from sentiment.utils.paths import ProjectPaths
from tests.helpers.build import tiny_bundle
from tests.helpers.hostile_server import RUN_ID, hostile_server

CHAMPION = "models:/sentiment@champion"


@pytest.fixture
def server(monkeypatch):
    with hostile_server() as running:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", running.address)
        yield running


@pytest.fixture
def paths(tmp_path):
    """A project deep in a folder, so that `../..` from it stays in the folder of the test."""
    return ProjectPaths(tmp_path / "a" / "b" / "project")


def files_below(folder):
    """Return all files in a folder, and the links, by their path in it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def serve_bundle(server, folder):
    """Let the server have a bundle."""
    tiny_bundle(folder)
    server.contents = {f"/bundle/{path.name}": path.read_bytes() for path in folder.iterdir()}


NAMES = ["../../../../planted", "m?/../../../../planted", "/tmp/planted", "..", ".", "", "a/b",
         "home/x", "a\nb", "-x", "C:\\x"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_source_of_a_version_chooses_no_folder(server, paths, tmp_path, name):
    serve_bundle(server, tmp_path / "served")
    before = files_below(tmp_path)
    for source, model_id in ((f"models:/{name}", name), (f"models://{name}", "m-1")):
        server.source, server.model_id = source, model_id
        for address in (CHAMPION, "models:/sentiment/1"):
            with pytest.raises(SentimentError):
                registry.download_bundle(paths, address)
    server.model_id = name
    if name:  # else there is no such model
        with pytest.raises(InputError, match="the id of a model"):
            registry.download_bundle(paths, "models:/m-1")  # the answer has another id
    assert files_below(tmp_path) == before


def test_only_the_files_of_a_bundle_are_fetched(server, paths, tmp_path):
    serve_bundle(server, tmp_path / "served")
    server.listing = [
        {"path": path, "is_dir": False, "file_size": 1}
        for path in ("../../../planted", "/tmp/planted", "artifacts/bundle/evil.pth", "evil.py")
    ]
    folder = registry.download_bundle(paths, CHAMPION)
    assert folder == paths.registry / "m-1"
    assert {path.name for path in folder.iterdir()} == set(registry.BUNDLE_FILES)
    assert bundle.read(folder).manifest == bundle.read(tmp_path / "served").manifest
    assert not [path for path in files_below(tmp_path) if "planted" in path or "evil" in path]


def test_the_files_that_are_fetched_are_those_of_a_bundle(tmp_path):
    tiny_bundle(tmp_path / "bundle")
    assert {path.name for path in (tmp_path / "bundle").iterdir()} == set(registry.BUNDLE_FILES)


def test_a_link_in_the_place_of_a_saved_model_is_not_followed(server, paths, tmp_path):
    serve_bundle(server, tmp_path / "served")
    paths.registry.mkdir(parents=True)
    (paths.registry / "m-1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is a link"):
        registry.download_bundle(paths, CHAMPION)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("listed", ["../../../../epoch_1.npz", "/tmp/epoch_1.npz", "..",
    "hidden_states/../../../epoch_1.npz", f"hidden_states/epoch_{'9' * 5000}.npz"])  # fmt: skip
def test_a_listing_of_artifacts_chooses_no_path(server, paths, tmp_path, listed):
    content = io.BytesIO()
    np.savez(content, states=np.zeros(3))
    server.contents = {".npz": content.getvalue()}
    server.listing = [{"path": listed, "is_dir": False, "file_size": 1}]
    before = files_below(tmp_path)
    run = history.get_run(paths, RUN_ID)
    try:
        assert history.load_last_snapshot(paths, run) is None
    except UnavailableError as error:  # MLflow refuses some listings
        assert "can't be used" in error.fact
    assert files_below(tmp_path) == before
    assert not any(path.endswith(".npz") for path in server.requested)


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_server_chooses_no_folder_to_write_to_or_to_read_from(server, paths, tmp_path, scheme):
    target = tmp_path / "site-packages"
    server.artifact_uri = server.location = f"{scheme}{target}"
    with pytest.raises(UnavailableError, match="takes from no server"):
        registry.download_bundle(paths, CHAMPION)
    run = runs.resume_run(paths, RUN_ID, "r")
    with pytest.raises(Exception, match="takes from no server"):
        run.log_text("import os", "planted.pth")
    assert not target.exists()
    assert not os.path.lexists(tmp_path / "planted.pth")


MARGIN = 16 << 20  # bytes on the way when the client stops


@pytest.mark.parametrize("is_compressed", [False, True])
def test_an_answer_without_an_end_is_left_early(server, paths, is_compressed):
    server.endless, server.is_compressed = ("/runs/search",), is_compressed
    with pytest.raises(UnavailableError, match="it sends more than 64 MiB"):
        history.list_runs(paths)
    assert server.sent < limits.MAX_ANSWER + MARGIN


def test_a_file_without_an_end_is_left_early_and_nothing_is_kept(
    server, paths, tmp_path, monkeypatch
):
    monkeypatch.setattr(limits, "MAX_FILE", 8 << 20)
    serve_bundle(server, tmp_path / "served")
    server.endless = ("words.txt",)
    with pytest.raises(UnavailableError, match="it sends more than 8 MiB"):
        registry.download_bundle(paths, CHAMPION)
    assert server.sent < (8 << 20) + MARGIN
    assert not paths.registry.exists()


@pytest.mark.parametrize("status", [404, 500, 503])
def test_an_error_without_an_end_is_left_early(server, paths, monkeypatch, status):
    monkeypatch.setattr(limits, "MAX_ANSWER", 8 << 20)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    server.endless, server.status = ("/runs/search",), status
    with pytest.raises(UnavailableError):
        history.list_runs(paths)
    assert server.sent < (8 << 20) + 3 * MARGIN
