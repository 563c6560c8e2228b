"""A disk that takes no more, a folder that can't be written, one that has gone meanwhile."""

import os
import re
import resource
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data.prepare import prepare
from sentiment.errors import DamagedFileError, InputError
from sentiment.inference import bundle
from sentiment.inference.manifest import DataInfo
from sentiment.training import checkpoint
from sentiment.training.train import resume, train
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress
from tests.helpers.build import tiny_bundle
from tests.helpers.commands import COMMAND, start

# Reviews of one length: there is one shape to be compiled.
SMALL = ModelSettings(units=3, embedding=4, ngrams=2, longest_review=16)
SETTINGS = TrainSettings(epochs=2, own_labels=0)


def within(size, *words, home):
    """Run the command line with files of at most `size` bytes; return it with what it said."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    # Not compiled: Python itself takes a compiled file that was cut short for a whole one.
    quiet = {"PYTHONDONTWRITEBYTECODE": "1", "SENTIMENT_HOME": str(home)}
    # Nor counted by `make coverage`, which would write files too.
    rest = {name: text for name, text in os.environ.items() if name[:8] != "COVERAGE"}
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, words)],
        env={**rest, **quiet},
        capture_output=True,
        text=True,
        preexec_fn=limit,
    )


def check_told(done, *parts):
    """Check that a command has failed with one clear message, which holds `parts`."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr and "unexpected error" not in done.stderr
    told = [line.partition(":")[0] for line in done.stderr.splitlines()]
    assert told[-2:] == ["Error", "Try"] and told.count("Error") == 1, done.stderr
    for part in parts:
        assert part in done.stderr
    # What is told and to be typed is still there.
    folders = re.findall(r"(?:write in|df -h|ls -ld) (/[^\s:,]*)", done.stderr)
    assert all(Path(folder).is_dir() for folder in folders), done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a home with a prepared set, and a model that says it was made from that."""
    home = tmp_path_factory.mktemp("project")
    data, _ = prepare(PrepareSettings(dataset="sample"), ProjectPaths(home))
    made = tiny_bundle(home / "data" / "models" / "tiny")
    bundle.update_manifest(made, data=DataInfo("sample", data.folder.name))
    return home


# The words, the arrays and, as the last of it, the record.
@pytest.mark.parametrize("size", [1_000, 20_000])
def test_a_set_that_the_disk_does_not_take_is_not_there(tmp_path, size):
    words = ["prepare", "--dataset", "sample"]
    check_told(within(size, *words, home=tmp_path), "can't write in", "df -h ", "data/prepared")
    assert not list((tmp_path / "data" / "prepared").iterdir())


def test_a_scored_file_that_the_disk_does_not_take_is_not_there(home, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("text\n" + "a good film\n" * 5_000)
    target.write_text("before")
    words = ["predict", "--input", source, "--output", target]
    check_told(within(20_000, *words, home=home), f"can't write {target}: File too large", "df -h")
    assert target.read_text() == "before"
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", "out.csv"}


def test_measures_that_the_disk_does_not_take_leave_the_model_as_it_was(home):
    before = (home / "data" / "models" / "tiny" / "bundle.json").read_bytes()
    check_told(within(100, "evaluate", home=home), "can't write in", "data/models/tiny")
    assert (home / "data" / "models" / "tiny" / "bundle.json").read_bytes() == before
    assert len(list((home / "data" / "models" / "tiny").iterdir())) == 5


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("words", [["predict", "a good film"], ["--version"], ["evaluate", "-h"]])
def test_output_that_has_no_room_is_told(home, words):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *words],
            env={**os.environ, "SENTIMENT_HOME": str(home)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    told = "Error: standard output or a file: No space left on device."
    assert done.stderr.splitlines()[-1] == told


@contextmanager
def forbidden(folder):
    """Have nobody write in a folder, not even root; skip the test where that can't be had."""
    before = folder.stat().st_mode
    folder.chmod(0o555)
    fixed = False
    try:
        if os.access(folder, os.W_OK):
            fixed = not subprocess.run(
                ["chattr", "+i", str(folder)], capture_output=True
            ).returncode
            if not fixed:
                pytest.skip("root, and a file system that does not know chattr +i")
        yield
    finally:
        if fixed:
            subprocess.run(["chattr", "-i", str(folder)], check=True)
        folder.chmod(before)


def test_folders_that_can_not_be_written_are_named(home, tmp_path):
    (tmp_path / "in.csv").write_text("text\na good film\n")
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "out.csv"
    for folder, words in (
        (home / "data" / "prepared", ["prepare", "--dataset", "sample", "--vocabulary", "99"]),
        (tmp_path / "out", ["predict", "--input", tmp_path / "in.csv", "--output", target]),
        (home / "data" / "models" / "tiny", ["evaluate"]),
    ):
        there = set(folder.iterdir())
        with forbidden(folder):
            check_told(within(1 << 20, *words, home=home), f"can't write in {folder}: ")
        assert set(folder.iterdir()) == there


def test_a_training_stops_where_its_folder_can_not_be_written(home, tmp_path):
    data, _ = prepare(PrepareSettings(dataset="sample"), ProjectPaths(home))
    checkpoints = tmp_path / "data" / "checkpoints"
    checkpoints.mkdir(parents=True)
    with forbidden(checkpoints), pytest.raises(InputError, match=f"can't write in {checkpoints}"):
        train(data, SMALL, SETTINGS, ProjectPaths(tmp_path), track=False)


class Meddler(Progress):
    """Does something once an epoch is over."""

    def __init__(self, epoch, act):
        self._epoch, self._act = epoch, act
        self.notes = []

    def note(self, text):
        self.notes.append(text)

    def epoch(self, report):
        if report.epoch == self._epoch:
            self._act()


@pytest.fixture(scope="module")
def whole(home):
    """Train without a break."""
    data, _ = prepare(PrepareSettings(dataset="sample"), ProjectPaths(home))
    made = train(data, SMALL, SETTINGS, ProjectPaths(home), name="whole", track=False)
    return bundle.read(made.folder)


def assert_same(made, whole):
    """Compare weights to the last bit."""
    found = bundle.read(made.folder)
    np.testing.assert_array_equal(found.embedding, whole.embedding)
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(found.weights[name], array)


# At the next checkpoint; and, as there is none after the last epoch, where the model is saved.
@pytest.mark.parametrize("epoch", [1, 2])
def test_a_training_that_fills_the_disk_goes_on_once_there_is_room(home, whole, tmp_path, epoch):
    shutil.copytree(home / "data" / "prepared", tmp_path / "data" / "prepared")
    folders = ProjectPaths(tmp_path)
    data, _ = prepare(PrepareSettings(dataset="sample"), folders)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    full = Meddler(epoch, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1])))
    try:
        with pytest.raises(InputError, match="can't write in"):
            train(data, SMALL, SETTINGS, folders, name="full", track=False, progress=full)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert f"to resume after epoch {epoch}: sentiment train --resume full" in full.notes
    assert not list(folders.models.iterdir())
    found = checkpoint.newest(folders.checkpoints / "full", pytest.fail)
    assert found.epoch == epoch
    assert_same(resume(data, found, folders), whole)


def test_a_training_whose_data_goes_keeps_what_it_has_come_to(home, tmp_path):
    shutil.copytree(home / "data" / "prepared", tmp_path / "data" / "prepared")
    folders = ProjectPaths(tmp_path)
    data, _ = prepare(PrepareSettings(dataset="sample"), folders)
    gone = Meddler(1, lambda: shutil.rmtree(tmp_path / "data"))
    with pytest.raises(DamagedFileError, match=r"data/prepared/.*\.npy is missing") as caught:
        train(data, SMALL, SETTINGS, folders, name="gone", track=False, progress=gone)
    assert caught.value.hint == "sentiment prepare --again"
    assert bundle.read(folders.models / "gone").name == "gone"
    assert checkpoint.newest(folders.checkpoints / "gone", pytest.fail).epoch == 2


@pytest.mark.slow  # two starts of TensorFlow
def test_a_training_on_a_disk_that_is_really_full(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a disk can't be mounted here")
    try:
        prepare(PrepareSettings(dataset="sample"), ProjectPaths(tmp_path))
        (tmp_path / "ballast").write_bytes(b"\0" * 200_000)
        words = ["--dataset", "sample", "--own-labels", "0", "--no-track", "--name", "full"]
        process = start("train", *words, home=tmp_path)
        said, errors = process.communicate()
        assert process.returncode == 1 and errors.count("Error: ") == 1, errors
        assert errors.startswith("Error: can't write in ") and "No space left" in errors
        # There was room for one checkpoint, and at the end for the model, which is smaller.
        assert "to resume after epoch 1: sentiment train --resume full" in said
        assert bundle.read(tmp_path / "data" / "models" / "full").name == "full"
        subprocess.run(["mount", "-o", "remount,size=8m", str(tmp_path)], check=True)
        again = start("train", "--resume", "full", home=tmp_path)
        assert again.communicate()[1] == "" and again.returncode == 0
        assert not checkpoint.exists(tmp_path / "data" / "checkpoints" / "full")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
