"""Several workers train the same network as one process does with the whole batch."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from sentiment.cli._workers import free_ports
from sentiment.config import PrepareSettings
from sentiment.data.prepare import prepare
from sentiment.inference import bundle
from sentiment.training import tf_config
from sentiment.utils.paths import ProjectPaths
from tests.helpers.commands import ALONE, start

SAMPLE = [*ALONE, "--dataset", "sample", "--own-labels", "0", "--no-evaluate", "--snapshots", "off"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    root = tmp_path_factory.mktemp("cluster")
    prepare(PrepareSettings(dataset="sample"), ProjectPaths(root))
    return root


def addresses(count):
    return [f"127.0.0.1:{port}" for port in free_ports(count)]


def train_workers(home, name, workers, *, batch, dropout):
    """Train in `workers` processes; return all weights and losses of each."""
    script, hosts = str(Path(__file__).with_name("worker.py")), addresses(workers)
    outputs = [home / f"{name}-{index}.npz" for index in range(workers)]
    processes = [
        subprocess.Popen(
            [sys.executable, script, str(home), str(output), str(batch), str(dropout)],
            env=os.environ | (tf_config.worker_environment(hosts, index) if workers > 1 else {}),
            stderr=subprocess.PIPE,
        )
        for index, output in enumerate(outputs)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()
    return [dict(np.load(output)) for output in outputs]


def max_difference(first, second):
    assert first.keys() == second.keys()
    return max(np.abs(first[name] - second[name]).max() for name in first)


def test_two_workers_train_the_network_of_one_with_twice_the_batch(home):
    # 216 reviews, then 256: neither the last batch nor its halves are full.
    (alone,) = train_workers(home, "alone", 1, batch=62, dropout=0)
    first, second = train_workers(home, "pair", 2, batch=31, dropout=0)
    assert max_difference(first, second) == 0
    assert max_difference(first, alone) <= 1e-6


def test_workers_stay_equal_although_each_draws_its_own_dropout(home):
    first, second = train_workers(home, "dropout", 2, batch=32, dropout=0.4)
    assert max_difference(first, second) == 0


def run(home, *words, status=0, **environment):
    process = start("train", *SAMPLE, *words, home=home, **environment)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == status, errors
    return output, errors


def weights(home, name):
    opened = bundle.read(home / "data" / "models" / name)
    return {"embedding": np.asarray(opened.embedding), **opened.weights}


def test_only_the_chief_logs_and_the_run_has_the_number_of_workers(home):
    output, _ = run(home, "--epochs", "1", "--name", "logged", "--workers", "2")
    assert "Validation accuracy" in output
    (logged,) = MlflowClient(f"sqlite:///{home}/mlruns/mlflow.db").search_runs(["1"])
    assert logged.info.status == "FINISHED"
    assert logged.data.params["workers"] == "2"
    assert [path.name for path in (home / "data" / "models").iterdir()] == ["logged"]


def test_a_killed_worker_ends_the_other_and_both_can_be_resumed(home):
    words = ["--epochs", "3", "--patience", "9", "--batch-size", "16", "--no-track"]
    run(home, *words, "--name", "whole", "--workers", "2")
    hosts = addresses(2)
    chief, other = (
        start(
            "train",
            *SAMPLE,
            *words,
            "--name",
            "cut",
            home=home,
            **tf_config.worker_environment(hosts, index),
        )
        for index in range(2)
    )
    for line in chief.stdout:
        if line.startswith("epoch 1/"):
            break
    other.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    _, errors = chief.communicate(timeout=60)
    assert time.monotonic() - killed < 30
    assert chief.returncode == 1 and "Traceback" not in errors
    assert "worker 0 of 2 lost the other workers" in errors
    assert "Try: sentiment train --resume cut" in errors
    other.communicate()
    hosts = addresses(2)
    resumed = [
        start("train", "--resume", "cut", "--no-evaluate", home=home,
              **tf_config.worker_environment(hosts, index))
        for index in range(2)
    ]  # fmt: skip
    for process in resumed:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    first, second = weights(home, "whole"), weights(home, "cut")
    assert all((first[name] == second[name]).all() for name in first)


def test_workers_on_spark_train_the_same_network(home):
    words = ["--epochs", "2", "--no-track", "--workers", "2"]
    run(home, *words, "--name", "by-hand")
    output, _ = run(home, *words, "--name", "on-spark", "--master", "local-cluster[2,1,1024]")
    assert "Validation accuracy" in output
    first, second = weights(home, "by-hand"), weights(home, "on-spark")
    assert all((first[name] == second[name]).all() for name in first)


def test_a_training_resumes_with_the_number_of_workers_it_started_with(home):
    process = start(
        "train", *SAMPLE, "--epochs", "50", "--patience", "50", "--name", "long", "--no-track",
        home=home,
    )  # fmt: skip
    for line in process.stdout:
        if line.startswith("epoch 1/"):
            process.send_signal(signal.SIGTERM)
            break
    process.communicate(timeout=60)
    command = start("train", "--resume", "long", "--workers", "2", home=home)
    _, errors = command.communicate(timeout=120)
    assert command.returncode == 1
    assert "started with 1 worker, and now there are 2" in errors


@pytest.mark.parametrize(
    "config",
    ["{", "[]", '{"cluster": {"worker": ["a:1"]}}', json.dumps({
        "cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}})],
)  # fmt: skip
def test_a_wrong_tf_config_is_an_error(config, home):
    _, errors = run(home, "--no-track", status=1, TF_CONFIG=config)
    assert "TF_CONFIG does not describe a worker" in errors and "Try: TF_CONFIG=" in errors
