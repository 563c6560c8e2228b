"""An interrupted training resumes after its project was moved or copied."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.config import PrepareSettings
from sentiment.data.prepare import prepare
from sentiment.training.train import train
from sentiment.utils.paths import ProjectPaths
from tests.integration.test_moves import contents
from tests.integration.test_resume import SETTINGS, SMALL, Stopper

pytestmark = pytest.mark.slow  # three trainings


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """Return a project with a training that was interrupted, and the same one as a whole."""
    paths = ProjectPaths(tmp_path_factory.mktemp("original"))
    data = prepare(PrepareSettings(dataset="sample"), paths)[0]
    whole = train(data, SMALL, SETTINGS, paths, name="whole", track=False)
    with pytest.raises(KeyboardInterrupt):
        train(data, SMALL, SETTINGS, paths, name="stopped", progress=Stopper(2))
    return paths, whole


def resume(project, monkeypatch):
    """Resume in the folder of a project, as its user does."""
    for name in ("SENTIMENT_HOME", "SENTIMENT_MODEL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(project)
    done = CliRunner().invoke(app, ["train", "--resume", "last", "--no-evaluate"])
    assert done.exit_code == 0, done.output
    assert "resuming stopped after epoch 2" in done.output


@pytest.mark.parametrize(("place", "is_copy"), [("copy 50%", True), ("a%20b", False)])
def test_a_training_resumes_where_its_project_is_now(
    interrupted, tmp_path, monkeypatch, place, is_copy
):
    paths, whole = interrupted
    project = tmp_path / place
    # The fixture keeps the original; what is moved is a copy of it.
    shutil.copytree(paths.root, project if is_copy else tmp_path / "first", symlinks=True)
    if not is_copy:
        (tmp_path / "first").rename(project)
    before = contents(paths.root)
    resume(project, monkeypatch)
    assert contents(paths.root) == before and [*tmp_path.iterdir()] == [project]
    here = ProjectPaths(project)
    (run,) = json.loads(CliRunner().invoke(app, ["runs", "--json"]).stdout)["runs"]
    assert run["status"] == "FINISHED" and run["name"] == "stopped"
    model = json.loads((here.models / "stopped" / "bundle.json").read_text())
    assert model["run"]["id"] == run["id"]
    weights = [folder / "weights.npz" for folder in (here.models / "stopped", whole.folder)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert not (here.checkpoints / "stopped").exists()
    artifacts = here.mlruns / "artifacts" / run["id"]
    assert list(artifacts.rglob("report.html"))
