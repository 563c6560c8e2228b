"""The process that reads the reviews of a training ahead of it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from sentiment.config import ModelSettings, TrainSettings
from sentiment.training import reviews as module
from sentiment.training.reviews import TrainingReviews

MODEL = ModelSettings(units=4, embedding=4, repeats=False, negation=True)
SETTINGS = TrainSettings(teacher="regression", sentence_members=1, prior=0.1)


@pytest.fixture
def ahead(sample, monkeypatch):
    monkeypatch.setattr(module, "_FEW", 0)
    reviews = TrainingReviews.read_ahead(sample, MODEL, SETTINGS)
    yield reviews
    reviews.close()


@pytest.fixture(scope="module")
def here(sample):
    return TrainingReviews(sample, MODEL, SETTINGS)


def assert_equal(one, other):
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    elif hasattr(one, "__dict__"):
        assert vars(one).keys() == vars(other).keys()
        for name, value in vars(one).items():
            assert_equal(value, vars(other)[name])
    else:
        assert one == other


def folder_of(reviews):
    return Path(reviews.ahead._folder)


def test_the_parts_are_those_that_this_process_would_make(ahead, here, monkeypatch):
    taken = []
    take = type(ahead.ahead).take
    monkeypatch.setattr(
        type(ahead.ahead), "take", lambda self, part: taken.append(part) or take(self, part)
    )
    parts = [part for _, part in here.parts()]
    assert parts == ["split", "all", "unlabelled_logits", "first_ratios", "sum", "sentences"]
    for (owner, part), (expected, _) in zip(ahead.parts(), here.parts(), strict=True):
        assert_equal(getattr(owner, part), getattr(expected, part))
    assert taken == parts
    assert not list(folder_of(ahead).iterdir())  # what is mapped has no name any more


def test_parts_can_be_taken_in_another_order_and_are_kept(ahead, here):
    assert_equal(ahead.sentences, here.sentences)
    assert_equal(ahead.split, here.split)
    assert ahead.split is ahead.split
    ahead.split.train.labels[0] = 0.5  # what is mapped is this process's own


def test_closing_ends_the_process_and_removes_its_files(ahead):
    _ = ahead.split
    folder, process = folder_of(ahead), ahead.ahead._process
    assert folder.is_dir()
    ahead.close()
    assert process.returncode == 0
    assert not folder.exists()


def test_without_the_process_the_parts_are_made_here(ahead, here):
    _ = ahead.split
    os.kill(ahead.ahead._process.pid, signal.SIGKILL)
    ahead.ahead._process.wait()
    assert_equal(ahead.sentences, here.sentences)
    assert_equal(ahead.teacher.sum, here.teacher.sum)
    ahead.close()
    assert not folder_of(ahead).exists()


def test_a_process_that_can_not_start_is_done_without(sample, here, monkeypatch):
    monkeypatch.setattr(module, "_FEW", 0)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    reviews = TrainingReviews.read_ahead(sample, MODEL, SETTINGS)
    assert_equal(reviews.split, here.split)
    reviews.close()


def test_ctrl_c_is_left_to_the_training(ahead, here):
    _ = ahead.split
    os.kill(ahead.ahead._process.pid, signal.SIGINT)
    os.kill(ahead.ahead._process.pid, signal.SIGTERM)
    assert_equal(ahead.ahead.take("sentences"), here.sentences)


def test_a_part_that_it_does_not_make_is_not_waited_for(ahead):
    with pytest.raises(LookupError):
        ahead.ahead.take("nothing")
    assert ahead.ahead.take("split")
    assert ahead.ahead._process.poll() is None  # it keeps the parts that are not taken yet


def test_few_reviews_need_no_process(sample):
    assert TrainingReviews.read_ahead(sample, MODEL, SETTINGS).ahead is None


KILLED = """
import sys, time
from pathlib import Path
from sentiment.config import ModelSettings, TrainSettings
from sentiment.data.prepared import open_dataset
from sentiment.training import reviews
reviews._FEW = 0
data = open_dataset(Path(sys.argv[1]))
ahead = reviews.TrainingReviews.read_ahead(data, ModelSettings(), TrainSettings())
ahead.split
print(ahead.ahead._process.pid, ahead.ahead._folder, flush=True)
time.sleep(60)
"""


def test_the_process_and_its_files_go_if_the_training_is_killed(sample):
    command = [sys.executable, "-c", KILLED, str(sample.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as training:
        pid, folder = training.stdout.readline().split()
        assert psutil.pid_exists(int(pid)) and Path(folder).is_dir()
        training.kill()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and (psutil.pid_exists(int(pid)) or Path(folder).exists()):
        time.sleep(0.1)
    assert not Path(folder).exists()
    assert not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == "zombie"
