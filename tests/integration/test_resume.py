"""Training that is interrupted and goes on, beside the training that never was."""

import os
import shutil
import signal
import time
from dataclasses import asdict

import numpy as np
import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from sentiment import cli
from sentiment.cli import _errors
from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data.prepare import prepare
from sentiment.errors import InputError
from sentiment.inference import bundle
from sentiment.tracking import run as runs
from sentiment.tracking import stale, store
from sentiment.training import checkpoint
from sentiment.training.train import resume, train
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress
from tests.helpers.commands import start
from tests.helpers.slow import SLOW

# Every way in which chance enters a training: dropout of units, words and n-grams.
SMALL = ModelSettings(units=4, embedding=4, dropout=0.3, word_dropout=0.2, ngram_dropout=0.7)
# Two rounds of two epochs.
SETTINGS = TrainSettings(epochs=2, own_labels=1, learning_rate=0.02, batch_size=32)


class Stopper(Progress):
    """Stops training after an epoch, or within the one that follows."""

    def __init__(self, epoch, within=False):
        self._epoch, self._within = epoch, within
        self.notes = []

    def note(self, text):
        self.notes.append(text)

    def epoch(self, report):
        if report.epoch == self._epoch and not self._within:
            raise KeyboardInterrupt

    def batch(self, report):
        if report.epoch == self._epoch + 1 and self._within and report.batch == 3:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return ProjectPaths(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def sample(folders):
    return prepare(PrepareSettings(dataset="sample"), folders)[0]


@pytest.fixture(scope="module")
def whole(sample, folders):
    """Train without a break."""
    return train(sample, SMALL, SETTINGS, folders, name="whole", track=False)


def assert_same(made, whole):
    """Compare weights to the last bit, and all that was measured but for the seconds."""
    one, other = bundle.read(made.folder), bundle.read(whole.folder)
    np.testing.assert_array_equal(one.embedding, other.embedding)
    assert one.weights.keys() == other.weights.keys()
    for name, array in one.weights.items():
        np.testing.assert_array_equal(array, other.weights[name])
    assert one.temperature == other.temperature
    measured = [
        [(r.epoch, r.epochs, r.train_loss, r.validation_loss, r.best) for r in run.epochs]
        for run in (made, whole)
    ]
    assert measured[0] == measured[1]


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("epoch", [1, 2, 3, 4])
def test_a_training_stopped_anywhere_ends_as_the_one_that_never_was(
    sample, folders, whole, epoch, within
):
    if epoch == 4 and within:
        pytest.skip("there is no fifth epoch to be stopped in")
    name = f"stopped-{epoch}-{within}"
    stopper = Stopper(epoch, within)
    with pytest.raises(KeyboardInterrupt):
        train(sample, SMALL, SETTINGS, folders, name=name, track=False, progress=stopper)
    assert f"to go on after epoch {epoch}: sentiment train --resume {name}" in stopper.notes
    found = checkpoint.newest(folders.checkpoints / name, pytest.fail)
    assert found.epoch == epoch
    assert_same(resume(sample, found, folders), whole)
    assert not (folders.checkpoints / name).exists()
    with pytest.raises(InputError, match=f"{name} has nothing left to train"):
        resume(sample, found, folders)  # as one who had to wait for the lock


class Ender(Stopper):
    """Has this process asked to end, as `kill` does, within an epoch."""

    def __init__(self, epoch):
        super().__init__(epoch)
        self.batches = []

    def batch(self, report):
        self.batches.append((report.epoch, report.batch))
        if self.batches[-1] == (self._epoch, 2):
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def ending():
    """Hear signals as the command line does."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    _errors.end_on_signals()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("epoch", "damaged"), [(2, False), (3, True)])
def test_a_training_asked_to_end_goes_on_to_the_same_weights(
    sample, folders, whole, ending, epoch, damaged
):
    name, ender, said = f"asked-{epoch}", Ender(epoch), []
    with pytest.raises(_errors.TerminatedError) as raised:
        train(sample, SMALL, SETTINGS, folders, name=name, track=False, progress=ender)
    assert raised.value.status == 143 and ender.batches[-1] == (epoch, 2)
    assert bundle.read(folders.models / name).name == name
    if damaged:
        arrays = folders.checkpoints / name / f"epoch-{epoch - 1:04d}" / "arrays.npz"
        arrays.write_bytes(arrays.read_bytes()[:-1])
    found = checkpoint.newest(folders.checkpoints / name, said.append)
    assert found.epoch == epoch - 1 - damaged
    assert len(said) == damaged and all("arrays.npz is damaged" in text for text in said)
    assert_same(resume(sample, found, folders), whole)


def history(folders, run_id):
    """Return the run, and the steps at which each of its metrics has a value."""
    client = MlflowClient(store.tracking_uri(folders))
    run = client.get_run(run_id)
    names = run.data.metrics
    return run, {
        name: [point.step for point in client.get_metric_history(run_id, name)] for name in names
    }


def assert_one_whole_run(folders, made):
    """Check that a run has ended well and has every epoch once, and its best model registered."""
    run, steps = history(folders, made.run_id)
    assert run.info.status == "FINISHED" and "failure" not in run.data.tags
    assert steps and all(found == [1, 2, 3, 4] for found in steps.values()), steps
    client = MlflowClient(store.tracking_uri(folders))
    assert len(client.search_runs([run.info.experiment_id], run_view_type=3)) == 1
    logged = client.get_logged_model(run.data.tags["model_id"])
    assert {metric.step for metric in logged.metrics} == {made.best.epoch}
    sources = [v.source for v in client.search_model_versions(f"run_id = '{made.run_id}'")]
    assert sources.count(f"models:/{logged.model_id}") == 1
    kept = {item.path for item in client.list_artifacts(made.run_id, "hidden_states")}
    assert {f"hidden_states/epoch_{epoch:02d}.npz" for epoch in range(5)} <= kept
    assert "report.html" in {item.path for item in client.list_artifacts(made.run_id)}


def tracked_home(sample, folder):
    """Return the folders of a project with a store of its own and the same reviews."""
    shutil.copytree(sample.folder, folder / "data" / "prepared" / sample.folder.name)
    return ProjectPaths(folder)


@pytest.mark.parametrize("heard", [True, False])
def test_a_training_goes_on_in_the_same_run_and_logs_no_epoch_twice(
    sample, whole, tmp_path, monkeypatch, heard
):
    folders = tracked_home(sample, tmp_path)
    log = runs.MlflowRun.log_epoch

    def deaf(run, metrics, step, folder):
        """Stop where the checkpoint of an epoch is written and the run has not heard of it."""
        if step == 3:
            raise KeyboardInterrupt
        return log(run, metrics, step, folder)

    if not heard:
        monkeypatch.setattr(runs.MlflowRun, "log_epoch", deaf)
    stopper = Stopper(3 if heard else 9)
    with pytest.raises(KeyboardInterrupt):
        train(sample, SMALL, SETTINGS, folders, name="tracked", progress=stopper)
    monkeypatch.undo()
    found = checkpoint.newest(folders.checkpoints / "tracked", pytest.fail)
    stopped, steps = history(folders, found.state["job"]["record"]["run"]["id"])
    assert stopped.info.status == "KILLED"
    assert steps["validation/loss"] == ([1, 2, 3] if heard else [1, 2])
    made = resume(sample, found, folders)
    assert made.run_id == stopped.info.run_id
    assert_same(made, whole)
    assert_one_whole_run(folders, made)


def test_other_data_than_it_began_with_is_refused(sample, folders):
    with pytest.raises(KeyboardInterrupt):
        train(sample, SMALL, SETTINGS, folders, name="other", track=False, progress=Stopper(1))
    found = checkpoint.newest(folders.checkpoints / "other", pytest.fail)
    found.state["job"]["record"]["data"]["digests"]["train"] = "0" * 64
    with pytest.raises(InputError, match="is not the data that other began with"):
        resume(sample, found, folders)
    with pytest.raises(InputError, match="other"):
        train(sample, SMALL, SETTINGS, folders, name="other", track=False)


def test_the_command_goes_on_with_the_settings_and_the_data_of_the_run(sample, whole, folders):
    with pytest.raises(KeyboardInterrupt):
        train(sample, SMALL, SETTINGS, folders, name="typed", track=False, progress=Stopper(3))
    shutil.rmtree(folders.models / "typed")  # as a process that was killed leaves it
    again = command("--name", "typed", "--dataset", "sample", home=folders.root)
    assert again.exit_code == 1
    assert "Error: typed has begun and not ended." in again.stderr
    assert "Try: sentiment train --resume typed, or another --name" in again.stderr
    done = command("--resume", "typed", "--no-evaluate", home=folders.root)
    assert done.exit_code == 0, done.output
    assert f"using {sample.folder}" in done.stdout.replace("\n", "")
    assert [line[:9] for line in done.stdout.splitlines() if line.startswith("epoch")] == [
        "epoch 4/4"
    ]
    one = bundle.read(folders.models / "typed")
    np.testing.assert_array_equal(one.embedding, bundle.read(whole.folder).embedding)


def command(*words, home):
    return CliRunner().invoke(cli.app, ["train", *words], env={"SENTIMENT_HOME": str(home)})


def test_settings_beside_resume_are_refused_and_what_can_be_resumed_is_named(folders, whole):
    both = command("--resume", "last", "--epochs", "3", "--no-track", home=folders.root)
    assert both.exit_code == 2 and "without --epochs, --no-track" in " ".join(
        both.output.replace("│", "").split()
    )
    (folders.checkpoints / "begun" / "epoch-0001").mkdir(parents=True)
    none = command("--resume", "unknown", home=folders.root)
    assert none.exit_code == 1
    assert "no training called 'unknown' can be resumed" in none.output and "begun" in none.output
    ended = command("--resume", "whole", home=folders.root)
    assert ended.exit_code == 1 and "whole has nothing left to train" in ended.output


# Where a process is killed: by the line it prints, or by the file that appears. The first are
# a checkpoint half written, one written that the run has not heard of, and the end of a round.
MOMENTS = [
    ("file", "checkpoints/killed/.epoch-0002.*"),
    ("file", "checkpoints/killed/epoch-0003"),
    ("line", "round 1"),
    ("line", "epoch 1/"),
    ("line", "epoch 2/"),
    ("line", "epoch 3/"),
    ("line", "epoch 4/"),
    ("file", "checkpoints/killed/.epoch-0003.*"),
    ("file", "checkpoints/killed/.epoch-0004.*"),
    ("file", "models/.killed.*"),
]


@pytest.mark.parametrize(("kind", "what"), MOMENTS if SLOW else MOMENTS[:3])
def test_a_process_killed_at_any_moment_goes_on_to_the_same_weights(
    sample, whole, tmp_path, kind, what
):
    folders = tracked_home(sample, tmp_path)
    words = ["--dataset", "sample", "--name", "killed", "--no-evaluate"]
    for name, value in (asdict(SMALL) | asdict(SETTINGS)).items():
        option = name.replace("_", "-")
        flag = f"--{option}" if value else f"--no-{option}"
        words += [flag] if isinstance(value, bool) else [f"--{option}", str(value)]
    process = start("train", *words, home=tmp_path)
    if kind == "line":
        assert any(line.startswith(what) for line in process.stdout)
    while kind == "file" and not list((tmp_path / "data").glob(what)):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.0002)
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -9
    found = checkpoint.newest(checkpoint.find(folders.checkpoints, "last"), pytest.fail)
    made = resume(sample, found, folders)
    assert_same(made, whole)
    assert_one_whole_run(folders, made)


# From the first signal, within the last epoch, to the second: in closing, somewhere.
@pytest.mark.slow  # each is a start of TensorFlow
@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.1, 0.4, 0.9])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_process_at_once_and_leaves_nothing_half(
    sample, tmp_path, seconds, number
):
    folders = tracked_home(sample, tmp_path)
    words = ["--dataset", "sample", "--name", "twice", "--epochs", "99", "--patience", "99"]
    process = start("train", *words, "--own-labels", "0", home=tmp_path)
    assert any(line.startswith("epoch 2/") for line in process.stdout)
    process.send_signal(number)
    assert any(line.startswith("to go on after epoch ") for line in process.stdout)
    time.sleep(seconds)
    process.send_signal(number)
    asked = time.monotonic()
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number and "Traceback" not in errors, errors
    assert time.monotonic() - asked < 5
    for model in folders.models.glob("[!.]*"):
        assert bundle.read(model).name == "twice"
    found = checkpoint.newest(folders.checkpoints / "twice", pytest.fail)
    assert found.epoch >= 2
    stale.end_stale_runs(folders)  # where the run was just being ended it is left RUNNING
    (run,) = MlflowClient(store.tracking_uri(folders)).search_runs(["1"])
    assert run.info.status == "KILLED"
