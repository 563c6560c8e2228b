"""Runs in a real store, as the contract of `sentiment.tracking` has them."""

import json
import tempfile
from pathlib import Path

import mlflow
import numpy as np
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset

from sentiment.tracking import store

LABELS = np.array([1, 1, 1, 1, 0, 0, 0, 0], np.int8)


def said(text):
    """Return probabilities: `+` is right and `-` wrong of the review at that place."""
    right = np.array([mark == "+" for mark in text])
    return np.where(right == (LABELS == 1), 0.9, 0.2).astype(np.float32)


def add_run(
    folders,
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

    losses: of validation, one an epoch; right: as in `said`, for the test reviews;
    snapshot: arrays of the last epoch.
    """
    number = store.open_experiment(folders, experiment)
    client = store.connect(folders)
    run_id = client.create_run(
        number, tags={"model": name, **(tags or {})}, run_name=name
    ).info.run_id
    for key, value in (settings or {}).items():
        client.log_param(run_id, key, value)
    for epoch, loss in enumerate(losses, 1):
        client.log_metric(run_id, "validation/loss", loss, step=epoch)
        client.log_metric(run_id, "validation/accuracy", 1 - loss / 2, step=epoch)
        client.log_metric(run_id, "train/loss", loss / 2, step=epoch)
    if right is not None:
        evaluate(client, run_id, right, labels, digest)
        accuracy = right.count("+") / len(right)
        client.update_run(run_id, name=f"{accuracy:.2%} {name}")
    if snapshot:
        log_arrays(client, run_id, f"hidden_states/epoch_{len(losses):02d}.npz", snapshot)
    if status != "RUNNING":
        client.set_terminated(run_id, status)
    return run_id


def evaluate(client, run_id, right, labels, digest):
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
    used = mlflow.entities.DatasetInput(data._to_mlflow_entity(), [context])
    client.log_inputs(run_id, [used])
    arrays = {"probabilities": said(right), "labels": labels}
    log_arrays(client, run_id, "evaluation/test_predictions.npz", arrays)


def log_arrays(client, run_id, path, arrays):
    with tempfile.TemporaryDirectory() as aside:
        file = Path(aside) / Path(path).name
        np.savez_compressed(file, **arrays)
        client.log_artifact(run_id, str(file), str(Path(path).parent))


def strictly(text):
    """Return what JSON holds, refusing the NaN and Infinity that JSON lacks."""

    def refuse(name):
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)
