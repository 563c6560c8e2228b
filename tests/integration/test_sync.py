"""A tracking server that is away, fails or dies: training goes on, and nothing is logged twice."""

import itertools
import json
import os
import re
import shutil
import signal
import time
from collections import Counter

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, TEMPORARILY_UNAVAILABLE
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data.prepare import prepare
from sentiment.errors import MissingFileError, UnavailableError
from sentiment.evaluation.evaluate import evaluate, load_test_split
from sentiment.inference.bundle import read
from sentiment.reports.evaluation_log import log_evaluation
from sentiment.tracking import server, store, tags
from sentiment.tracking.offline import connection, queue
from sentiment.training import checkpoint
from sentiment.training.train import resume, train
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.ports import free_port
from sentiment.utils.progress import Progress
from tests.helpers.commands import ALONE, start
from tests.helpers.faulty import BREAK, LATE, LOSE, PASS, SLEEP, faulty
from tests.helpers.slow import SLOW

SMALL = ModelSettings(units=4, embedding=4, bidirectional=False)
CHARTS = 6  # of an evaluation, each a table and a picture
EPOCHS = 3
AWAY = "http://127.0.0.1:9"  # a port for which a server needs root, and on which none listens
load_test_split.__test__ = False  # pytest would take it for a test


class Notes(Progress):
    """Collects notes, and calls a function after some epochs, by their number."""

    def __init__(self, after=None):
        self.notes, self._after = [], after or {}

    def note(self, text):
        self.notes.append(text)

    def epoch(self, report):
        self._after.get(report.epoch, lambda: None)()

    def with_text(self, text):
        return [note for note in self.notes if text in note]


class TrackingServer:
    """MLflow's server over a store of its own, which can be killed and restarted."""

    def __init__(self, root):
        (root / "mlruns").mkdir(parents=True)
        self._paths, self._port = ProjectPaths(root), free_port(0)
        self.address = f"http://127.0.0.1:{self._port}"

    def start(self):
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("MLFLOW_TRACKING_URI", raising=False)  # it would be the server's store
            self._process = server.start_ui(self._paths, self._port)
        server.wait_until_ready(self._process, f"{self.address}/health")

    def kill(self):
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture(scope="module")
def tracking_server(tmp_path_factory):
    started = TrackingServer(tmp_path_factory.mktemp("server"))
    started.start()
    yield started
    started.kill()


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    paths = ProjectPaths(tmp_path_factory.mktemp("sample"))
    return prepare(PrepareSettings(dataset="sample"), paths)[0]


@pytest.fixture
def paths(sample, tmp_path, monkeypatch):
    shutil.copytree(sample.folder, tmp_path / "data" / "prepared" / sample.folder.name)
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return ProjectPaths(tmp_path)


def run_training(data, paths, progress=None, epochs=EPOCHS, **options):
    settings = TrainSettings(epochs=epochs, own_labels=0, patience=epochs)
    return train(data, SMALL, settings, paths, progress=progress, **options)


def run_evaluation(trained, paths, progress=None):
    bundle = read(trained.folder)
    data = load_test_split(bundle, paths)
    return log_evaluation(bundle, evaluate(bundle, data), data, paths, progress)


def sync():
    return CliRunner().invoke(app, ["sync"])


def queues(paths):
    return list(paths.spool.glob("[!.]*"))


def pending(paths):
    """Return how many operations wait in all queues."""
    return len(list(paths.spool.glob("[!.]*/[0-9]*-*")))


def assert_one_complete_run(address, experiment, epochs=EPOCHS, evaluations=1, interruptions=0):
    """Check that an experiment has one run, with everything once; return the run."""
    client = MlflowClient(address)
    experiment_id = client.get_experiment_by_name(experiment).experiment_id
    (run,) = client.search_runs([experiment_id])
    assert run.info.status == "FINISHED" and "failure" not in run.data.tags
    steps = list(range(1, epochs + 1))
    for name in ("train/loss", "validation/loss"):
        assert [point.step for point in client.get_metric_history(run.info.run_id, name)] == steps
    if evaluations:
        assert len(client.get_metric_history(run.info.run_id, "test/accuracy")) == evaluations
        assert len(client.list_artifacts(run.info.run_id, "evaluation")) == 2 + 2 * CHARTS
    models = client.search_logged_models([experiment_id])
    measured = [m.step for model in models for m in model.metrics if m.key == "validation/loss"]
    assert Counter(measured) == Counter(steps) and len(models) == epochs
    versions = client.search_model_versions(f"run_id = '{run.info.run_id}'")
    versions.sort(key=lambda version: int(version.version))
    sources = [version.source for version in versions]
    assert sources[-1] == f"models:/{run.data.tags[tags.BEST_MODEL]}"
    # At an interruption another epoch may have been the best so far.
    assert len(sources) == len(set(sources)) <= 1 + interruptions
    images = [item.path for item in client.list_artifacts(run.info.run_id, "images")]
    # The picture of the first and the last state is drawn again at the end of a resumed training.
    ends = len(images) / 2 - 3 * (1 + epochs)
    assert ends in range(1, 2 + interruptions)
    hidden_states = {item.path for item in client.list_artifacts(run.info.run_id, "hidden_states")}
    assert hidden_states == {f"hidden_states/epoch_{n:02d}.npz" for n in (0, *steps)} | {
        "hidden_states/probes.json"
    }
    assert "report.html" in {item.path for item in client.list_artifacts(run.info.run_id)}
    assert len(run.inputs.dataset_inputs) == 1 + bool(evaluations)
    return run


def test_a_server_that_dies_receives_everything_later_and_once(
    tracking_server, sample, paths, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_server.address)

    def kill():
        while list(paths.spool.glob("*/000003-*")):  # until the uploader has sent something
            time.sleep(0.05)
        tracking_server.kill()

    progress = Notes({1: kill})
    trained = run_training(sample, paths, progress, experiment="dies")
    assert read(trained.folder).manifest.run.id == trained.run_id
    assert len(progress.with_text("does not answer")) == 2  # at the time, and at the end
    assert str(paths.spool) in progress.notes[-1]
    assert progress.notes[-1].endswith("\nTry: sentiment sync")
    assert run_evaluation(trained, paths, progress)
    before = pending(paths)
    assert before
    result = sync()
    assert result.exit_code == 1 and "does not answer" in result.stderr
    assert f"not sent, and safe in {paths.spool}" in result.stderr
    assert "Traceback" not in result.output
    assert pending(paths) == before
    tracking_server.start()
    listed = CliRunner().invoke(app, ["runs", "--experiment", "dies"]).output
    assert "Not sent to the tracking store yet: 1 run." in listed
    result = sync()
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "1 run sent."
    assert f"sending {trained.name}: {before}" in result.stdout
    assert "Nothing to send" in sync().stdout
    run = assert_one_complete_run(tracking_server.address, "dies")
    assert run.data.tags["model"] == trained.name


def train_while_away(sample, paths, monkeypatch, experiment, **options):
    """Train and evaluate while no server answers."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", AWAY)
    trained = run_training(sample, paths, experiment=experiment, **options)
    assert run_evaluation(trained, paths)
    return trained


def redirect(paths, address):
    """Let the waiting queues be sent to another address than AWAY."""
    for path in paths.spool.glob("*/spool.json"):
        path.write_text(path.read_text().replace(AWAY, address))


def test_lost_answers_duplicate_nothing(tracking_server, sample, paths, monkeypatch):
    train_while_away(sample, paths, monkeypatch, "lost")
    lost = set()

    def plan(method, path, body):
        """Lose the answer to every request that changes something, once."""
        # Each attempt has new ids for models and new names for images.
        target = re.sub(r"m-[0-9a-f]{32}|[0-9a-f-]{36}", "ID", path.partition("?")[0])
        request = (method, target, len(body) if "log" in path else 0)
        if method == "GET" or path.endswith("/search") or request in lost:
            return PASS
        lost.add(request)
        return LOSE

    with faulty(plan, tracking_server.address) as proxy:
        redirect(paths, proxy.address)
        results = [sync()]
        while results[-1].exit_code:
            assert "does not answer" in results[-1].stderr, results[-1].output
            results.append(sync())
            assert len(results) < 200
    kinds = {path.rpartition("mlflow/")[2] for _, path, _ in lost}
    assert {"runs/create", "runs/update", "model-versions/create"} <= kinds, kinds
    assert len(results) > 15
    assert_one_complete_run(tracking_server.address, "lost")


def test_a_request_that_arrives_late_leaves_no_duplicate(
    tracking_server, sample, paths, monkeypatch
):
    train_while_away(sample, paths, monkeypatch, "late", epochs=1)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    creating = ["runs/create", "mlflow/logged-models", "model-versions/create"]
    late = []

    def plan(method, path, _):
        for end in creating:
            if method == "POST" and path.endswith(end):
                creating.remove(end)
                late.append(path)
                return LATE
        return PASS

    with faulty(plan, tracking_server.address) as proxy:
        redirect(paths, proxy.address)
        while (result := sync()).exit_code:
            assert "does not answer" in result.stderr
    assert len(late) == 3
    assert_one_complete_run(tracking_server.address, "late", epochs=1)


@pytest.mark.parametrize("number", range(1, 60, 4) if SLOW else [9])
def test_a_killed_sync_can_be_repeated_and_a_second_one_at_once_is_refused(
    tracking_server, sample, paths, monkeypatch, number
):
    experiment = f"killed {number}"
    train_while_away(sample, paths, monkeypatch, experiment, epochs=1)
    changes = []

    def plan(method, path, _):
        """Do not answer the request with that number among those that change something."""
        if method != "GET" and not path.endswith("/search"):
            changes.append(path)
        return SLEEP if len(changes) == number else PASS

    with faulty(plan, tracking_server.address) as proxy:
        redirect(paths, proxy.address)
        first = start("sync", home=paths.root)
        while len(changes) < number and first.poll() is None:
            time.sleep(0.05)
        if first.poll() is None:
            second = sync()
            assert second.exit_code == 1
            assert f"process {first.pid} is already sending" in second.stderr
            first.kill()
        first.communicate()
        changes += [""]
        result = sync()
        assert result.exit_code == 0, result.output
    assert_one_complete_run(tracking_server.address, experiment, epochs=1)


@pytest.mark.parametrize("behaviour", [BREAK, SLEEP, None], ids=["fails", "sleeps", "is away"])
def test_training_waits_for_one_call_of_three_seconds_to_a_failing_server(
    sample, paths, monkeypatch, behaviour
):
    limits, connect = [], connection.connection

    def count(paths, uri, *, seconds=None):
        limits.append(seconds)
        return connect(paths, uri, seconds=seconds)

    # In this process alone: the uploader is another one.
    monkeypatch.setattr(connection, "connection", count)
    with faulty(behaviour) as failing:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", failing.address if behaviour else AWAY)
        progress = Notes()
        trained = run_training(sample, paths, progress, epochs=1, snapshots="off")
        assert run_evaluation(trained, paths, progress)
    assert limits == [3]
    read(trained.folder)
    assert len(progress.with_text("does not answer")) == 2
    assert len(progress.with_text("Try: sentiment sync")) == 1
    # start, begin, epoch, best, end, evaluation
    assert pending(paths) == 6


def interrupt():
    raise KeyboardInterrupt


def train_and_interrupt(sample, paths, name):
    """Train a run called `name` and interrupt it after epoch 2."""
    with pytest.raises(KeyboardInterrupt):
        run_training(sample, paths, Notes({2: interrupt}), name=name, experiment=name)


def resume_training(sample, paths, name):
    newest = checkpoint.newest(paths.checkpoints / name, pytest.fail)
    return resume(sample, newest, paths)


ALL_CASES = list(itertools.product((False, True), repeat=3))
CASES = [(False, False, True), (True, False, False)]


@pytest.mark.parametrize(("at_first", "between", "at_last"), ALL_CASES if SLOW else CASES)
def test_a_resumed_training_goes_on_in_the_same_run(
    tracking_server, sample, paths, monkeypatch, at_first, between, at_last
):
    """`at_first`, `between` and `at_last` say whether the server answers at that time."""
    answers = at_first
    name = f"resumed {at_first} {between} {at_last}"
    with faulty(lambda *_: PASS if answers else BREAK, tracking_server.address) as proxy:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.address)
        train_and_interrupt(sample, paths, name)
        # On a slow machine something may wait even if the server answers.
        assert at_first or pending(paths)
        if between:
            answers = True
            assert sync().exit_code == 0
        answers = at_last
        resume_training(sample, paths, name)
        assert at_last or pending(paths)
        answers = True
        assert sync().exit_code == 0
    run = assert_one_complete_run(tracking_server.address, name, evaluations=0, interruptions=1)
    assert run.data.tags[tags.PROCESS].split()[0] == str(os.getpid())


def test_a_training_that_is_killed_while_the_server_is_away_is_resumed_in_the_same_run(
    tracking_server, sample, paths, monkeypatch
):
    words = [*ALONE, "--dataset", "sample", "--units", "4", "--embedding", "4"]
    words += ["--no-bidirectional"]
    words += ["--epochs", "3", "--patience", "3", "--own-labels", "0", "--no-evaluate"]
    words += ["--name", "cut", "--experiment", "cut"]
    process = start("train", *words, home=paths.root, MLFLOW_TRACKING_URI=AWAY)
    assert any(line.startswith("epoch 2/") for line in process.stdout)
    process.kill()
    process.communicate()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", AWAY)
    resume_training(sample, paths, "cut")
    assert len(queues(paths)) == 1
    redirect(paths, tracking_server.address)
    assert sync().exit_code == 0
    assert_one_complete_run(tracking_server.address, "cut", evaluations=0)


@pytest.mark.parametrize("epoch", [0, 1])
def test_a_queue_that_can_not_be_written_is_reported_once(sample, paths, monkeypatch, epoch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", AWAY)

    def obstruct():
        """Put a file where the folder of queues belongs."""
        if paths.spool.exists():
            paths.spool.rename(paths.root / "moved")
        paths.spool.write_text("in the way")

    progress = Notes({epoch: obstruct})
    if epoch == 0:
        obstruct()
    trained = run_training(sample, paths, progress)
    read(trained.folder)
    assert len(progress.with_text("tracked")) == 1
    assert len(progress.with_text(str(paths.spool))) == 1
    assert run_evaluation(trained, paths, progress) or not trained.run_id


def test_a_queue_whose_header_is_damaged_stops_no_training(sample, paths, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", AWAY)

    def damage():
        (header,) = paths.spool.glob("*/spool.json")
        header.write_text("{")

    progress = Notes({2: damage})
    read(run_training(sample, paths, progress).folder)
    assert progress.with_text("spool.json can't be read")


def test_a_server_that_refuses_a_run_does_so_before_training_starts(
    tracking_server, sample, paths, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_server.address)
    client = MlflowClient(tracking_server.address)
    client.delete_experiment(client.create_experiment("refused"))
    with pytest.raises(UnavailableError, match="'refused' has been deleted"):
        run_training(sample, paths, experiment="refused")
    assert not queues(paths) and not paths.models.exists()


def test_a_run_that_the_server_lacks_is_not_resumed(tracking_server, sample, paths, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_server.address)
    train_and_interrupt(sample, paths, "known")
    assert sync().exit_code == 0
    client = MlflowClient(tracking_server.address)
    (run,) = client.search_runs([client.get_experiment_by_name("known").experiment_id])
    client.delete_run(run.info.run_id)
    with pytest.raises(UnavailableError, match="the run known has been deleted") as caught:
        resume_training(sample, paths, "known")
    assert f"mlflow runs restore --run-id {run.info.run_id}" in caught.value.hint
    newest = checkpoint.newest(paths.checkpoints / "known", pytest.fail)
    newest.state["job"]["record"]["run"]["id"] = "0" * 32
    with pytest.raises(MissingFileError, match="the run known is not in"):
        resume(sample, newest, paths)
    assert not queues(paths)
    client.restore_run(run.info.run_id)
    resume_training(sample, paths, "known")
    assert sync().exit_code == 0
    assert_one_complete_run(tracking_server.address, "known", evaluations=0, interruptions=1)


@pytest.mark.parametrize("is_restored", [False, True])
def test_a_run_in_a_file_is_resumed_whether_its_queue_can_be_sent_or_not(
    sample, paths, is_restored
):
    address, deleted = store.tracking_uri(paths), []

    def delete():
        client = MlflowClient(address)
        deleted.append(client.get_experiment_by_name("file").experiment_id)
        client.delete_experiment(deleted[0])

    with pytest.raises(KeyboardInterrupt):
        progress = Notes({1: delete, 2: interrupt})
        run_training(sample, paths, progress, name="file", experiment="file")
    assert pending(paths)
    if is_restored:
        MlflowClient(address).restore_experiment(deleted[0])
    trained = resume_training(sample, paths, "file")
    assert bool(pending(paths)) != is_restored
    if not is_restored:
        assert run_evaluation(trained, paths)  # into the queue of its run
        MlflowClient(address).restore_experiment(deleted[0])
        assert sync().exit_code == 0
    evaluations = int(not is_restored)
    assert_one_complete_run(address, "file", evaluations=evaluations, interruptions=1)


def test_an_evaluation_is_logged_to_no_other_run(tracking_server, sample, paths, monkeypatch):
    trained = run_training(sample, paths, epochs=1, snapshots="off")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_server.address)
    assert not run_evaluation(trained, paths)
    assert not queues(paths)
    # If the server is away it waits; a second one, from another process, joins it.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", AWAY)
    for expected in ("the evaluation waits in", "with its run"):
        progress = Notes()
        assert run_evaluation(trained, paths, progress)
        assert progress.with_text(expected) and progress.with_text("Try: sentiment sync")
        for path in paths.spool.glob("*/spool.json"):
            path.write_text(json.dumps(json.loads(path.read_text()) | {"writer": {}}))
    assert pending(paths) == 2


@pytest.mark.parametrize("kind", ["a server", "a file"])
def test_an_experiment_that_is_deleted_between_two_epochs_costs_no_epoch(
    tracking_server, sample, paths, monkeypatch, kind
):
    if kind == "a server":
        monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_server.address)
    address, deleted = store.tracking_uri(paths), []

    def delete():
        client = MlflowClient(address)
        deleted.append(client.get_experiment_by_name("deleted").experiment_id)
        client.delete_experiment(deleted[0])

    progress = Notes({1: delete})
    trained = run_training(sample, paths, progress, experiment="deleted")
    assert run_evaluation(trained, paths, progress)
    assert progress.with_text("Try: sentiment sync") and pending(paths)
    result = sync()
    assert result.exit_code == 1 and "'deleted' has been deleted" in result.stderr
    restore = f"MLFLOW_TRACKING_URI={address} mlflow experiments restore --experiment-id"
    assert f"Try: {restore} {deleted[0]}" in result.stderr
    MlflowClient(address).restore_experiment(deleted[0])
    assert sync().exit_code == 0
    assert_one_complete_run(address, "deleted")


def test_a_sync_without_queues_says_so(paths):
    result = sync()
    assert result.exit_code == 0 and "Nothing to send" in result.stdout


def test_a_damaged_queue_does_not_hold_up_the_others(tracking_server, sample, paths, monkeypatch):
    train_while_away(sample, paths, monkeypatch, "other", epochs=1)
    redirect(paths, tracking_server.address)
    (paths.spool / "0-damaged").mkdir()
    (paths.spool / "0-damaged" / "spool.json").write_text("{")
    result = sync()
    assert result.exit_code == 1 and "0-damaged" in result.stderr and "1 run sent" in result.stdout
    assert_one_complete_run(tracking_server.address, "other", epochs=1)


def test_a_queue_that_another_process_sends_is_left_to_it(
    tracking_server, sample, paths, monkeypatch
):
    trained = train_while_away(sample, paths, monkeypatch, "busy", epochs=1)
    redirect(paths, tracking_server.address)
    (waiting,) = queue.list_queues(paths)
    with waiting.try_lock() as locked:
        assert locked
        result = sync()
    assert result.exit_code == 1
    assert f"the training of {trained.name} is sending it" in result.stderr
    assert sync().exit_code == 0
    assert_one_complete_run(tracking_server.address, "busy", epochs=1)


def test_a_store_that_is_away_is_told_apart_from_one_that_refuses():
    """The first may take a run later; the second would refuse it again."""
    busy = MlflowException("busy", error_code=TEMPORARILY_UNAVAILABLE)
    with pytest.raises(connection.StoreUnreachableError, match="does not answer: busy"):
        raise connection._translate(busy, "http://server")
    refusal = MlflowException("no", error_code=INVALID_PARAMETER_VALUE)
    assert "refuses the run: no" in connection._translate(refusal, "http://server").fact
    own = UnavailableError("it is deleted")
    assert connection._translate(own, "http://server") is own
