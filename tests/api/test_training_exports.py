"""Models exported at the end of a training; what fails there does not cost the model."""

import numpy as np
import pytest
from mlflow import MlflowClient

from sentiment.api.training_exports import export_trained
from sentiment.exporting import formats
from sentiment.inference import bundle
from sentiment.inference.manifest import RunInfo
from sentiment.tracking import run as runs
from sentiment.tracking.offline import additions
from sentiment.tracking.offline.sync import sync
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress
from tests.helpers.build import tiny_bundle


@pytest.fixture
def paths(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return ProjectPaths(tmp_path)


class Notes(Progress):
    """Progress that keeps its lines."""

    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)


def artifacts(run_id, path):
    return {item.path for item in MlflowClient().list_artifacts(run_id, path)}


def test_exports_are_beside_the_models_and_in_the_run(paths):
    run = runs.create_run(paths, "try", "tiny", {})
    model = tiny_bundle(paths.models / "tiny")
    bundle.update_manifest(model, run=RunInfo(run.id, "tiny"))
    exports = export_trained(model.folder, ["html", "safetensors"], paths, Progress(), track=True)
    assert exports == [paths.exports / "tiny" / "tiny.html", paths.exports / "tiny" / "safetensors"]
    assert artifacts(run.id, "exports") == {"exports/tiny.html", "exports/safetensors"}
    assert "exports/safetensors/model.safetensors" in artifacts(run.id, "exports/safetensors")
    folder = MlflowClient().download_artifacts(run.id, "exports")
    with open(f"{folder}/tiny.html", "rb") as page:  # noqa: PTH123
        assert page.read() == exports[0].read_bytes()


def test_what_an_earlier_training_of_that_name_exported_is_replaced(paths):
    model = tiny_bundle(paths.models / "tiny")
    for names in (["safetensors", "html"], ["html"]):
        export_trained(model.folder, names, paths, Progress(), track=False)
    assert [path.name for path in (paths.exports / "tiny").iterdir()] == ["tiny.html"]


def test_an_export_that_fails_is_reported_and_the_others_are_written(paths, monkeypatch):
    def fail(model, path):
        raise MemoryError("no room\nat all")

    monkeypatch.setitem(formats.FORMATS, "keras", fail)
    model, notes = tiny_bundle(paths.models / "tiny"), Notes()
    exports = export_trained(model.folder, ["keras", "safetensors"], paths, notes, track=True)
    assert [path.name for path in exports] == ["safetensors"]
    command = "sentiment export --format keras --model tiny --output PATH"
    assert f"the export failed: no room\nTry: {command}" in notes.lines
    assert bundle.read(model.folder).name == "tiny"


def test_an_export_waits_in_a_queue_if_the_store_fails(paths, monkeypatch):
    run = runs.create_run(paths, "try", "tiny", {})
    notes, contents = [], {"a.bin": np.frombuffer(b"\x00\xffA", np.uint8)}
    with monkeypatch.context() as patch:
        patch.setattr(runs.MlflowRun, "log_files", refuse)
        assert additions.log_files(
            paths, run.id, "tiny", contents=contents, path="exports/x", say=notes.append
        )
    assert "exports/x waits in" in notes[0]
    assert not artifacts(run.id, "exports/x")
    sync(paths, Progress())
    assert artifacts(run.id, "exports/x") == {"exports/x/a.bin"}


def refuse(run, contents, path):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("name", ["../a", "a/b", ".."])
def test_a_queue_can_not_write_outside_of_the_run(paths, name):
    run = runs.create_run(paths, "try", "tiny", {})
    with pytest.raises(Exception, match="a file of an export"):
        run.log_files({name: np.zeros(1, np.uint8)}, "exports")
