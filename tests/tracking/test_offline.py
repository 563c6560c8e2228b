"""Queues of runs that wait to be sent, and what they have sent to a store."""

import json
import math
import shutil

import numpy as np
import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.errors import DamagedFileError, MovedError
from sentiment.tracking import history, process, store, tags
from sentiment.tracking.offline import operations, queue, replay, tracker, uploader
from sentiment.tracking.offline.queue import OfflineQueue
from sentiment.tracking.offline.run import FallbackRun
from sentiment.tracking.offline.sync import sync
from sentiment.tracking.run import MlflowRun
from sentiment.tracking.run_logger import Dataset
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress
from tests.helpers.build import tiny_bundle

DATASET = Dataset("sample", "training", "0" * 64, {"dataset": "sample"})
PIXELS = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


@pytest.fixture
def paths(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return ProjectPaths(tmp_path)


@pytest.fixture
def new_queue(paths):
    """An empty queue for the store on this machine."""
    return OfflineQueue.create(paths, uri=store.tracking_uri(paths), name="run")


def write_operation(folder, number, kind, time, fields, arrays=None):
    """Write an operation as JSON, with its arrays."""
    operation = folder / f"{number:06d}-{kind}"
    operation.mkdir()
    content = {"kind": kind, "time": time, **fields}
    (operation / "operation.json").write_text(json.dumps(content))
    if arrays:
        np.savez_compressed(operation / "arrays.npz", **arrays)
    return operation


def write_early_queue(paths):
    """Write a queue as the first version with queues did, by hand."""
    folder = paths.spool / "1700000000000-0123abcd"
    folder.mkdir(parents=True)
    header = {
        "id": "0123456789abcdef0123456789abcdef",
        "uri": store.tracking_uri(paths),
        "name": "early",
        "ended": True,
        "writer": {"host": "another.machine", "process": "77 0123abcd/4026531836/1234"},
    }
    (folder / "spool.json").write_text(json.dumps(header))
    (folder / "trouble").write_text("the tracking store does not answer")
    tiny_bundle(folder / "bundles" / "000003" / "bundle")
    dataset = {"name": "s", "context": "training", "digest": "0" * 64, "source": {"dataset": "s"}}
    predictions = {
        "probabilities": np.array([0.25, 0.75], np.float32),
        "labels": np.array([0, 1], np.int8),
    }
    evaluation = {
        "metrics": {"test/accuracy": "1.0", "test/roc_auc": "nan"},
        "mistakes": {"text": ["A film."], "label": ["negative"]},
        "dataset": dataset | {"name": "test", "context": "testing"},
    }
    table = {"sample": ["01 A film."], "trajectory": [{"array": "0"}]}
    tags = {"model": "early", "host": "another.machine"}
    for number, (kind, fields, arrays) in enumerate(
        [
            ("start", {"experiment": "early", "tags": tags}, None),
            ("begin", {"settings": {"units": "4"}, "datasets": [dataset]}, None),
            ("epoch", {
                "metrics": {"train/loss": "0.5", "validation/loss": "inf"},
                "step": 1,
                "again": False,
            }, None),
            ("arrays", {"path": "hidden_states/epoch_01.npz"}, {"ids": np.array(["a"])}),
            ("image", {"key": "projection", "step": 1}, {"pixels": PIXELS}),
            ("again", {"tags": {"host": "this.machine"}}, None),
            ("table", {"columns": table, "path": "hidden_states/probes.json"}, {"0": PIXELS}),
            ("text", {"text": "a report", "path": "report.html"}, None),
            ("tag", {"name": "diagnosis", "text": "all is well"}, None),
            ("best", {"model": "1"}, None),
            ("end", {"status": "FINISHED"}, None),
            ("evaluation", evaluation, predictions),
        ],
        1,
    ):  # fmt: skip
        operation = write_operation(folder, number, kind, 1700000000000 + number, fields, arrays)
        if number > 5:
            (operation / "begun").touch()


def test_a_queue_of_an_earlier_version_is_sent(paths):
    write_early_queue(paths)
    (result,) = sync(paths, Progress())
    assert (result.name, result.left, result.trouble) == ("early", 0, None)
    assert not list(paths.spool.glob("[!.]*"))
    (run,) = history.list_runs(paths, "early")
    assert (run.name, run.status) == ("100.00% early", "FINISHED")
    assert run.started.timestamp() == 1700000000.001 and run.parameters == {"units": "4"}
    assert run.metrics["validation/loss"] == math.inf and run.metrics["train/loss"] == 0.5
    assert math.isnan(run.metrics["test/roc_auc"])
    assert run.tags["host"] == "this.machine" and run.tags["diagnosis"] == "all is well"
    assert run.tags[tags.QUEUE] == "0123456789abcdef0123456789abcdef"
    assert history.load_predictions(paths, run).probabilities.tolist() == [0.25, 0.75]
    client = MlflowClient(store.tracking_uri(paths))
    (model,) = client.search_logged_models([client.get_run(run.id).info.experiment_id])
    assert run.tags[tags.BEST_MODEL] == model.model_id
    found = {item.path for item in client.list_artifacts(run.id)}
    assert found >= {"report.html", "hidden_states", "images", "evaluation"}
    probes = client.download_artifacts(run.id, "hidden_states/probes.json", paths.root)
    with open(probes) as file:  # noqa: PTH123
        assert json.load(file)["data"][0][1]["type"] == "image"


@pytest.mark.parametrize(
    "payload",
    [
        operations.Start("an experiment", {"model": "run"}),
        operations.Begin({"units": "4"}, [DATASET]),
        operations.Resume({"host": "this.machine"}),
        operations.Epoch({"loss": math.inf, "accuracy": 0.1}, 3, True),
        operations.Best("3"),
        operations.Arrays("a/b.npz"),
        operations.Image("projection", 2),
        operations.Table({"a": [1, "b"]}, "table.json"),
        operations.Text("a text", "a.txt"),
        operations.Tag("name", "text"),
        operations.Evaluation({"test/loss": -math.inf}, {"text": ["a"]}, DATASET),
        operations.End("KILLED"),
    ],
    ids=lambda payload: payload.kind,
)
def test_an_operation_is_read_back_as_it_was_queued(new_queue, payload):
    new_queue.append(payload)
    operation = next(new_queue.operations())
    assert operation.payload == payload and operation.number == 1


def test_a_table_is_queued_without_its_arrays_and_read_back_with_them():
    columns = {"a": [1, PIXELS], "b": [PIXELS + 1, "text"]}
    table, arrays = operations.Table.split(columns, "table.json")
    assert table.columns == {"a": [1, {"array": "0"}], "b": [{"array": "1"}, "text"]}
    joined = table.joined(arrays)
    assert joined["a"][0] == 1 and joined["b"][1] == "text"
    np.testing.assert_array_equal(joined["a"][1], PIXELS)
    np.testing.assert_array_equal(joined["b"][0], PIXELS + 1)


@pytest.mark.parametrize(
    "content", ['{"kind": "unknown", "time": 1}', '{"kind": "tag", "time": 1}', "{}", "[]", "{"]
)
def test_a_damaged_operation_is_named(paths, new_queue, content):
    operation = new_queue.folder / "000001-tag"
    operation.mkdir()
    (operation / "operation.json").write_text(content)
    replay.send(paths, new_queue)
    (result,) = sync(paths, Progress())
    assert result.damaged == (new_queue.folder / "damaged-000001-tag",)
    assert (result.damaged[0] / "operation.json").read_text() == content


def cut(path):
    """Leave the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES = {
    "json": lambda queue: cut(queue / "000002-epoch" / "operation.json"),
    "gone": lambda queue: (queue / "000002-epoch" / "operation.json").unlink(),
    "weights": lambda queue: cut(queue / "bundles" / "000002" / "bundle" / "weights.npz"),
    "model": lambda queue: shutil.rmtree(queue / "bundles" / "000002"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_epoch_is_set_aside_and_all_else_is_sent(paths, new_queue, tmp_path, damage):
    bundle = tiny_bundle(tmp_path / "made" / "bundle").folder
    new_queue.append(operations.Start("e", {}))
    for step in (1, 2):
        new_queue.append(operations.Epoch({"loss": 0.5}, step, resumed=False), bundle=bundle)
    new_queue.append(operations.Tag("colour", "red"))
    new_queue.append(operations.Best("2"))
    new_queue.append(operations.End("FINISHED"))
    new_queue.update_header(ended=True)
    damage(new_queue.folder)
    healthy = OfflineQueue.create(paths, uri=store.tracking_uri(paths), name="second")
    healthy.append(operations.Start("e", {}))
    healthy.update_header(ended=True)
    (new_queue.folder / "1x-odd").mkdir()  # not ours
    for _ in range(2):  # the second time there is nothing more to send
        result = CliRunner().invoke(app, ["sync"], env={"SENTIMENT_HOME": str(paths.root)})
        assert result.exit_code == 1
        folder = new_queue.folder / "damaged-000002-epoch"
        assert f"not sent, since it is damaged: {folder}\n" in result.stderr
        assert "1 operation damaged; the rest of these runs is sent" in result.stderr
    assert folder.is_dir() and not healthy.folder.exists()
    second, first = history.list_runs(paths, "e")
    assert {first.name, second.name} == {"run", "second"}
    first = next(run for run in (first, second) if run.name == "run")
    assert first.status == "FINISHED" and first.tags["colour"] == "red"
    assert history.metric_curve(paths, first, "loss") == [(2, 0.5)]
    shutil.rmtree(folder)
    result = CliRunner().invoke(app, ["sync"], env={"SENTIMENT_HOME": str(paths.root)})
    assert result.exit_code == 0 and not new_queue.folder.exists()


def test_without_its_start_nothing_of_a_run_is_set_aside(paths, new_queue):
    new_queue.append(operations.Start("e", {}))
    new_queue.append(operations.Tag("colour", "red"))
    cut(new_queue.folder / "000001-start" / "operation.json")
    with pytest.raises(DamagedFileError, match=r"000001-start/operation\.json"):
        replay.send(paths, new_queue)
    assert new_queue.pending() == 2 and not new_queue.damaged()


@pytest.mark.parametrize("path", ["../x.txt", "/x.txt", "a/../../x.txt", "", "a\nb.txt"])
def test_an_operation_with_a_path_that_leads_elsewhere_is_set_aside(paths, new_queue, path):
    new_queue.append(operations.Start("e", {}))
    new_queue.append(operations.Text("text", path))
    replay.send(paths, new_queue)
    assert [folder.name for folder in new_queue.damaged()] == ["damaged-000002-text"]


def test_a_header_is_what_its_json_says(new_queue):
    path = new_queue.folder / "spool.json"
    content = json.loads(path.read_text())
    assert list(content) == ["id", "uri", "name", "ended", "writer"]
    assert content["name"] == "run" and content["writer"] == process.process_tags()
    new_queue.update_header(ended=True)
    assert json.loads(path.read_text()) == content | {"ended": True}
    path.write_text('{"id": "1"}')
    with pytest.raises(DamagedFileError, match=r"spool\.json"):
        _ = new_queue.header


def test_a_queue_is_removed_once_its_process_has_ended_and_all_is_sent(paths, new_queue):
    new_queue.append(operations.Tag("name", "text"))
    assert not new_queue.remove_if_done()
    new_queue.mark_sent(next(new_queue.operations()))
    assert not new_queue.remove_if_done()  # this process may add more
    new_queue.update_header(ended=True)
    assert new_queue.remove_if_done() and not queue.list_queues(paths)


class UploaderProcess:
    """Stands for the process that sends: sends an operation at each of some times, in seconds."""

    def __init__(self, queue, times):
        self.queue, self.times, self.now, self.killed = queue, times, 0.0, False

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        while self.times and self.times[0] <= self.now:
            self.times.pop(0)
            self.queue.mark_sent(next(self.queue.operations()))

    def poll(self):
        return None

    def kill(self):
        self.killed = True

    def wait(self):
        assert self.killed


@pytest.mark.parametrize(
    ("times", "seconds", "left"),
    [
        ([], 5.0, 40),  # nothing is sent
        ([1.0] * 40, 1.0, 0),  # all is sent at once
        ([n / 5 for n in range(1, 41)], 8.0, 0),  # a quick store receives all
        ([n * 2.0 for n in range(1, 41)], 5.75, 38),  # two operations, a quarter second for each
    ],
)
def test_the_end_of_a_training_waits_only_for_a_quick_store(
    paths, new_queue, monkeypatch, times, seconds, left
):
    for _ in range(40):
        new_queue.append(operations.Tag("name", "text"))
    process = UploaderProcess(new_queue, list(times))
    monkeypatch.setattr(uploader, "time", process)
    sending = uploader.Uploader(paths, new_queue)
    sending._process = process
    sending.finish()
    assert process.killed and new_queue.pending() == left
    assert process.now == pytest.approx(seconds, abs=0.3)


def test_the_end_of_a_training_does_not_wait_for_a_store_that_fails(paths, new_queue, monkeypatch):
    new_queue.append(operations.Tag("name", "text"))
    new_queue.last_error = "the tracking store does not answer"
    process = UploaderProcess(new_queue, [])
    monkeypatch.setattr(uploader, "time", process)
    sending = uploader.Uploader(paths, new_queue)
    sending._process = process
    sending.finish()
    assert process.killed and process.now == 0 and new_queue.pending() == 1


class FailingRun:
    """A run whose store fails from a moment on."""

    id, name = "an id", "a name"

    def __init__(self):
        self.tags, self.fails = {}, False

    def set_tag(self, name, text):
        if self.fails:
            raise OSError("the disk is gone")
        self.tags[name] = text


def test_a_run_whose_store_fails_goes_on_in_its_fallback():
    first, second, errors = FailingRun(), FailingRun(), []

    def open_fallback(error):
        errors.append(str(error))
        return second

    run = FallbackRun(first, open_fallback)
    run.set_tag("a", "1")
    first.fails = True
    run.set_tag("b", "2")
    run.set_tag("c", "3")
    assert (first.tags, second.tags) == ({"a": "1"}, {"b": "2", "c": "3"})
    assert errors == ["the disk is gone"]
    second.fails = True
    with pytest.raises(OSError, match="the disk is gone"):
        run.set_tag("d", "4")


def test_a_run_without_a_fallback_logs_nothing_more(tmp_path):
    first = FailingRun()
    first.fails = True
    run = FallbackRun(first, lambda error: None)
    run.set_tag("a", "1")
    assert run.log_epoch({}, 1, tmp_path) == "" and run.models([1]) == {}
    assert run.end("FINISHED") is None


def test_a_fallback_does_not_bring_back_a_project_that_was_moved(tmp_path, paths, monkeypatch):
    def fail(*_):
        raise OSError("the disk is gone")

    project = tmp_path / "project"
    project.mkdir()
    held = ProjectPaths(project).held()
    start = tracker.RunStart("sentiment", "moving", {}, [DATASET])
    with pytest.raises(MovedError), tracker.track_run(held, start, lambda _: None) as run:
        monkeypatch.setattr(MlflowRun, "set_tag", fail)
        run.set_tag("a", "1")
        assert [*held.spool.glob("[!.]*")]
        project.rename(tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
