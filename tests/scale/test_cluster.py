"""Several workers that train together: one network, as one process has it with the whole batch."""

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
from tests.helpers.commands import start

SAMPLE = ["--dataset", "sample", "--own-labels", "0", "--no-evaluate", "--snapshots", "off"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    place = tmp_path_factory.mktemp("cluster")
    prepare(PrepareSettings(dataset="sample"), ProjectPaths(place))
    return place


def addresses(count):
    return [f"127.0.0.1:{port}" for port in free_ports(count)]


def trained(home, name, workers, *, batch, dropout):
    """Train in so many processes; return all weights and losses of each."""
    script, there = str(Path(__file__).with_name("worker.py")), addresses(workers)
    outputs = [home / f"{name}-{index}.npz" for index in range(workers)]
    processes = [
        subprocess.Popen(
            [sys.executable, script, str(home), str(output), str(batch), str(dropout)],
            env=os.environ | (tf_config.worker_environment(there, index) if workers > 1 else {}),
            stderr=subprocess.PIPE,
        )
        for index, output in enumerate(outputs)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()
    return [dict(np.load(output)) for output in outputs]


def furthest(first, second):
    assert first.keys() == second.keys()
    return max(np.abs(first[name] - second[name]).max() for name in first)


def test_two_workers_make_the_network_that_one_makes_with_twice_the_batch(home):
    # 216 reviews, then 256: batches of 64 do not come out even, nor does the last one's half.
    (alone,) = trained(home, "alone", 1, batch=62, dropout=0)
    first, second = trained(home, "pair", 2, batch=31, dropout=0)
    assert furthest(first, second) == 0
    assert furthest(first, alone) <= 1e-6


def test_workers_stay_one_network_though_each_drops_what_it_draws(home):
    first, second = trained(home, "drawn", 2, batch=32, dropout=0.4)
    assert furthest(first, second) == 0


def run(home, *words, status=0, **environment):
    process = start("train", *SAMPLE, *words, home=home, **environment)
    said, errors = process.communicate(timeout=300)
    assert process.returncode == status, errors
    return said, errors


def weights(home, name):
    opened = bundle.read(home / "data" / "models" / name)
    return {"embedding": np.asarray(opened.embedding), **opened.weights}


def test_only_the_chief_logs_and_the_run_knows_the_cluster(home):
    said, _ = run(home, "--epochs", "1", "--name", "logged", "--workers", "2")
    assert "Validation accuracy" in said
    (found,) = MlflowClient(f"sqlite:///{home}/mlruns/mlflow.db").search_runs(["1"])
    assert found.info.status == "FINISHED"
    assert found.data.params["workers"] == "2"
    assert [path.name for path in (home / "data" / "models").iterdir()] == ["logged"]


def test_a_killed_worker_ends_the_other_and_both_go_on_together(home):
    words = ["--epochs", "3", "--patience", "9", "--batch-size", "16", "--no-track"]
    run(home, *words, "--name", "whole", "--workers", "2")
    there = addresses(2)
    chief, other = (
        start(
            "train",
            *SAMPLE,
            *words,
            "--name",
            "cut",
            home=home,
            **tf_config.worker_environment(there, index),
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
    assert "worker 0 of 2 has lost the others" in errors
    assert "Try: sentiment train --resume cut" in errors
    other.communicate()
    run_again = [
        start("train", "--resume", "cut", "--no-evaluate", home=home,
              **tf_config.worker_environment(addresses_again, index))
        for addresses_again in [addresses(2)]
        for index in range(2)
    ]  # fmt: skip
    for process in run_again:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    first, second = weights(home, "whole"), weights(home, "cut")
    assert all((first[name] == second[name]).all() for name in first)


def test_workers_on_spark_make_the_same_network(home):
    words = ["--epochs", "2", "--no-track", "--workers", "2"]
    run(home, *words, "--name", "by-hand")
    said, _ = run(home, *words, "--name", "on-spark", "--master", "local-cluster[2,1,1024]")
    assert "Validation accuracy" in said
    first, second = weights(home, "by-hand"), weights(home, "on-spark")
    assert all((first[name] == second[name]).all() for name in first)


def test_a_training_goes_on_with_as_many_workers_as_it_began_with(home):
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
    assert "began with 1 workers, and here are 2" in errors


@pytest.mark.parametrize(
    "stated",
    ["{", "[]", '{"cluster": {"worker": ["a:1"]}}', json.dumps({
        "cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}})],
)  # fmt: skip
def test_what_names_no_worker_is_told(stated, home):
    _, errors = run(home, "--no-track", status=1, TF_CONFIG=stated)
    assert "TF_CONFIG names no worker of a cluster" in errors and "Try: TF_CONFIG=" in errors
