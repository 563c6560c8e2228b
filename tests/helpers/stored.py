"""Runs in a real store, as `sentiment.tracking` writes them."""

import json
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import numpy as np
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset

from sentiment.inference import resolve
from sentiment.tracking import registry, store
from sentiment.tracking.history import RunRecord

LABELS = np.array([1, 1, 1, 1, 0, 0, 0, 0], np.int8)


def make_probabilities(marks):
    """Return a probability for each label: `+` makes a correct prediction, `-` a wrong one."""
    correct = np.array([mark == "+" for mark in marks])
    return np.where(correct == (LABELS == 1), 0.9, 0.2).astype(np.float32)


def register_model_with_code(paths, folder, mark):
    """Register the bundled model as the champion; all code that comes with it creates `mark`."""
    shutil.copytree(resolve.PRETRAINED, folder / "bundle")
    run = store.connect(paths).create_run(store.open_experiment(paths, store.EXPERIMENT))
    model_id = registry.log_model(run.info.run_id, folder / "bundle", 1)
    registry.promote(paths, registry.register(model_id))
    model = paths.mlruns / "artifacts" / "models" / model_id / "artifacts"
    code = [*model.glob("*.py"), *(model / "code").rglob("*.py")]
    assert code
    for path in code:
        path.write_text(f"open({str(mark)!r}, 'w')\n" + path.read_text("utf-8"), "utf-8")


def make_record(name, parameters=None, metrics=None):
    """Return a finished run without a store."""
    return RunRecord(
        id=name * 4,
        name=name,
        status="FINISHED",
        started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        seconds=90.0,
        parameters=parameters or {},
        metrics=metrics or {},
        tags={"model": name},
        reviews={},
    )


def add_run(
    paths,
    name,
    *,
    experiment="sentiment",
    settings=None,
    losses=(),
    right=None,
    labels=LABELS,
    digest="0123456789abcdef",
    snapshot=None,
    tags=None,
    status="FINISHED",
):
    """Write a run and return its id.

    losses: of validation, one for each epoch; right: marks as in `make_probabilities`, for the test
    reviews; snapshot: arrays of the last epoch.
    """
    experiment_id = store.open_experiment(paths, experiment)
    client = store.connect(paths)
    run_id = client.create_run(
        experiment_id, tags={"model": name, **(tags or {})}, run_name=name
    ).info.run_id
    for key, value in (settings or {}).items():
        client.log_param(run_id, key, value)
    for epoch, loss in enumerate(losses, 1):
        client.log_metric(run_id, "validation/loss", loss, step=epoch)
        client.log_metric(run_id, "validation/accuracy", 1 - loss / 2, step=epoch)
        client.log_metric(run_id, "train/loss", loss / 2, step=epoch)
    if right is not None:
        add_evaluation(client, run_id, right, labels, digest)
        accuracy = right.count("+") / len(right)
        client.update_run(run_id, name=f"{accuracy:.2%} {name}")
    if snapshot:
        log_arrays(client, run_id, f"hidden_states/epoch_{len(losses):02d}.npz", snapshot)
    if status != "RUNNING":
        client.set_terminated(run_id, status)
    return run_id


def add_evaluation(client, run_id, right, labels, digest):
    """Add metrics and predictions of the test reviews to a run."""
    accuracy = right.count("+") / len(right)
    values = {
        "accuracy": accuracy,
        "log_loss": 0.3,
        "roc_auc": 0.9,
        "brier": 0.1,
        "calibration_error": 0.02,
        "f1": 0.8,
    }
    for key, value in values.items():
        client.log_metric(run_id, f"test/{key}", value)
    data = MetaDataset(CodeDatasetSource(tags={}), name="test", digest=digest)
    context = mlflow.entities.InputTag("mlflow.data.context", "testing")
    dataset_input = mlflow.entities.DatasetInput(data._to_mlflow_entity(), [context])
    client.log_inputs(run_id, [dataset_input])
    arrays = {"probabilities": make_probabilities(right), "labels": labels}
    log_arrays(client, run_id, "evaluation/test_predictions.npz", arrays)


def log_arrays(client, run_id, path, arrays):
    """Log arrays as the npz artifact `path`."""
    with tempfile.TemporaryDirectory() as tmp:
        file = Path(tmp) / Path(path).name
        np.savez_compressed(file, **arrays)
        client.log_artifact(run_id, str(file), str(Path(path).parent))


def parse_strict_json(text):
    """Return the content of JSON; raise ValueError for NaN and Infinity, which JSON lacks."""

    def refuse(name):
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)
