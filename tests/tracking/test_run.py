"""Runs in a real MLflow store: what they hold, and how they end."""

import dataclasses
import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data.prepare import prepare
from sentiment.errors import InputError, SentimentError, UnavailableError
from sentiment.evaluation.evaluate import evaluate, load_test_split, save_metrics
from sentiment.inference.bundle import read
from sentiment.inference.classifier import Classifier
from sentiment.tracking import run as runs
from sentiment.tracking import server, store
from sentiment.training.train import train
from sentiment.utils.paths import ProjectPaths
from tests.helpers.commands import start

EPOCHS = 2
SMALL = ModelSettings(units=4, embedding=4, bidirectional=False)
load_test_split.__test__ = False  # a function of the stage, not a test


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return ProjectPaths(tmp_path_factory.mktemp("project with spaces"))


@pytest.fixture(scope="module")
def sample(folders):
    return prepare(PrepareSettings(dataset="sample"), folders)[0]


@pytest.fixture(scope="module")
def trained(sample, folders):
    made = train(sample, SMALL, TrainSettings(epochs=EPOCHS, own_labels=0), folders)
    opened = read(made.folder)
    data = load_test_split(opened, folders)
    result = evaluate(opened, data)
    save_metrics(opened, result, data)
    dataset = runs.Dataset("test", "testing", data.digest, {})
    assert runs.log_evaluation(
        folders,
        made.run_id,
        metrics=result.as_metrics("test"),
        mistakes=result.mistakes_table(),
        predictions={"probabilities": result.probabilities, "labels": data.labels},
        dataset=dataset,
    )
    return made


@pytest.fixture(scope="module")
def client(trained, folders):
    return MlflowClient(store.tracking_uri(folders))


def snapshot(client, run_id, epoch, folder):
    """Return the arrays of a snapshot by name."""
    folder.mkdir(exist_ok=True)
    path = f"hidden_states/epoch_{epoch:02d}.npz"
    return np.load(client.download_artifacts(run_id, path, folder), allow_pickle=False)


def paths(client, run_id, folder=None):
    found = client.list_artifacts(run_id, folder)
    return {item.path for item in found}


def test_a_run_names_every_setting_and_version(trained, client):
    run = client.get_run(trained.run_id)
    assert run.info.status == "FINISHED"
    chosen = (PrepareSettings, ModelSettings, TrainSettings)
    names = {declared.name for kind in chosen for declared in dataclasses.fields(kind)}
    params = run.data.params
    assert params.keys() == names | {"recipe"}
    assert params["units"] == "4" and params["learning_rate"] == str(TrainSettings().learning_rate)
    assert params["dataset"] == "sample" and params["vocabulary"] == "80000"
    assert {"version.tensorflow", "version.mlflow", "version.numpy"} <= run.data.tags.keys()


def test_the_name_of_a_run_says_recipe_units_readout_and_test_accuracy(trained, client):
    run = client.get_run(trained.run_id)
    accuracy = run.data.metrics["test/accuracy"]
    assert re.fullmatch(
        rf"{100 * accuracy:.2f}% sample-default-rnn4-last-seed0-\d{{4}}-\d{{6}}", run.info.run_name
    )
    assert run.info.run_name.split()[1] == run.data.tags["model"] == trained.name


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


def test_an_epoch_leaves_arrays_and_three_pictures(trained, client, tmp_path):
    names = {f"hidden_states/epoch_{n:02d}.npz" for n in (0, 1, 2)} | {"hidden_states/probes.json"}
    assert paths(client, trained.run_id, "hidden_states") == names
    images = [path for path in paths(client, trained.run_id, "images") if path.endswith(".png")]
    for key in ("hidden_states", "projection", "sentences"):
        shown = [path for path in images if path.startswith(f"images/{key}+")]
        assert len(shown) == 1 + EPOCHS, images
    arrays = snapshot(client, trained.run_id, 2, tmp_path)
    count = len(arrays["ids"])
    assert arrays["states"].shape == (count, 4) and arrays["states"].dtype == np.float32
    assert arrays["labels"].shape == arrays["probabilities"].shape == (count,)
    assert arrays["points"].shape == (count, 2)
    assert arrays["negation/words"][0] == "this"


def test_the_last_snapshot_is_what_the_model_says(trained, client, tmp_path):
    arrays = snapshot(client, trained.run_id, trained.best.epoch, tmp_path)
    said = Classifier(read(trained.folder)).predict(["This film is not good at all."])
    place = arrays["ids"].tolist().index("negation")
    assert arrays["probabilities"][place] == pytest.approx(said[0], abs=1e-6)


def test_another_run_shows_the_same_probes(trained, sample, folders, client, tmp_path):
    settings = TrainSettings(epochs=1, seed=7, batch_size=16)
    other = train(sample, ModelSettings(units=3, ngrams=1), settings, folders)
    first = snapshot(client, trained.run_id, 1, tmp_path / "first")
    second = snapshot(client, other.run_id, 1, tmp_path / "second")
    np.testing.assert_array_equal(first["ids"], second["ids"])
    np.testing.assert_array_equal(first["labels"], second["labels"])
    assert {0, 1, -1} == set(first["labels"].tolist())


def test_the_table_has_unique_samples_and_a_picture_in_each_row(trained, client, tmp_path):
    path = client.download_artifacts(trained.run_id, "hidden_states/probes.json", tmp_path)
    stored = json.loads(Path(path).read_text())
    assert stored["columns"] == ["sample", "prediction", "label", "trajectory"]
    samples = [row[0] for row in stored["data"]]
    assert len(set(samples)) == len(samples)
    for row in stored["data"]:
        assert re.fullmatch(r"(positive|negative) [01]\.\d\d", row[1])
        assert row[2] in ("positive", "negative", "none")
        assert row[3]["type"] == "image"


@pytest.mark.parametrize("often", ["off", "batch:2"])
def test_snapshots_are_taken_as_often_as_was_asked(often, sample, folders, client):
    settings = TrainSettings(epochs=1, own_labels=0, batch_size=64)
    made = train(sample, SMALL, settings, folders, snapshots=often)
    found = paths(client, made.run_id, "hidden_states")
    # 216 reviews are learnt from, in 4 batches.
    expected = {"batch_000002.npz", "batch_000004.npz", "probes.json"}
    expected |= {"epoch_00.npz", "epoch_01.npz"}
    assert found == {f"hidden_states/{name}" for name in expected if often != "off"}


def test_another_cadence_is_refused(sample, folders):
    with pytest.raises(InputError, match="off, epoch or batch:N, got 'batch:0'"):
        train(sample, SMALL, TrainSettings(), folders, snapshots="batch:0")


def test_each_epoch_is_a_logged_model_with_its_validation_metrics(trained, client):
    found = client.search_logged_models(
        [client.get_run(trained.run_id).info.experiment_id],
        filter_string=f"source_run_id = '{trained.run_id}'",
    )
    losses = {
        metric.step: metric.value
        for model in found
        for metric in model.metrics
        if metric.key == "validation/loss"
    }
    assert losses == {
        report.epoch: pytest.approx(report.validation_loss) for report in trained.epochs
    }


def test_the_best_epoch_is_registered(trained, client):
    run = client.get_run(trained.run_id)
    versions = client.search_model_versions(f"run_id = '{trained.run_id}'")
    assert [version.name for version in versions] == ["sentiment"]
    model_id = run.data.tags["model_id"]
    assert versions[0].source == f"models:/{model_id}"
    steps = {
        metric.step
        for metric in client.get_logged_model(model_id).metrics
        if metric.key == "validation/loss"
    }
    assert steps == {trained.best.epoch}


def test_the_logged_model_gives_the_probabilities_of_the_bundle(trained, client):
    mlflow.set_tracking_uri(client.tracking_uri)
    model = mlflow.pyfunc.load_model(
        f"models:/{client.get_run(trained.run_id).data.tags['model_id']}"
    )
    texts = ["A wonderful film.", "Dreadful, dull and far too long."]
    expected = Classifier(read(trained.folder)).predict(texts)
    np.testing.assert_allclose(model.predict(texts), expected, atol=1e-7)
    assert model.metadata.signature is not None
    assert model.input_example is not None


def test_the_logged_model_needs_neither_tensorflow_nor_this_package(trained, client, tmp_path):
    code = """
import sys
for name in ("tensorflow", "keras", "tensorflow_datasets", "matplotlib", "typer"):
    sys.modules[name] = None
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
assert len(model.predict(["A film."])) == 1
import sentiment
print(sentiment.__file__)
"""
    # Started elsewhere and without the site's packages of this project: the model brings its own.
    command = [sys.executable, "-c", code, client.tracking_uri]
    command.append(f"models:/{client.get_run(trained.run_id).data.tags['model_id']}")
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert "artifacts" in ended.stdout.splitlines()[-1]


def test_an_evaluation_is_logged_to_the_run_that_made_the_model(trained, client):
    run = client.get_run(trained.run_id)
    assert run.info.status == "FINISHED"
    record = read(trained.folder).record
    assert run.data.metrics["test/accuracy"] == pytest.approx(record["metrics"]["test/accuracy"])
    names = {"evaluation/test_mistakes.json", "evaluation/test_predictions.npz"}
    assert paths(client, trained.run_id, "evaluation") == names
    model = client.get_logged_model(run.data.tags["model_id"])
    assert "test/accuracy" in {metric.key for metric in model.metrics}


def test_an_evaluation_of_a_run_of_another_store_is_not_logged(folders):
    dataset = runs.Dataset("test", "testing", "0" * 16, {})
    arguments = {"metrics": {}, "mistakes": {}, "predictions": {}, "dataset": dataset}
    assert not runs.log_evaluation(folders, "0" * 32, **arguments)


def test_an_exception_ends_a_run_as_failed(sample, folders, client, tmp_path):
    (tmp_path / "data").mkdir()
    # Where the models should lie there is a file: the run has trained and can't save.
    elsewhere = ProjectPaths(tmp_path)
    (tmp_path / "data" / "models").write_text("in the way")
    with pytest.raises(SentimentError, match="can't write in"):
        train(sample, SMALL, TrainSettings(epochs=1), elsewhere)
    found = MlflowClient(store.tracking_uri(elsewhere)).search_runs(["1"])
    assert [run.info.status for run in found] == ["FAILED"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_process_that_is_stopped_leaves_a_killed_run(tmp_path, number, status):
    words = ["--dataset", "sample", "--epochs", "1000", "--patience", "1000"]
    process = start("train", *words, home=tmp_path)
    for line in process.stdout:
        if line.startswith("epoch 2/"):
            process.send_signal(number)
            break
    said, errors = process.communicate(timeout=60)
    assert process.returncode == status, errors
    assert "Traceback" not in errors
    assert "sentiment train --resume sample-" in said
    found = MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db").search_runs(["1"])
    assert [run.info.status for run in found] == ["KILLED"]


def test_two_first_uses_at_once_make_one_store(tmp_path):
    code = (
        "from pathlib import Path; from sentiment.tracking import server;"
        "from sentiment.utils.paths import ProjectPaths;"
        f"print(server.ui_url(ProjectPaths(Path({str(tmp_path)!r})), 'sentiment', ''))"
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
        server.ui_url(folders, "sentiment", "")
    assert time.monotonic() - started < 60


def test_where_nothing_is_tracked_nothing_is_written(sample, tmp_path):
    made = train(sample, SMALL, TrainSettings(epochs=1), ProjectPaths(tmp_path), track=False)
    assert made.run_id == ""
    assert not (tmp_path / "mlruns").exists()


def test_the_ui_serves_the_store_on_this_machine_alone(trained, folders):
    port = server.free_port(0)
    address = f"http://127.0.0.1:{port}"
    started = server.start_ui(folders, port)
    with server.running(started, f"{address}/health"):
        request = f"{address}/api/2.0/mlflow/runs/get?run_id={trained.run_id}"
        with urllib.request.urlopen(request, timeout=30) as page:
            assert trained.name.encode() in page.read()
        # All of 127 is this machine's own: a server that listened everywhere would be there too.
        with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), 5):
            pass
    assert started.poll() is not None
    assert not group(started.pid)


def group(number):
    """Return the processes of a process group that are still there."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, members_of = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(members_of) == number and state != "Z":
            members.append(stat.parent.name)
    return members


def test_a_server_that_does_not_start_is_a_clear_error(folders):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        started = server.start_ui(folders, port)
        address = f"http://127.0.0.1:{port}/health"
        with (
            pytest.raises(UnavailableError, match="did not start"),
            server.running(started, address),
        ):
            pytest.fail("something else answered")
    assert not group(started.pid)
