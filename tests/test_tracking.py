"""Runs in a real MLflow store: what they hold, and how they end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from sentiment import tracking
from sentiment.bundle import read
from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.errors import SentimentError, UnavailableError
from sentiment.evaluate import evaluate, keep, test_split
from sentiment.folders import Folders
from sentiment.prepare import prepare
from sentiment.runtime import Classifier
from sentiment.train import train

EPOCHS = 2
SMALL = ModelSettings(units=4, embedding=4, bidirectional=False)
test_split.__test__ = False  # a function of the stage, not a test


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return Folders(tmp_path_factory.mktemp("project with spaces"))


@pytest.fixture(scope="module")
def sample(folders):
    return prepare(PrepareSettings(dataset="sample"), folders)[0]


@pytest.fixture(scope="module")
def trained(sample, folders):
    made = train(sample, SMALL, TrainSettings(epochs=EPOCHS, own_labels=0), folders)
    opened = read(made.folder)
    data = test_split(opened, folders)
    result = evaluate(opened, data)
    keep(opened, result, data)
    dataset = tracking.Dataset("test", "testing", data.digest, {})
    assert tracking.log_evaluation(
        folders,
        made.run_id,
        metrics=result.as_metrics("test"),
        mistakes=result.mistakes_table(),
        dataset=dataset,
    )
    return made


@pytest.fixture(scope="module")
def client(trained, folders):
    return MlflowClient(tracking.store_uri(folders))


def table(client, run_id, epoch, folder):
    """Return the columns of a snapshot's table by name."""
    folder.mkdir(exist_ok=True)
    path = f"hidden_states/epoch_{epoch:02d}.json"
    stored = json.loads(Path(client.download_artifacts(run_id, path, folder)).read_text())
    return dict(zip(stored["columns"], zip(*stored["data"], strict=True), strict=True))


def paths(client, run_id, folder=None):
    found = client.list_artifacts(run_id, folder)
    return {item.path for item in found}


def test_a_run_names_every_setting_and_version(trained, client, sample):
    run = client.get_run(trained.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == trained.name
    params = run.data.params
    assert params["units"] == "4" and params["learning_rate"] == str(TrainSettings().learning_rate)
    assert params["dataset"] == "sample" and params["vocabulary"] == "80000"
    assert {"version.tensorflow", "version.mlflow", "version.numpy"} <= run.data.tags.keys()


def test_curves_have_a_point_for_each_epoch(trained, client):
    for name in ("train/loss", "train/accuracy", "validation/loss", "validation/accuracy"):
        history = client.get_metric_history(trained.run_id, name)
        assert [point.step for point in history] == [1, 2]
    last = client.get_metric_history(trained.run_id, "validation/loss")[-1]
    assert last.value == pytest.approx(trained.epochs[-1].validation_loss)


def test_datasets_are_inputs_with_their_digests(trained, client, sample):
    inputs = client.get_run(trained.run_id).inputs.dataset_inputs
    found = {entry.tags[0].value: entry.dataset.digest for entry in inputs}
    assert found == {
        "training": sample.splits["train"]["digest"][:16],
        "testing": sample.splits["test"]["digest"][:16],
    }


def test_snapshots_are_an_array_a_table_and_a_picture_for_each_epoch(trained, client, tmp_path):
    names = {f"hidden_states/epoch_{n:02d}.{kind}" for n in (1, 2) for kind in ("npz", "json")}
    assert paths(client, trained.run_id, "hidden_states") == names
    images = [path for path in paths(client, trained.run_id, "images") if path.endswith(".png")]
    assert len(images) == EPOCHS
    local = client.download_artifacts(trained.run_id, "hidden_states/epoch_02.npz", tmp_path)
    arrays = np.load(local)
    count = len(arrays["labels"])
    assert arrays["states"].shape == (count, 4) and arrays["states"].dtype == np.float32
    weights = read(trained.folder).weights
    if trained.best.epoch == EPOCHS:
        logits = arrays["states"] @ weights["classifier.kernel"] + weights["classifier.bias"]
        said = 1 / (1 + np.exp(-logits[:, 0]))
        np.testing.assert_allclose(arrays["probabilities"], said, atol=1e-6)
    columns = table(client, trained.run_id, 2, tmp_path)
    assert list(columns) == ["sample", "h1", "h2", "h3", "h4", "probability", "label"]
    np.testing.assert_allclose(columns["h3"], arrays["states"][:, 2], atol=5e-5)


def test_another_run_shows_the_same_probes(trained, sample, folders, client, tmp_path):
    settings = TrainSettings(epochs=1, seed=7, batch_size=16)
    other = train(sample, ModelSettings(units=3, ngrams=1), settings, folders)
    first = table(client, trained.run_id, 1, tmp_path / "first")
    second = table(client, other.run_id, 1, tmp_path / "second")
    assert first["sample"] == second["sample"]
    assert first["label"] == second["label"]
    assert {"positive", "negative"} == set(first["label"])


def test_the_logged_model_gives_the_probabilities_of_the_bundle(trained, client, folders):
    mlflow.set_tracking_uri(client.tracking_uri)
    outputs = client.get_run(trained.run_id).outputs.model_outputs
    model = mlflow.pyfunc.load_model(f"models:/{outputs[0].model_id}")
    texts = ["A wonderful film.", "Dreadful, dull and far too long."]
    expected = Classifier(read(trained.folder)).predict(texts)
    np.testing.assert_allclose(model.predict(texts), expected, atol=1e-7)
    assert model.metadata.signature is not None
    assert model.input_example is not None


def test_an_evaluation_is_logged_to_the_run_that_made_the_model(trained, client):
    run = client.get_run(trained.run_id)
    assert run.info.status == "FINISHED"
    record = read(trained.folder).record
    assert run.data.metrics["test/accuracy"] == pytest.approx(record["metrics"]["test/accuracy"])
    assert "evaluation/test_mistakes.json" in paths(client, trained.run_id, "evaluation")
    model = client.get_logged_model(run.outputs.model_outputs[0].model_id)
    assert "test/accuracy" in {metric.key for metric in model.metrics}


def test_an_evaluation_of_a_run_of_another_store_is_not_logged(folders):
    dataset = tracking.Dataset("test", "testing", "0" * 16, {})
    arguments = {"metrics": {}, "mistakes": {}, "dataset": dataset}
    assert not tracking.log_evaluation(folders, "0" * 32, **arguments)


def test_an_exception_ends_a_run_as_failed(sample, folders, client, tmp_path):
    (tmp_path / "data").mkdir()
    # Where the models should lie there is a file: the run has trained and can't save.
    elsewhere = Folders(tmp_path)
    (tmp_path / "data" / "models").write_text("in the way")
    with pytest.raises(SentimentError, match="can't write in"):
        train(sample, SMALL, TrainSettings(epochs=1), elsewhere)
    found = MlflowClient(tracking.store_uri(elsewhere)).search_runs(["1"])
    assert [run.info.status for run in found] == ["FAILED"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_process_that_is_stopped_leaves_a_killed_run(tmp_path, number, status):
    environment = {**os.environ, "SENTIMENT_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", "from sentiment.cli import main; main()", "train"]
    command += ["--dataset", "sample", "--epochs", "1000", "--patience", "1000"]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if line.startswith("epoch 2/"):
            process.send_signal(number)
            break
    _, errors = process.communicate(timeout=60)
    assert process.returncode == status, errors
    assert "Traceback" not in errors
    found = MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db").search_runs(["1"])
    assert [run.info.status for run in found] == ["KILLED"]


def test_two_first_uses_at_once_make_one_store(tmp_path):
    code = (
        "from pathlib import Path; from sentiment import tracking;"
        "from sentiment.folders import Folders;"
        f"print(tracking.ui_address(Folders(Path({str(tmp_path)!r})), 'sentiment', ''))"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    outputs = [racer.communicate(timeout=120) for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0], outputs
    assert len({out for out, _ in outputs}) == 1


def test_a_store_that_does_not_answer_is_a_clear_error(folders, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=r"http://127\.0\.0\.1:9 can't be used"):
        tracking.ui_address(folders, "sentiment", "")
    assert time.monotonic() - started < 60


def test_where_nothing_is_tracked_nothing_is_written(sample, tmp_path):
    made = train(sample, SMALL, TrainSettings(epochs=1), Folders(tmp_path), track=False)
    assert made.run_id == ""
    assert not (tmp_path / "mlruns").exists()


def test_the_ui_serves_the_store_on_this_machine_alone(trained, folders):
    import urllib.request

    port = tracking.free_port(0)
    server = tracking.start_ui(folders, port)
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as page:
                    assert page.read() == b"OK"
                break
            except OSError:
                time.sleep(0.2)
        else:
            pytest.fail("the server did not start in a minute")
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/2.0/mlflow/runs/get?run_id={trained.run_id}"
        )
        with urllib.request.urlopen(request, timeout=30) as page:
            assert trained.name.encode() in page.read()
    finally:
        tracking.stop_ui(server)
    assert server.poll() is not None
