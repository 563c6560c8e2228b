"""A training whose project is moved while it runs ends, and writes nothing where it was."""

import json
import re
import subprocess
import sys

import pytest
from mlflow import MlflowClient

from sentiment.config import PrepareSettings
from sentiment.data.prepare import prepare
from sentiment.errors import MovedError
from sentiment.inference import bundle
from sentiment.tracking.run import MlflowRun
from sentiment.training import checkpoint
from sentiment.training.train import resume, train
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress
from tests.helpers.commands import ALONE, COMMAND, start
from tests.helpers.slow import SLOW
from tests.integration.test_resume import SETTINGS, SMALL

FACT = "the project in {} was moved or removed meanwhile, so nothing more is written there"
RESUME = "sentiment train --resume moving, in the project's new place"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    project = tmp_path / "project"
    project.mkdir()
    return project


class Mover(Progress):
    """Moves a project after an epoch, or at the second batch of an epoch."""

    def __init__(self, project, epoch=0, batch_of=0):
        self._project, self._epoch, self._batch_of = project, epoch, batch_of
        self.notes = []

    def note(self, text):
        self.notes.append(text)

    def move(self):
        self._project.rename(self._project.with_name("new"))

    def epoch(self, metrics):
        if metrics.epoch == self._epoch:
            self.move()

    def batch(self, metrics):
        if (metrics.epoch, metrics.batch) == (self._batch_of, 2):
            self.move()


def train_and_move(project, mover, **options):
    """Train until the project is moved; return the hint."""
    paths = ProjectPaths(project)
    data = prepare(PrepareSettings(dataset="sample"), paths)[0]
    with pytest.raises(MovedError) as caught:
        train(data, SMALL, SETTINGS, paths, name="moving", progress=mover, **options)
    assert caught.value.fact == FACT.format(project)
    assert [*project.parent.iterdir()] == [project.with_name("new")]
    return caught.value.hint


def resume_there(project):
    """Resume in the new place; return the project there and the result."""
    paths = ProjectPaths(project.with_name("new"))
    data = prepare(PrepareSettings(dataset="sample"), paths)[0]
    found = checkpoint.newest(paths.checkpoints / "moving", pytest.fail)
    result = resume(data, found, paths)
    assert bundle.read(result.folder).name == "moving" and not project.exists()
    assert not (paths.checkpoints / "moving").exists()
    return paths, result


def assert_finished(paths, result):
    """Check the run that was resumed."""
    run = MlflowClient(f"sqlite:///{paths.mlruns}/mlflow.db").get_run(result.run_id)
    assert run.info.status == "FINISHED" and run.data.metrics["validation/loss"] > 0


# The next write is a checkpoint, the logging of an epoch, or the saving of the model.
@pytest.mark.parametrize(
    ("track", "moment"),
    [
        (True, {"epoch": 1}),
        (False, {"epoch": 4}),
        *[(True, {"batch_of": 2}), (True, {"epoch": 4}), (False, {"batch_of": 2})] * SLOW,
    ],
)
def test_a_training_ends_when_its_project_is_moved(project, track, moment):
    mover = Mover(project, **moment)
    assert train_and_move(project, mover, track=track) == RESUME
    assert not any("is saved in" in note for note in mover.notes)
    paths, result = resume_there(project)
    if track:
        assert_finished(paths, result)


def test_before_the_first_checkpoint_the_hint_is_to_begin_again(project):
    hint = train_and_move(project, Mover(project, batch_of=1), snapshots="batch:1")
    assert hint == "sentiment train, in the project's new place"


@pytest.mark.parametrize("step", ["log_image", *["log_epoch", "log_arrays", "end"] * SLOW])
def test_a_project_that_is_moved_at_the_start_of_an_operation_does_not_come_back(
    project, monkeypatch, step
):
    mover, log = Mover(project), getattr(MlflowRun, step)

    def move_first(run, *arguments, **options):
        if project.exists() and checkpoint.exists(project / "data" / "checkpoints" / "moving"):
            mover.move()
        return log(run, *arguments, **options)

    monkeypatch.setattr(MlflowRun, step, move_first)
    assert train_and_move(project, mover) == RESUME
    monkeypatch.undo()
    assert_finished(*resume_there(project))


def test_a_queue_is_not_brought_back(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nobody listens
    train_and_move(project, Mover(project, epoch=2))
    paths, _ = resume_there(project)
    assert len([*paths.spool.glob("[!.]*")]) == 1


@pytest.mark.slow
def test_a_project_behind_a_link_to_its_new_place_is_still_there(project):
    class Linker(Mover):
        def move(self):
            super().move()
            self._project.symlink_to(self._project.with_name("new"))

    paths = ProjectPaths(project)
    data = prepare(PrepareSettings(dataset="sample"), paths)[0]
    train(data, SMALL, SETTINGS, paths, name="linked", progress=Linker(project, epoch=1))
    assert bundle.read(project.with_name("new") / "data" / "models" / "linked").name == "linked"


@pytest.mark.slow  # three starts of the program
def test_a_command_whose_project_is_moved_says_so_and_resumes_there(project):
    words = ["train", *ALONE, "--dataset", "sample", "--own-labels", "0", "--name", "moving"]
    process = start(*words, "--epochs", "40", "--patience", "40", home=project)
    for line in process.stdout:
        if re.search(r"epoch +2\b", line, re.IGNORECASE):
            break
    new = project.with_name("new")
    project.rename(new)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert errors == f"Error: {FACT.format(project)}.\nTry: {RESUME}\n"
    assert [*project.parent.iterdir()] == [new]
    command = [sys.executable, "-c", COMMAND]
    again = [*command, "train", "--resume", "last", "--no-evaluate"]
    done = subprocess.run(again, cwd=new, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    listed = subprocess.run([*command, "runs", "--json"], cwd=new, capture_output=True, text=True)
    (run,) = json.loads(listed.stdout)["runs"]
    assert (run["name"], run["status"]) == ("moving", "FINISHED")
    assert not project.exists()
