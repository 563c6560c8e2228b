"""Runs in a real MLflow store: what they hold and how they end."""

import ast
import dataclasses
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import mlflow
import numpy as np
import psutil
import pytest
from mlflow import MlflowClient

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.errors import InputError, SentimentError, UnavailableError
from sentiment.evaluation.evaluate import evaluate, load_test_split, save_metrics
from sentiment.inference.bundle import read
from sentiment.inference.classifier import Classifier
from sentiment.tracking import registry, saved_view, server, store, tags
from sentiment.tracking import run as runs
from sentiment.tracking.run_logger import Dataset, EvaluationRecord
from sentiment.training.train import train
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.ports import free_port
from tests.helpers.commands import start
from tests.helpers.faulty import BREAK, faulty
from tests.helpers.logged import load_logged

EPOCHS = 2
SMALL = ModelSettings(units=4, embedding=4, bidirectional=False)
load_test_split.__test__ = False  # pytest would take it for a test


@pytest.fixture(scope="module")
def trained(sample, paths):
    trained = train(sample, SMALL, TrainSettings(epochs=EPOCHS, own_labels=0), paths)
    bundle = read(trained.folder)
    data = load_test_split(bundle, paths)
    result = evaluate(bundle, data)
    save_metrics(bundle, result, data, paths)
    evaluation = EvaluationRecord(
        metrics=result.as_metrics("test"),
        mistakes=result.mistakes_table(),
        predictions={"probabilities": result.probabilities, "labels": data.labels},
        dataset=Dataset("test", "testing", data.digest, {}),
        accuracy=result.scores.describe(),
    )
    assert runs.add_to_run(paths, trained.run_id, lambda run: run.log_evaluation(evaluation))
    return trained


@pytest.fixture(scope="module")
def client(trained, paths):
    return MlflowClient(store.tracking_uri(paths))


def snapshot(client, run_id, epoch, folder):
    """Return the arrays of an epoch's snapshot by name."""
    folder.mkdir(exist_ok=True)
    path = f"hidden_states/epoch_{epoch:02d}.npz"
    return np.load(client.download_artifacts(run_id, path, folder), allow_pickle=False)


def artifacts(client, run_id, folder=None):
    """Return the paths of a run's artifacts in a folder."""
    return {item.path for item in client.list_artifacts(run_id, folder)}


def test_a_run_names_every_setting_and_version(trained, client):
    run = client.get_run(trained.run_id)
    assert run.info.status == "FINISHED"
    classes = (PrepareSettings, ModelSettings, TrainSettings)
    names = {field.name for cls in classes for field in dataclasses.fields(cls)}
    params = run.data.params
    assert params.keys() == names | {"recipe", "train_positive_share", "test_positive_share"}
    assert params["train_positive_share"] == "0.5"
    assert params["units"] == "4" and params["learning_rate"] == str(TrainSettings().learning_rate)
    assert params["dataset"] == "sample" and params["vocabulary"] == "80000"
    for package in ("tensorflow", "mlflow", "numpy"):
        assert f"{package} {metadata.version(package)}" in run.data.tags["versions"]


def test_the_name_of_a_run_contains_recipe_units_readout_and_test_accuracy(trained, client):
    run = client.get_run(trained.run_id)
    accuracy = run.data.metrics["test/accuracy"]
    assert re.fullmatch(
        rf"{100 * accuracy:.2f}% sample-default-rnn4-last-seed0-\d{{4}}-\d{{6}}", run.info.run_name
    )
    assert run.info.run_name.split()[1] == run.data.tags["model"] == trained.name


def test_a_run_explains_itself_and_shows_nothing_internal(trained, client):
    run = client.get_run(trained.run_id)
    shown = {name: text for name, text in run.data.tags.items() if not name.startswith("mlflow.")}
    assert set(shown) == {
        "host", "model", "versions", "recipe", "dataset", "readout", "cell", "units", "seed",
        "command", "best_epoch", "test_accuracy",
    }  # fmt: skip
    assert shown["readout"] == "last" and shown["best_epoch"] == str(trained.best.epoch)
    assert shown["command"].startswith("sentiment train --dataset sample ")
    assert (
        f"{100 * run.data.metrics['test/accuracy']:.2f} % of 80 reviews" in shown["test_accuracy"]
    )
    note = run.data.tags["mlflow.note.content"]
    assert f"**Test accuracy: {shown['test_accuracy']}.**" in note and shown["command"] in note


def test_the_machine_is_measured_after_each_epoch_and_no_model_has_its_metrics(trained, client):
    points = client.get_metric_history(trained.run_id, "system/cpu_utilization_percentage")
    assert [point.step for point in points] == [1, 2]
    for model in runs.logged_models(client, trained.run_id):
        assert not any(metric.key.startswith("system/") for metric in model.metrics)


def test_models_are_named_and_described(trained, client):
    run = client.get_run(trained.run_id)
    models = runs.logged_models(client, trained.run_id)
    assert {model.name for model in models} == {f"{trained.name}-epoch-{n}" for n in (1, 2)}
    (version,) = client.search_model_versions(f"run_id = '{trained.run_id}'")
    assert trained.name in version.description
    assert run.data.tags["test_accuracy"] in version.description
    assert "SimpleRNN" in client.get_registered_model("sentiment").description


def test_an_experiment_has_a_saved_view_of_its_runs(trained, client):
    experiment = client.get_experiment(client.get_run(trained.run_id).info.experiment_id)
    view = json.loads(experiment.tags[saved_view.TAG])
    state = json.loads(view["state"])
    assert state["orderByKey"] == "metrics.`test/accuracy`" and state["orderByAsc"] is False
    sections = {section["uuid"] for section in state["compareRunSections"]}
    assert {chart["metricSectionId"] for chart in state["compareRunCharts"]} == sections


def test_curves_have_a_point_for_each_epoch(trained, client):
    for name in ("train/loss", "train/accuracy", "validation/loss", "validation/accuracy"):
        history = client.get_metric_history(trained.run_id, name)
        assert [point.step for point in history] == [1, 2]
    last = client.get_metric_history(trained.run_id, "validation/loss")[-1]
    assert last.value == pytest.approx(trained.epochs[-1].validation_loss)


def test_datasets_are_inputs_with_their_digests(trained, client, sample):
    inputs = client.get_run(trained.run_id).inputs.dataset_inputs
    assert {entry.tags[0].value: entry.dataset.digest for entry in inputs} == {
        "training": sample.splits["train"].digest[:16],
        "testing": sample.splits["test"].digest[:16],
    }


def test_an_epoch_logs_arrays_and_three_images(trained, client, tmp_path):
    names = {f"hidden_states/epoch_{n:02d}.npz" for n in (0, 1, 2)} | {"hidden_states/probes.json"}
    assert artifacts(client, trained.run_id, "hidden_states") == names
    images = [path for path in artifacts(client, trained.run_id, "images") if path.endswith(".png")]
    for key in ("hidden_states", "projection", "sentences"):
        series = [path for path in images if path.startswith(f"images/{key}+")]
        assert len(series) == 1 + EPOCHS, images
    arrays = snapshot(client, trained.run_id, 2, tmp_path)
    count = len(arrays["ids"])
    assert arrays["states"].shape == (count, 4) and arrays["states"].dtype == np.float32
    assert arrays["labels"].shape == arrays["probabilities"].shape == (count,)
    assert arrays["points"].shape == (count, 2)
    assert arrays["negation/words"][0] == "this"


def test_the_last_snapshot_has_the_predictions_of_the_model(trained, client, tmp_path):
    arrays = snapshot(client, trained.run_id, trained.best.epoch, tmp_path)
    expected = Classifier(read(trained.folder)).predict(["This film is not good at all."])
    index = arrays["ids"].tolist().index("negation")
    assert arrays["probabilities"][index] == pytest.approx(expected[0], abs=1e-6)


def test_another_run_has_the_same_probes(trained, sample, paths, client, tmp_path):
    settings = TrainSettings(epochs=1, seed=7, batch_size=16)
    other = train(sample, ModelSettings(units=3, ngrams=1), settings, paths)
    first = snapshot(client, trained.run_id, 1, tmp_path / "first")
    second = snapshot(client, other.run_id, 1, tmp_path / "second")
    np.testing.assert_array_equal(first["ids"], second["ids"])
    np.testing.assert_array_equal(first["labels"], second["labels"])
    assert {0, 1, -1} == set(first["labels"].tolist())


def test_the_table_has_unique_samples_and_an_image_in_each_row(trained, client, tmp_path):
    path = client.download_artifacts(trained.run_id, "hidden_states/probes.json", tmp_path)
    stored = json.loads(Path(path).read_text())
    assert stored["columns"] == ["sample", "prediction", "label", "trajectory"]
    samples = [row[0] for row in stored["data"]]
    assert len(set(samples)) == len(samples)
    for row in stored["data"]:
        assert re.fullmatch(r"(positive|negative) [01]\.\d\d", row[1])
        assert row[2] in ("positive", "negative", "none")
        assert row[3]["type"] == "image"


@pytest.mark.parametrize("schedule", ["off", "batch:2"])
def test_snapshots_are_taken_as_often_as_requested(schedule, sample, paths, client):
    settings = TrainSettings(epochs=1, own_labels=0, batch_size=64)
    result = train(sample, SMALL, settings, paths, snapshots=schedule)
    # An epoch has 216 reviews in 4 batches.
    expected = {"batch_000002.npz", "batch_000004.npz", "probes.json"}
    expected |= {"epoch_00.npz", "epoch_01.npz"}
    assert artifacts(client, result.run_id, "hidden_states") == {
        f"hidden_states/{name}" for name in expected if schedule != "off"
    }


def test_a_malformed_schedule_of_snapshots_is_refused(sample, paths):
    with pytest.raises(InputError, match="off, epoch or batch:N, got 'batch:0'"):
        train(sample, SMALL, TrainSettings(), paths, snapshots="batch:0")


def test_each_epoch_is_a_logged_model_with_its_validation_metrics(trained, client):
    models = client.search_logged_models(
        [client.get_run(trained.run_id).info.experiment_id],
        filter_string=f"source_run_id = '{trained.run_id}'",
    )
    losses = {
        metric.step: metric.value
        for model in models
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
    model_id = run.data.tags[tags.BEST_MODEL]
    assert versions[0].source == f"models:/{model_id}"
    steps = {
        metric.step
        for metric in client.get_logged_model(model_id).metrics
        if metric.key == "validation/loss"
    }
    assert steps == {trained.best.epoch}
    stored = run.data.metrics
    assert stored["best/epoch"] == trained.best.epoch
    assert stored["best/validation/loss"] == pytest.approx(trained.best.validation_loss)
    assert stored["best/train/accuracy"] == pytest.approx(trained.best.train_accuracy)
    assert stored["validation/loss"] == pytest.approx(trained.epochs[-1].validation_loss)


def test_the_logged_model_predicts_as_the_bundle_does(trained, client):
    mlflow.set_tracking_uri(client.tracking_uri)
    model = load_logged(f"models:/{client.get_run(trained.run_id).data.tags[tags.BEST_MODEL]}")
    texts = ["A wonderful film.", "Dreadful, dull and far too long."]
    expected = Classifier(read(trained.folder)).predict(texts)
    np.testing.assert_allclose(model.predict(texts), expected, atol=1e-7)
    assert model.metadata.signature is not None
    assert model.input_example is not None


def test_the_logged_model_needs_neither_tensorflow_nor_this_package(trained, client, paths):
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
    # Where this package is not found: the model brings the files of it that it needs.
    command = [sys.executable, "-c", code, client.tracking_uri]
    command.append(f"models:/{client.get_run(trained.run_id).data.tags[tags.BEST_MODEL]}")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # In the project's folder, as the addresses in its store are relative to it.
    result = subprocess.run(
        command, cwd=paths.root, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert "artifacts" in result.stdout.splitlines()[-1]


def test_a_logged_model_carries_exactly_the_files_that_it_imports():
    package = Path(registry.__file__).parents[1]
    needed, waiting = set(), ["inference/pyfunc.py"]
    while waiting:
        for name in imported_files(package, package / waiting.pop()) - needed:
            needed.add(name)
            waiting.append(name)
    assert needed == set(registry._CODE_FILES)


def imported_files(package, path):
    """Return the files of the package that `path` imports at once, with those of their folders."""
    files = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sentiment."):
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                module = package.joinpath(*name.split(".")[1:])
                folders = [folder for folder in module.parents if folder.is_relative_to(package)]
                files |= {folder / "__init__.py" for folder in (module, *folders)}
                files.add(module.with_suffix(".py"))
    return {str(file.relative_to(package)) for file in files if file.is_file()}


def test_an_evaluation_is_logged_to_the_run_that_made_the_model(trained, client):
    run = client.get_run(trained.run_id)
    assert run.info.status == "FINISHED"
    expected = read(trained.folder).manifest.metrics["test/accuracy"]
    assert run.data.metrics["test/accuracy"] == pytest.approx(expected)
    names = {"evaluation/test_mistakes.json", "evaluation/test_predictions.npz"}
    assert artifacts(client, trained.run_id, "evaluation") == names
    model = client.get_logged_model(run.data.tags[tags.BEST_MODEL])
    assert "test/accuracy" in {metric.key for metric in model.metrics}


def test_an_evaluation_of_a_run_in_another_store_is_not_logged(paths):
    evaluation = EvaluationRecord({}, {}, {}, Dataset("test", "testing", "0" * 16, {}))
    assert not runs.add_to_run(paths, "0" * 32, lambda run: run.log_evaluation(evaluation))


def test_an_exception_ends_a_run_as_failed(sample, paths, client, tmp_path):
    (tmp_path / "data").mkdir()
    # A file has the name of the folder of models: the model can't be saved after training.
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
    output, errors = process.communicate()
    assert process.returncode == status, errors
    assert "Traceback" not in errors
    assert "sentiment train --resume sample-" in output
    found = MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db").search_runs(["1"])
    assert [run.info.status for run in found] == ["KILLED"]


def test_processes_that_use_a_new_store_at_once_create_it_once(tmp_path):
    code = (
        "from pathlib import Path; from sentiment.tracking import server;"
        "from sentiment.utils.paths import ProjectPaths;"
        f"print(server.ui_url(ProjectPaths(Path({str(tmp_path)!r})), 'sentiment', ''))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    outputs = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    assert len({out for out, _ in outputs}) == 1


def test_a_store_that_does_not_answer_is_a_clear_error(paths, monkeypatch):
    uri = f"http://127.0.0.1:{free_port(0)}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(UnavailableError, match=rf"{re.escape(uri)} can't be used"):
        server.ui_url(paths, "sentiment", "")


def test_a_store_that_fails_is_asked_three_times_and_not_for_four_minutes(paths, monkeypatch):
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    with faulty(BREAK) as server_at_fault:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server_at_fault.address)
        with pytest.raises(UnavailableError, match="can't be used"):
            server.ui_url(paths, "sentiment", "")
    assert len(server_at_fault.heard) == 3
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "15"


def test_an_untracked_training_writes_no_run(sample, tmp_path):
    result = train(sample, SMALL, TrainSettings(epochs=1), ProjectPaths(tmp_path), track=False)
    assert result.run_id == ""
    assert not (tmp_path / "mlruns").exists()


def test_the_ui_serves_the_store_on_this_machine_alone(trained, paths):
    port = free_port(0)
    address = f"http://127.0.0.1:{port}"
    started = server.start_ui(paths, port)
    with server.running(started, f"{address}/health"):
        request = f"{address}/api/2.0/mlflow/runs/get?run_id={trained.run_id}"
        with urllib.request.urlopen(request) as page:
            assert trained.name.encode() in page.read()
        # All of 127.x.x.x is this machine: a server on every address would answer here too.
        with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), 5):
            pass
    assert started.poll() is not None
    assert not members_of_group(started.pid)


def members_of_group(group):
    """Return the processes of a process group that have not ended."""
    members = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def test_a_server_that_does_not_start_is_a_clear_error(paths):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        started = server.start_ui(paths, port)
        address = f"http://127.0.0.1:{port}/health"
        with (
            pytest.raises(UnavailableError, match="did not start"),
            server.running(started, address),
        ):
            pytest.fail("the other listener was taken for the server")
    assert not members_of_group(started.pid)
