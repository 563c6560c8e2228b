"""The GPU of a training, on a list of GPUs that are not there."""

import json
import os
import subprocess
import sys

import pytest
import tensorflow as tf

from sentiment.config import ModelSettings, TrainSettings
from sentiment.training import checkpoint, devices
from sentiment.training.tf_config import Worker
from sentiment.training.train import resume, train
from sentiment.utils.progress import Progress

GPUS = [tf.config.PhysicalDevice(f"/physical_device:GPU:{number}", "GPU") for number in (0, 1)]


class Notes(Progress):
    """Collects the notes, and ends the training after the first epoch."""

    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)

    def epoch(self, metrics):
        raise KeyboardInterrupt


class FakeGpus:
    """Stands for TensorFlow's list of GPUs; `used` has those that were chosen."""

    def __init__(self, monkeypatch, gpus):
        self.used, self.is_initialised, self.details = [], False, {"device_name": "NVIDIA H100"}
        monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: list(gpus))
        monkeypatch.setattr(tf.config, "set_visible_devices", self.choose)
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: self.details)

    def choose(self, chosen, kind):
        if self.is_initialised:
            raise RuntimeError("Visible devices cannot be modified after being initialized")
        assert kind == "GPU"
        self.used += chosen


@pytest.fixture(autouse=True)
def tensor_floats():
    """Let products be rounded, as TensorFlow does, before and after each test."""
    tf.config.experimental.enable_tensor_float_32_execution(True)
    yield
    tf.config.experimental.enable_tensor_float_32_execution(True)


def rounds():
    return tf.config.experimental.tensor_float_32_execution_enabled()


def test_without_a_gpu_nothing_is_chosen_and_nothing_set(monkeypatch):
    fake = FakeGpus(monkeypatch, [])
    assert devices.choose_gpu(Worker()) is None
    assert fake.used == [] and rounds()


@pytest.mark.parametrize("index", [0, 1, 2])
def test_each_worker_uses_one_gpu_and_they_share_them_evenly(monkeypatch, index):
    fake = FakeGpus(monkeypatch, GPUS)
    assert devices.choose_gpu(Worker(index, 3)) == f"GPU:{index % 2} (NVIDIA H100)"
    assert fake.used == [GPUS[index % 2]]


def test_products_on_a_gpu_are_not_rounded(monkeypatch):
    FakeGpus(monkeypatch, GPUS)
    devices.choose_gpu(Worker())
    assert not rounds()


def test_a_gpu_that_has_no_name_is_called_by_its_number(monkeypatch):
    FakeGpus(monkeypatch, GPUS).details = {}
    assert devices.choose_gpu(Worker()) == "GPU:0"


def test_if_tensorflow_was_used_before_the_first_gpu_stays(monkeypatch):
    FakeGpus(monkeypatch, GPUS).is_initialised = True
    assert devices.choose_gpu(Worker(1, 2)) == "GPU:0 (NVIDIA H100)"


@pytest.mark.parametrize(("gpus", "place"), [([], ""), (GPUS, " on GPU:0 (NVIDIA H100)")])
def test_train_says_where_it_computes(monkeypatch, sample, paths, gpus, place):
    FakeGpus(monkeypatch, gpus)
    name, notes = f"place-{len(gpus)}", Notes()
    model = ModelSettings(units=4, embedding=4, bidirectional=False)
    with pytest.raises(KeyboardInterrupt):
        train(sample, model, TrainSettings(), paths, name=name, track=False, progress=notes)
    assert notes.notes[0] == f"training {name}{place}"
    interrupted = checkpoint.newest(checkpoint.find(paths.checkpoints, name), notes.note)
    again = Notes()
    with pytest.raises(KeyboardInterrupt):
        resume(sample, interrupted, paths, progress=again)
    assert again.notes[0] == f"resuming {name} after epoch 1{place}"


# Prints what happens until TensorFlow is initialised, and ends then.
STARTS = """
import json, os, sys
import sentiment.api.stages as stages
from sentiment.training import devices
import tensorflow as tf
from tensorflow.python.eager import context

events = []

def initialise(self):
    events.append("growth " + os.environ.get("TF_FORCE_GPU_ALLOW_GROWTH", "not set"))
    print(json.dumps(events))
    sys.stdout.flush()
    os._exit(0)

context.Context.ensure_initialized = initialise
gpu = tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")
tf.config.get_visible_devices = lambda kind: [gpu]
tf.config.set_visible_devices = lambda gpus, kind: events.append(gpus[0].name)
tf.config.experimental.get_device_details = lambda gpu: {}
stages.train(dataset="sample", tracking=False, project=sys.argv[1])
"""


def events_at_start(folder, **environment):
    """Return what a training has done when TensorFlow is initialised, and so a GPU."""
    inherited = {k: v for k, v in os.environ.items() if k != "TF_FORCE_GPU_ALLOW_GROWTH"}
    command = [sys.executable, "-c", STARTS, str(folder)]
    done = subprocess.run(command, env=inherited | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_gpu_and_growth_of_memory_are_set_before_tensorflow_is_used(tmp_path):
    assert events_at_start(tmp_path) == ["/physical_device:GPU:0", "growth true"]


def test_whoever_wants_all_memory_of_a_gpu_gets_it(tmp_path):
    events = events_at_start(tmp_path, TF_FORCE_GPU_ALLOW_GROWTH="false")
    assert events[-1] == "growth false"
