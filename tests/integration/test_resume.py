"""A resumed training ends with the same weights as one that was never interrupted."""

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
from sentiment.config import ModelSettings, TrainSettings
from sentiment.errors import InputError
from sentiment.inference import bundle
from sentiment.tracking import run as runs
from sentiment.tracking import stale, store, tags
from sentiment.training import callbacks, checkpoint
from sentiment.training.train import resume, train
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress
from tests.helpers.commands import ALONE, start
from tests.helpers.slow import SLOW

# All random parts of a training: dropout of units, words and n-grams.
SMALL = ModelSettings(units=4, embedding=4, dropout=0.3, word_dropout=0.2, ngram_dropout=0.7)
# Two rounds of two epochs.
SETTINGS = TrainSettings(epochs=2, own_labels=1, learning_rate=0.02, batch_size=32)


class Stopper(Progress):
    """Interrupts a training after an epoch, or within the one that follows."""

    def __init__(self, epoch, within=False):
        self._epoch, self._within = epoch, within
        self.notes = []

    def note(self, text):
        self.notes.append(text)

    def epoch(self, metrics):
        if metrics.epoch == self._epoch and not self._within:
            raise KeyboardInterrupt

    def batch(self, metrics):
        if metrics.epoch == self._epoch + 1 and self._within and metrics.batch == 3:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole(sample, paths):
    """A training that was not interrupted."""
    return train(sample, SMALL, SETTINGS, paths, name="whole", track=False)


def assert_same(result, whole):
    """Compare weights to the last bit, and all metrics except times."""
    one, other = bundle.read(result.folder), bundle.read(whole.folder)
    np.testing.assert_array_equal(one.embedding, other.embedding)
    assert one.weights.keys() == other.weights.keys()
    for name, array in one.weights.items():
        np.testing.assert_array_equal(array, other.weights[name])
    assert one.temperature == other.temperature
    first, second = (
        [(m.epoch, m.epochs, m.train_loss, m.validation_loss, m.best) for m in training.epochs]
        for training in (result, whole)
    )
    assert first == second


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("epoch", [1, 2, 3, 4])
def test_a_training_resumed_from_anywhere_ends_with_the_same_weights(
    sample, paths, whole, epoch, within
):
    if epoch == 4 and within:
        pytest.skip("there is no fifth epoch")
    name = f"stopped-{epoch}-{within}"
    stopper = Stopper(epoch, within)
    with pytest.raises(KeyboardInterrupt):
        train(sample, SMALL, SETTINGS, paths, name=name, track=False, progress=stopper)
    assert f"to resume after epoch {epoch}: sentiment train --resume {name}" in stopper.notes
    found = checkpoint.newest(paths.checkpoints / name, pytest.fail)
    assert found.epoch == epoch
    assert_same(resume(sample, found, paths), whole)
    assert not (paths.checkpoints / name).exists()
    with pytest.raises(InputError, match=f"{name} has nothing left to train"):
        resume(sample, found, paths)  # as after waiting for the lock


SEVERAL = TrainSettings(epochs=1, learning_rate=0.02, own_labels=0, members=2, teacher="regression")
ONCE = ModelSettings(units=4, embedding=4, repeats=False)


def logged_steps(paths, run_id):
    run, steps = history(paths, run_id)
    assert run.info.status == "FINISHED"
    return steps["validation/loss"]


def test_an_interrupted_training_of_several_networks_logs_the_merged_one_at_the_end(
    sample, tmp_path
):
    paths = tracked_home(sample, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(sample, ONCE, SEVERAL, paths, name="several", progress=Stopper(1))
    assert bundle.read(paths.models / "several").settings.units == 5  # of one network
    found = checkpoint.newest(paths.checkpoints / "several", pytest.fail)
    result = resume(sample, found, paths)
    assert bundle.read(result.folder).settings.units == 9
    assert logged_steps(paths, result.run_id) == [1, 2, 3]


def test_a_training_that_ends_after_its_merged_network_was_logged_logs_it_once(
    sample, tmp_path, monkeypatch
):
    paths = tracked_home(sample, tmp_path)

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.TrackingCallback, "on_train_end", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(sample, ONCE, SEVERAL, paths, name="late")
    found = checkpoint.newest(paths.checkpoints / "late", pytest.fail)
    result = resume(sample, found, paths)
    assert logged_steps(paths, result.run_id) == [1, 2, 3]
    run, _ = history(paths, result.run_id)
    assert run.data.metrics["best/epoch"] == 3 and run.data.tags[tags.BEST_MODEL]


class Terminator(Stopper):
    """Sends this process SIGTERM within an epoch."""

    def __init__(self, epoch):
        super().__init__(epoch)
        self.batches = []

    def batch(self, metrics):
        self.batches.append((metrics.epoch, metrics.batch))
        if self.batches[-1] == (self._epoch, 2):
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def end_on_signals():
    """Handle signals as the command line does."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    _errors.end_on_signals()
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("epoch", "damaged"), [(2, False), (3, True)])
def test_a_terminated_training_is_resumed_to_the_same_weights(
    sample, paths, whole, end_on_signals, epoch, damaged
):
    name, terminator, notes = f"terminated-{epoch}", Terminator(epoch), []
    with pytest.raises(_errors.TerminatedError) as raised:
        train(sample, SMALL, SETTINGS, paths, name=name, track=False, progress=terminator)
    assert raised.value.status == 143 and terminator.batches[-1] == (epoch, 2)
    assert bundle.read(paths.models / name).name == name
    if damaged:
        arrays = paths.checkpoints / name / f"epoch-{epoch - 1:04d}" / "arrays.npz"
        arrays.write_bytes(arrays.read_bytes()[:-1])
    found = checkpoint.newest(paths.checkpoints / name, notes.append)
    assert found.epoch == epoch - 1 - damaged
    assert len(notes) == damaged and all("arrays.npz is damaged" in note for note in notes)
    assert_same(resume(sample, found, paths), whole)


def history(paths, run_id):
    """Return the run, and the steps at which each of its metrics has a value."""
    client = MlflowClient(store.tracking_uri(paths))
    run = client.get_run(run_id)
    names = run.data.metrics
    return run, {
        name: [point.step for point in client.get_metric_history(run_id, name)] for name in names
    }


def assert_complete_run(paths, result):
    """Check that a run is FINISHED, has every epoch once, and its best model registered."""
    run, steps = history(paths, result.run_id)
    assert run.info.status == "FINISHED" and "failure" not in run.data.tags
    of_epochs = {name: logged for name, logged in steps.items() if not name.startswith("best/")}
    assert of_epochs and all(logged == [1, 2, 3, 4] for logged in of_epochs.values()), steps
    of_best = {name: logged for name, logged in steps.items() if name.startswith("best/")}
    assert all(set(logged) == {result.best.epoch} for logged in of_best.values()), steps
    assert len(of_best) == 5
    client = MlflowClient(store.tracking_uri(paths))
    assert len(client.search_runs([run.info.experiment_id], run_view_type=3)) == 1
    logged = client.get_logged_model(run.data.tags[tags.BEST_MODEL])
    assert {metric.step for metric in logged.metrics} == {result.best.epoch}
    sources = [v.source for v in client.search_model_versions(f"run_id = '{result.run_id}'")]
    assert sources.count(f"models:/{logged.model_id}") == 1
    arrays = {item.path for item in client.list_artifacts(result.run_id, "hidden_states")}
    assert {f"hidden_states/epoch_{epoch:02d}.npz" for epoch in range(5)} <= arrays
    assert "report.html" in {item.path for item in client.list_artifacts(result.run_id)}


def tracked_home(sample, folder):
    """Return a project with a tracking store of its own and the same prepared data."""
    shutil.copytree(sample.folder, folder / "data" / "prepared" / sample.folder.name)
    return ProjectPaths(folder)


@pytest.mark.parametrize("logged", [True, False])
def test_a_training_resumes_in_the_same_run_and_logs_no_epoch_twice(
    sample, whole, tmp_path, monkeypatch, logged
):
    paths = tracked_home(sample, tmp_path)
    log = runs.MlflowRun.log_epoch

    def interrupt(run, metrics, step, folder):
        """Interrupt after a checkpoint is written and before its epoch is logged."""
        if step == 3:
            raise KeyboardInterrupt
        return log(run, metrics, step, folder)

    if not logged:
        monkeypatch.setattr(runs.MlflowRun, "log_epoch", interrupt)
    stopper = Stopper(3 if logged else 9)
    with pytest.raises(KeyboardInterrupt):
        train(sample, SMALL, SETTINGS, paths, name="tracked", progress=stopper)
    monkeypatch.undo()
    found = checkpoint.newest(paths.checkpoints / "tracked", pytest.fail)
    stopped, steps = history(paths, found.state["job"]["record"]["run"]["id"])
    assert stopped.info.status == "KILLED"
    assert steps["validation/loss"] == ([1, 2, 3] if logged else [1, 2])
    result = resume(sample, found, paths)
    assert result.run_id == stopped.info.run_id
    assert_same(result, whole)
    assert_complete_run(paths, result)


def test_other_data_than_it_started_with_is_refused(sample, paths):
    with pytest.raises(KeyboardInterrupt):
        train(sample, SMALL, SETTINGS, paths, name="other", track=False, progress=Stopper(1))
    found = checkpoint.newest(paths.checkpoints / "other", pytest.fail)
    found.state["job"]["record"]["data"]["digests"]["train"] = "0" * 64
    with pytest.raises(InputError, match="is not the data that other started with"):
        resume(sample, found, paths)
    with pytest.raises(InputError, match="other"):
        train(sample, SMALL, SETTINGS, paths, name="other", track=False)


def test_the_command_resumes_with_the_settings_and_the_data_of_the_run(sample, whole, paths):
    with pytest.raises(KeyboardInterrupt):
        train(sample, SMALL, SETTINGS, paths, name="typed", track=False, progress=Stopper(3))
    shutil.rmtree(paths.models / "typed")  # as after the process was killed
    same_name = command("--name", "typed", "--dataset", "sample", home=paths.root)
    assert same_name.exit_code == 1
    assert "Error: the training typed has started and not finished." in same_name.stderr
    assert "Try: sentiment train --resume typed, or choose another --name" in same_name.stderr
    done = command("--resume", "typed", "--no-evaluate", home=paths.root)
    assert done.exit_code == 0, done.output
    assert f"using {sample.folder}" in done.stdout.replace("\n", "")
    assert [line[:9] for line in done.stdout.splitlines() if line.startswith("epoch")] == [
        "epoch 4/4"
    ]
    one = bundle.read(paths.models / "typed")
    np.testing.assert_array_equal(one.embedding, bundle.read(whole.folder).embedding)


def command(*words, home):
    return CliRunner().invoke(cli.app, ["train", *words], env={"SENTIMENT_HOME": str(home)})


def test_resume_refuses_settings_and_lists_the_runs_that_can_be_resumed(paths, whole):
    settings = command("--resume", "last", "--epochs", "3", "--no-track", home=paths.root)
    assert settings.exit_code == 2 and "leave out --epochs, --no-track" in " ".join(
        settings.output.replace("│", "").split()
    )
    (paths.checkpoints / "started" / "epoch-0001").mkdir(parents=True)
    unknown = command("--resume", "unknown", home=paths.root)
    assert unknown.exit_code == 1
    assert (
        "no training called 'unknown' can be resumed" in unknown.output
        and "started" in unknown.output
    )
    finished = command("--resume", "whole", home=paths.root)
    assert finished.exit_code == 1
    assert "whole has nothing left to train" in finished.output


# When a process is killed: once it prints a line, or once a file appears. Without --slow the
# first two: a checkpoint half written, and one written but not logged yet. Each starts TensorFlow.
MOMENTS = [
    ("file", "checkpoints/killed/.epoch-0002.*"),
    ("file", "checkpoints/killed/epoch-0003"),
    ("line", "round 2"),
    ("line", "epoch 1/"),
    ("line", "epoch 2/"),
    ("line", "epoch 3/"),
    ("line", "epoch 4/"),
    ("file", "checkpoints/killed/.epoch-0003.*"),
    ("file", "checkpoints/killed/.epoch-0004.*"),
    ("file", "models/.killed.*"),
]


@pytest.mark.parametrize(("kind", "pattern"), MOMENTS if SLOW else MOMENTS[:2])
def test_a_process_killed_at_any_moment_is_resumed_to_the_same_weights(
    sample, whole, tmp_path, kind, pattern
):
    paths = tracked_home(sample, tmp_path)
    words = [*ALONE, "--dataset", "sample", "--name", "killed", "--no-evaluate"]
    for name, value in (asdict(SMALL) | asdict(SETTINGS)).items():
        option = name.replace("_", "-")
        flag = f"--{option}" if value else f"--no-{option}"
        words += [flag] if isinstance(value, bool) else [f"--{option}", str(value)]
    process = start("train", *words, home=tmp_path)
    if kind == "line":
        assert any(line.startswith(pattern) for line in process.stdout)
    while kind == "file" and not list((tmp_path / "data").glob(pattern)):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.0002)
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -9
    found = checkpoint.newest(checkpoint.find(paths.checkpoints, "last"), pytest.fail)
    result = resume(sample, found, paths)
    assert_same(result, whole)
    assert_complete_run(paths, result)


# Seconds from the first signal to the second, which comes while the process saves and ends.
@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.1, 0.4, 0.9])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_process_at_once_and_leaves_no_partial_model(
    sample, tmp_path, seconds, number
):
    paths = tracked_home(sample, tmp_path)
    words = [*ALONE, "--dataset", "sample", "--name", "twice"]
    words += ["--epochs", "99", "--patience", "99"]
    process = start("train", *words, "--own-labels", "0", home=tmp_path)
    assert any(line.startswith("epoch 2/") for line in process.stdout)
    process.send_signal(number)
    assert any(line.startswith("to resume after epoch ") for line in process.stdout)
    time.sleep(seconds)
    process.send_signal(number)
    signalled = time.monotonic()
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number and "Traceback" not in errors, errors
    assert time.monotonic() - signalled < 5
    for model in paths.models.glob("[!.]*"):
        assert bundle.read(model).name == "twice"
    found = checkpoint.newest(paths.checkpoints / "twice", pytest.fail)
    assert found.epoch >= 2
    stale.end_stale_runs(paths)  # a run that was just being ended is left RUNNING
    (run,) = MlflowClient(store.tracking_uri(paths)).search_runs(["1"])
    assert run.info.status == "KILLED"
