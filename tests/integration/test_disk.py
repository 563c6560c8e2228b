"""A full disk, a folder that can't be written, and one that disappears."""

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
from tests.helpers.commands import ALONE, COMMAND, start

# Reviews of one length, so that there is one shape to compile.
SMALL = ModelSettings(units=3, embedding=4, ngrams=2, longest_review=16)
SETTINGS = TrainSettings(epochs=2, own_labels=0)


def run_with_limit(size, *words, home):
    """Run the command line, with files of at most `size` bytes; return the finished process."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    # No compiled files: Python would later take one that was cut short for a whole one.
    own = {"PYTHONDONTWRITEBYTECODE": "1", "SENTIMENT_HOME": str(home)}
    # No coverage, which would write files too.
    inherited = {name: text for name, text in os.environ.items() if name[:8] != "COVERAGE"}
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, words)],
        env={**inherited, **own},
        capture_output=True,
        text=True,
        preexec_fn=limit,
    )


def assert_one_error(result, *parts):
    """Check that a command has failed with one clear message, which contains `parts`."""
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr and "unexpected error" not in result.stderr
    heads = [line.partition(":")[0] for line in result.stderr.splitlines()]
    assert heads[-2:] == ["Error", "Try"] and heads.count("Error") == 1, result.stderr
    for part in parts:
        assert part in result.stderr
    # The folders that the message names exist.
    folders = re.findall(r"(?:write in|df -h|ls -ld) (/[^\s:,]*)", result.stderr)
    assert all(Path(folder).is_dir() for folder in folders), result.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a project with a prepared dataset and a model whose manifest names it."""
    home = tmp_path_factory.mktemp("project")
    data, _ = prepare(PrepareSettings(dataset="sample"), ProjectPaths(home))
    model = tiny_bundle(home / "data" / "models" / "tiny")
    bundle.update_manifest(model, data=DataInfo("sample", data.folder.name))
    return home


# The disk is full at the words, and at the arrays.
@pytest.mark.parametrize("size", [1_000, 20_000])
def test_a_dataset_for_which_there_is_no_room_does_not_appear(tmp_path, size):
    words = ["prepare", "--dataset", "sample"]
    assert_one_error(
        run_with_limit(size, *words, home=tmp_path), "can't write in", "df -h ", "data/prepared"
    )
    assert not list((tmp_path / "data" / "prepared").iterdir())


def test_predictions_for_which_there_is_no_room_leave_the_file_as_it_was(home, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("text\n" + "a good film\n" * 5_000)
    target.write_text("before")
    words = ["predict", "--input", source, "--output", target]
    assert_one_error(
        run_with_limit(20_000, *words, home=home), f"can't write {target}: File too large", "df -h"
    )
    assert target.read_text() == "before"
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", "out.csv"}


def test_metrics_for_which_there_is_no_room_leave_the_model_as_it_was(home):
    before = (home / "data" / "models" / "tiny" / "bundle.json").read_bytes()
    assert_one_error(
        run_with_limit(100, "evaluate", "--model", "tiny", home=home),
        "can't write in",
        "data/models/tiny",
    )
    assert (home / "data" / "models" / "tiny" / "bundle.json").read_bytes() == before
    assert len(list((home / "data" / "models" / "tiny").iterdir())) == 5


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("words", [["predict", "a good film"], ["--version"], ["evaluate", "-h"]])
def test_output_for_which_there_is_no_room_is_an_error(home, words):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        result = subprocess.run(
            [sys.executable, "-c", COMMAND, *words],
            env={**os.environ, "SENTIMENT_HOME": str(home)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert result.returncode == 1 and "Traceback" not in result.stderr
    expected = "Error: standard output or a file: No space left on device."
    assert result.stderr.splitlines()[-1] == expected


@contextmanager
def read_only(folder):
    """Let no user write in a folder, not even root; skip the test if the system can't do that."""
    before = folder.stat().st_mode
    folder.chmod(0o555)
    immutable = False
    try:
        if os.access(folder, os.W_OK):
            immutable = not subprocess.run(
                ["chattr", "+i", str(folder)], capture_output=True
            ).returncode
            if not immutable:
                pytest.skip("root, and a file system without chattr +i")
        yield
    finally:
        if immutable:
            subprocess.run(["chattr", "-i", str(folder)], check=True)
        folder.chmod(before)


def test_a_folder_that_can_not_be_written_is_named(home, tmp_path):
    (tmp_path / "in.csv").write_text("text\na good film\n")
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "out.csv"
    for folder, words in (
        (home / "data" / "prepared", ["prepare", "--dataset", "sample", "--vocabulary", "99"]),
        (tmp_path / "out", ["predict", "--input", tmp_path / "in.csv", "--output", target]),
        (home / "data" / "models" / "tiny", ["evaluate", "--model", "tiny"]),
    ):
        before = set(folder.iterdir())
        with read_only(folder):
            assert_one_error(
                run_with_limit(1 << 20, *words, home=home), f"can't write in {folder}: "
            )
        assert set(folder.iterdir()) == before


def test_a_training_whose_folder_can_not_be_written_stops(home, tmp_path):
    data, _ = prepare(PrepareSettings(dataset="sample"), ProjectPaths(home))
    checkpoints = tmp_path / "data" / "checkpoints"
    checkpoints.mkdir(parents=True)
    with read_only(checkpoints), pytest.raises(InputError, match=f"can't write in {checkpoints}"):
        train(data, SMALL, SETTINGS, ProjectPaths(tmp_path), track=False)


class AfterEpoch(Progress):
    """Calls a function after an epoch."""

    def __init__(self, epoch, function):
        self._epoch, self._function = epoch, function
        self.notes = []

    def note(self, text):
        self.notes.append(text)

    def epoch(self, report):
        if report.epoch == self._epoch:
            self._function()


@pytest.fixture(scope="module")
def uninterrupted(home):
    """Train without an interruption; return the model."""
    paths = ProjectPaths(home)
    data, _ = prepare(PrepareSettings(dataset="sample"), paths)
    trained = train(data, SMALL, SETTINGS, paths, name="uninterrupted", track=False)
    return bundle.read(trained.folder)


def assert_same(trained, expected):
    """Check that weights are the same to the last bit."""
    model = bundle.read(trained.folder)
    np.testing.assert_array_equal(model.embedding, expected.embedding)
    for name, array in expected.weights.items():
        np.testing.assert_array_equal(model.weights[name], array)


# The disk is full at the second checkpoint; and when the model is saved, after the last epoch.
@pytest.mark.parametrize("epoch", [1, 2])
def test_a_training_that_fills_the_disk_can_be_resumed_once_there_is_room(
    home, uninterrupted, tmp_path, epoch
):
    shutil.copytree(home / "data" / "prepared", tmp_path / "data" / "prepared")
    paths = ProjectPaths(tmp_path)
    data, _ = prepare(PrepareSettings(dataset="sample"), paths)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    full = AfterEpoch(epoch, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1])))
    try:
        with pytest.raises(InputError, match="can't write in"):
            train(data, SMALL, SETTINGS, paths, name="full", track=False, progress=full)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert f"to resume after epoch {epoch}: sentiment train --resume full" in full.notes
    assert not list(paths.models.iterdir())
    newest = checkpoint.newest(paths.checkpoints / "full", pytest.fail)
    assert newest.epoch == epoch
    assert_same(resume(data, newest, paths), uninterrupted)


def test_a_training_whose_data_disappears_saves_its_best_epoch(home, tmp_path):
    shutil.copytree(home / "data" / "prepared", tmp_path / "data" / "prepared")
    paths = ProjectPaths(tmp_path)
    data, _ = prepare(PrepareSettings(dataset="sample"), paths)
    gone = AfterEpoch(1, lambda: shutil.rmtree(tmp_path / "data"))
    with pytest.raises(DamagedFileError, match=r"data/prepared/.*\.npy is missing") as caught:
        train(data, SMALL, SETTINGS, paths, name="gone", track=False, progress=gone)
    assert caught.value.hint.startswith("rm -r ")
    assert bundle.read(paths.models / "gone").name == "gone"
    assert checkpoint.newest(paths.checkpoints / "gone", pytest.fail).epoch == 2


@pytest.mark.slow  # two starts of TensorFlow
def test_a_training_on_a_full_disk(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a disk")
    try:
        prepare(PrepareSettings(dataset="sample"), ProjectPaths(tmp_path))
        (tmp_path / "ballast").write_bytes(b"\0" * 200_000)
        words = [*ALONE, "--dataset", "sample", "--own-labels", "0", "--no-track"]
        words += ["--name", "full"]
        process = start("train", *words, home=tmp_path)
        output, errors = process.communicate()
        assert process.returncode == 1 and errors.count("Error: ") == 1, errors
        assert errors.startswith("Error: can't write in ") and "No space left" in errors
        # There was room for one checkpoint and then for the model, which is smaller.
        assert "to resume after epoch 1: sentiment train --resume full" in output
        assert bundle.read(tmp_path / "data" / "models" / "full").name == "full"
        subprocess.run(["mount", "-o", "remount,size=8m", str(tmp_path)], check=True)
        resuming = start("train", "--resume", "full", home=tmp_path)
        assert resuming.communicate()[1] == "" and resuming.returncode == 0
        assert not checkpoint.exists(tmp_path / "data" / "checkpoints" / "full")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
