"""A tracking store that is away, ill or dies: training goes on, and nothing is lost or doubled."""

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
from sentiment.evaluation.evaluate import evaluate, load_test_split, log_evaluation
from sentiment.inference.bundle import read
from sentiment.tracking import server, store
from sentiment.tracking.offline import connection, queue
from sentiment.training import checkpoint
from sentiment.training.train import resume, train
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.ports import free_port
from sentiment.utils.progress import Progress
from tests.helpers.commands import start
from tests.helpers.faulty import BREAK, LATE, LOSE, PASS, SLEEP, faulty
from tests.helpers.slow import SLOW

SMALL = ModelSettings(units=4, embedding=4, bidirectional=False)
EPOCHS = 3
load_test_split.__test__ = False  # a function of the stage, not a test


class Listener(Progress):
    """Keeps what is said, and does something after an epoch."""

    def __init__(self, after=None):
        self.notes, self._after = [], after or {}

    def note(self, text):
        self.notes.append(text)

    def epoch(self, report):
        self._after.get(report.epoch, lambda: None)()

    def said(self, what):
        return [note for note in self.notes if what in note]


class Served:
    """MLflow's server over a store of its own, which can be killed and started again."""

    def __init__(self, root):
        (root / "mlruns").mkdir(parents=True)
        self._folders, self._port = ProjectPaths(root), free_port(0)
        self.address = f"http://127.0.0.1:{self._port}"
        self._running = None

    def start(self):
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("MLFLOW_TRACKING_URI", raising=False)  # it would be the server's store
            self._process = server.start_ui(self._folders, self._port)
        server._wait(self._process, f"{self.address}/health")

    def kill(self):
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    made = Served(tmp_path_factory.mktemp("server"))
    made.start()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folders = ProjectPaths(tmp_path_factory.mktemp("sample"))
    return prepare(PrepareSettings(dataset="sample"), folders)[0]


@pytest.fixture
def folders(sample, tmp_path, monkeypatch):
    shutil.copytree(sample.folder, tmp_path / "data" / "prepared" / sample.folder.name)
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return ProjectPaths(tmp_path)


def trained(data, folders, progress=None, epochs=EPOCHS, **options):
    settings = TrainSettings(epochs=epochs, own_labels=0, patience=epochs)
    return train(data, SMALL, settings, folders, progress=progress, **options)


def evaluated(made, folders, progress=None):
    opened = read(made.folder)
    data = load_test_split(opened, folders)
    return log_evaluation(opened, evaluate(opened, data), data, folders, progress)


def sync():
    return CliRunner().invoke(app, ["sync"])


def pending(folders):
    return len(list(folders.spool.glob("[!.]*/[0-9]*-*")))


def check_whole(address, experiment, epochs=EPOCHS, evaluations=1, stopped=0):
    """Look for one run in a store, with everything once."""
    client = MlflowClient(address)
    number = client.get_experiment_by_name(experiment).experiment_id
    (run,) = client.search_runs([number])
    assert run.info.status == "FINISHED" and "failure" not in run.data.tags
    steps = list(range(1, epochs + 1))
    for name in ("train/loss", "validation/loss"):
        assert [point.step for point in client.get_metric_history(run.info.run_id, name)] == steps
    if evaluations:
        assert len(client.get_metric_history(run.info.run_id, "test/accuracy")) == evaluations
        assert len(client.list_artifacts(run.info.run_id, "evaluation")) == 2
    models = client.search_logged_models([number])
    measured = [m.step for model in models for m in model.metrics if m.key == "validation/loss"]
    assert Counter(measured) == Counter(steps) and len(models) == epochs
    versions = client.search_model_versions(f"run_id = '{run.info.run_id}'")
    sources = [version.source for version in sorted(versions, key=lambda one: int(one.version))]
    assert sources[-1] == f"models:/{run.data.tags['model_id']}"
    # The best by the time when it was stopped may be another one.
    assert len(sources) == len(set(sources)) <= 1 + stopped
    images = [item.path for item in client.list_artifacts(run.info.run_id, "images")]
    assert len(images) == 2 * 3 * (1 + epochs)
    found = {item.path for item in client.list_artifacts(run.info.run_id, "hidden_states")}
    assert found == {f"hidden_states/epoch_{n:02d}.npz" for n in (0, *steps)} | {
        "hidden_states/probes.json"
    }
    assert {item.path for item in client.list_artifacts(run.info.run_id)} >= {"report.html"}
    assert len(run.inputs.dataset_inputs) == 1 + bool(evaluations)
    return run


def test_a_server_that_dies_gets_everything_later_and_once(served, sample, folders, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", served.address)

    def kill():
        end = time.monotonic() + 30  # until the courier has sent something
        while list(folders.spool.glob("*/000003-*")) and time.monotonic() < end:
            time.sleep(0.05)
        served.kill()

    progress = Listener({1: kill})
    made = trained(sample, folders, progress, experiment="dies")
    assert read(made.folder).manifest.run.id == made.run_id
    assert len(progress.said("does not answer")) == 2  # when it went, and at the end
    assert str(folders.spool) in progress.notes[-1]
    assert progress.notes[-1].endswith("\nTry: sentiment sync")
    assert evaluated(made, folders, progress)
    before = pending(folders)
    assert before
    result = sync()
    assert result.exit_code == 1 and "does not answer" in result.stderr
    assert "nothing is lost" in result.stderr and "Traceback" not in result.output
    assert pending(folders) == before
    served.start()
    assert "1 run is waiting" in CliRunner().invoke(app, ["runs", "--experiment", "dies"]).output
    result = sync()
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "1 run sent."
    assert f"sending {made.name}: {before}" in result.stdout
    assert "Nothing to send" in sync().stdout
    assert check_whole(served.address, "dies").data.tags["model"] == made.name


def kept(sample, folders, monkeypatch, experiment, **options):
    """Train and evaluate while nothing answers."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    made = trained(sample, folders, experiment=experiment, **options)
    assert evaluated(made, folders)
    return made


def readdress(folders, address):
    """Have what waits go to another address, that of the server which was away."""
    for path in folders.spool.glob("*/spool.json"):
        path.write_text(path.read_text().replace("http://127.0.0.1:9", address))


def test_answers_that_are_lost_double_nothing(served, sample, folders, monkeypatch):
    kept(sample, folders, monkeypatch, "lost")
    lost = set()

    def plan(method, path, body):
        """Lose the answer to every request that changes something, once."""
        # What is made anew for another attempt is the same here: a model's id, a picture's name.
        place = re.sub(r"m-[0-9a-f]{32}|[0-9a-f-]{36}", "ID", path.partition("?")[0])
        asked = (method, place, len(body) if "log" in path else 0)
        if method == "GET" or path.endswith("/search") or asked in lost:
            return PASS
        lost.add(asked)
        return LOSE

    with faulty(plan, served.address) as between:
        readdress(folders, between.address)
        results = [sync()]
        while results[-1].exit_code:
            assert "does not answer" in results[-1].stderr, results[-1].output
            results.append(sync())
            assert len(results) < 200
    kinds = {path.rpartition("mlflow/")[2] for _, path, _ in lost}
    assert {"runs/create", "runs/update", "model-versions/create"} <= kinds, kinds
    assert len(results) > 15
    check_whole(served.address, "lost")


def test_a_request_that_is_heard_late_leaves_no_second_one(served, sample, folders, monkeypatch):
    kept(sample, folders, monkeypatch, "late", epochs=1)
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

    with faulty(plan, served.address) as between:
        readdress(folders, between.address)
        while (result := sync()).exit_code:
            assert "does not answer" in result.stderr
    assert len(late) == 3
    check_whole(served.address, "late", epochs=1)


@pytest.mark.parametrize("number", range(1, 60, 4) if SLOW else [9])
def test_a_sync_that_is_killed_is_taken_up_and_two_are_one_too_many(
    served, sample, folders, monkeypatch, number
):
    experiment = f"killed {number}"
    kept(sample, folders, monkeypatch, experiment, epochs=1)
    changes = []

    def plan(method, path, _):
        """Answer the request of that number, among those that change something, never."""
        if method != "GET" and not path.endswith("/search"):
            changes.append(path)
        return SLEEP if len(changes) == number else PASS

    with faulty(plan, served.address) as between:
        readdress(folders, between.address)
        first = start("sync", home=folders.root)
        while len(changes) < number and first.poll() is None:
            time.sleep(0.05)
        if first.poll() is None:
            second = sync()
            assert (
                second.exit_code == 1 and f"process {first.pid} is already sending" in second.stderr
            )
            first.kill()
        first.communicate(timeout=60)
        changes += [""]
        result = sync()
        assert result.exit_code == 0, result.output
    check_whole(served.address, experiment, epochs=1)


@pytest.mark.parametrize("ill", [BREAK, SLEEP, None], ids=["answers 500", "sleeps", "is not there"])
def test_an_ill_server_does_not_hold_training_up(sample, folders, monkeypatch, ill):
    with faulty(ill) as there:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", there.address if ill else "http://127.0.0.1:9")
        plain = time.monotonic()
        trained(sample, folders, epochs=1, track=False)
        progress, started = Listener(), time.monotonic()
        made = trained(sample, folders, progress, epochs=1, snapshots="off")
        assert evaluated(made, folders, progress)
        # The first call takes 3 s at most, and no other is waited for.
        assert time.monotonic() - started < (started - plain) + 10
    read(made.folder)
    assert len(progress.said("does not answer")) == 2
    assert len(progress.said("Try: sentiment sync")) == 1
    # start, begin, epoch, best, end, evaluation
    assert pending(folders) == 6


def stopper():
    raise KeyboardInterrupt


def stopped(sample, folders, name):
    with pytest.raises(KeyboardInterrupt):
        trained(sample, folders, Listener({2: stopper}), name=name, experiment=name)


def gone_on(sample, folders, name, progress=None):
    found = checkpoint.newest(folders.checkpoints / name, pytest.fail)
    return resume(sample, found, folders, progress=progress)


WAYS = list(itertools.product((False, True), repeat=3))
FEW = [(False, False, True), (False, True, False), (True, False, False)]


@pytest.mark.parametrize(("first", "between", "then"), WAYS if SLOW else FEW)
def test_a_run_that_goes_on_is_the_same(served, sample, folders, monkeypatch, first, between, then):
    """`first`, `between` and `then` say whether the server answers at that time."""
    answers = first
    name = f"resumed {first} {between} {then}"
    with faulty(lambda *_: PASS if answers else BREAK, served.address) as there:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", there.address)
        stopped(sample, folders, name)
        # Where it answers, a slow machine may leave something all the same.
        assert first or pending(folders)
        if between:
            answers = True
            assert sync().exit_code == 0
        answers = then
        progress = Listener()
        gone_on(sample, folders, name, progress)
        assert then or pending(folders)
        answers = True
        assert sync().exit_code == 0
    run = check_whole(served.address, name, evaluations=0, stopped=1)
    assert run.data.tags["process"].split()[0] == str(os.getpid())


def test_a_process_killed_while_the_server_is_away_goes_on_in_the_same_run(
    served, sample, folders, monkeypatch
):
    words = ["--dataset", "sample", "--units", "4", "--embedding", "4", "--no-bidirectional"]
    words += ["--epochs", "3", "--patience", "3", "--own-labels", "0", "--no-evaluate"]
    away = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    words += ["--name", "cut", "--experiment", "cut"]
    process = start("train", *words, home=folders.root, **away)
    assert any(line.startswith("epoch 2/") for line in process.stdout)
    process.kill()
    process.communicate(timeout=60)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    gone_on(sample, folders, "cut")
    assert len(list(folders.spool.glob("[!.]*"))) == 1
    readdress(folders, served.address)
    assert sync().exit_code == 0
    check_whole(served.address, "cut", evaluations=0)


@pytest.mark.parametrize("epoch", [0, 1])
def test_a_spool_that_can_not_be_written_is_said_once(sample, folders, monkeypatch, epoch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")

    def spoil():
        if folders.spool.exists():
            folders.spool.rename(folders.root / "aside")
        folders.spool.write_text("in the way")

    progress = Listener({epoch: spoil})
    if epoch == 0:
        spoil()
    made = trained(sample, folders, progress)
    read(made.folder)
    assert len(progress.said("tracked")) == 1 and len(progress.said(str(folders.spool))) == 1
    assert evaluated(made, folders, progress) or not made.run_id


def test_a_spool_that_loses_its_head_ends_no_training(sample, folders, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")

    def spoil():
        (header,) = folders.spool.glob("*/spool.json")
        header.write_text("{")

    progress = Listener({2: spoil})
    read(trained(sample, folders, progress).folder)
    assert progress.said("spool.json can't be read")


def test_a_server_that_refuses_a_run_does_so_before_anything_is_trained(
    served, sample, folders, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", served.address)
    client = MlflowClient(served.address)
    client.delete_experiment(client.create_experiment("refused"))
    with pytest.raises(UnavailableError, match="'refused' has been deleted"):
        trained(sample, folders, experiment="refused")
    assert not list(folders.spool.glob("[!.]*")) and not folders.models.exists()


def test_a_run_that_the_server_does_not_know_does_not_go_on(served, sample, folders, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", served.address)
    stopped(sample, folders, "known")
    assert sync().exit_code == 0
    client = MlflowClient(served.address)
    (run,) = client.search_runs([client.get_experiment_by_name("known").experiment_id])
    client.delete_run(run.info.run_id)
    with pytest.raises(UnavailableError, match="the run known has been deleted") as caught:
        gone_on(sample, folders, "known")
    assert f"mlflow runs restore --run-id {run.info.run_id}" in caught.value.hint
    found = checkpoint.newest(folders.checkpoints / "known", pytest.fail)
    found.state["job"]["record"]["run"]["id"] = "0" * 32
    with pytest.raises(MissingFileError, match="the run known is not in"):
        resume(sample, found, folders)
    assert not list(folders.spool.glob("[!.]*"))
    client.restore_run(run.info.run_id)
    gone_on(sample, folders, "known")
    assert sync().exit_code == 0
    check_whole(served.address, "known", evaluations=0, stopped=1)


@pytest.mark.parametrize("early", [False, True])
def test_a_run_in_a_file_goes_on_whether_its_spool_can_be_sent_or_not(sample, folders, early):
    address, number = store.tracking_uri(folders), []

    def delete():
        client = MlflowClient(address)
        number.append(client.get_experiment_by_name("file").experiment_id)
        client.delete_experiment(number[0])

    with pytest.raises(KeyboardInterrupt):
        trained(sample, folders, Listener({1: delete, 2: stopper}), name="file", experiment="file")
    assert pending(folders)
    if early:
        MlflowClient(address).restore_experiment(number[0])
    made = gone_on(sample, folders, "file")
    assert bool(pending(folders)) != early
    if not early:
        assert evaluated(made, folders)  # with its run
        MlflowClient(address).restore_experiment(number[0])
        assert sync().exit_code == 0
    check_whole(address, "file", evaluations=int(not early), stopped=1)


def test_an_evaluation_is_said_of_no_other_run(served, sample, folders, monkeypatch):
    made = trained(sample, folders, epochs=1, snapshots="off")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", served.address)
    assert not evaluated(made, folders)
    assert not list(folders.spool.glob("[!.]*"))
    # Away, it waits; a second one, of another process, joins it.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    for expected in ("is kept in", "with its run"):
        progress = Listener()
        assert evaluated(made, folders, progress)
        assert progress.said(expected) and progress.said("Try: sentiment sync")
        for header in folders.spool.glob("*/spool.json"):
            told = json.loads(header.read_text())
            header.write_text(json.dumps(told | {"writer": {}}))
    assert pending(folders) == 2


@pytest.mark.parametrize("through", ["a server", "a file"])
def test_an_experiment_deleted_between_two_epochs_costs_no_epoch(
    served, sample, folders, monkeypatch, through
):
    if through == "a server":
        monkeypatch.setenv("MLFLOW_TRACKING_URI", served.address)
    address, number = store.tracking_uri(folders), []

    def delete():
        client = MlflowClient(address)
        number.append(client.get_experiment_by_name("deleted").experiment_id)
        client.delete_experiment(number[0])

    progress = Listener({1: delete})
    made = trained(sample, folders, progress, experiment="deleted")
    assert evaluated(made, folders, progress)
    assert progress.said("Try: sentiment sync") and pending(folders)
    result = sync()
    assert result.exit_code == 1 and "'deleted' has been deleted" in result.stderr
    restore = f"MLFLOW_TRACKING_URI={address} mlflow experiments restore --experiment-id"
    assert f"Try: {restore} {number[0]}" in result.stderr
    MlflowClient(address).restore_experiment(number[0])
    assert sync().exit_code == 0
    check_whole(address, "deleted")


def test_nothing_to_send_is_a_sentence(folders):
    result = sync()
    assert result.exit_code == 0 and "Nothing to send" in result.stdout


def test_a_damaged_spool_holds_no_other_up(served, sample, folders, monkeypatch):
    kept(sample, folders, monkeypatch, "other", epochs=1)
    readdress(folders, served.address)
    (folders.spool / "0-damaged").mkdir()
    (folders.spool / "0-damaged" / "spool.json").write_text("{")
    result = sync()
    assert result.exit_code == 1 and "0-damaged" in result.stderr and "1 run sent" in result.stdout
    check_whole(served.address, "other", epochs=1)


def test_a_run_that_is_being_sent_is_left_to_who_sends_it(served, sample, folders, monkeypatch):
    made = kept(sample, folders, monkeypatch, "busy", epochs=1)
    readdress(folders, served.address)
    (waiting,) = queue.list_queues(folders)
    with waiting.held() as mine:
        assert mine
        result = sync()
    assert result.exit_code == 1 and f"the training of {made.name} is sending it" in result.stderr
    assert sync().exit_code == 0
    check_whole(served.address, "busy", epochs=1)


def test_what_a_store_says_is_told_apart():
    """A store that is away may take a run later; one that refuses it will refuse it again."""
    away = MlflowException("busy", error_code=TEMPORARILY_UNAVAILABLE)
    with pytest.raises(connection.StoreUnreachableError, match="does not answer: busy"):
        raise connection._named(away, "http://there")
    refusal = MlflowException("no", error_code=INVALID_PARAMETER_VALUE)
    assert "refuses a run: no" in connection._named(refusal, "http://there").fact
    own = UnavailableError("it is deleted")
    assert connection._named(own, "http://there") is own
