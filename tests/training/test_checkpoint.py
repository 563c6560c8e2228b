"""Checkpoints on disk: written as a whole, two of them at a time, checked by digest."""

import subprocess
import sys

import numpy as np
import pytest

from sentiment.errors import DamagedFileError, InputError, MissingFileError
from sentiment.training import checkpoint
from sentiment.training.checkpoint import newest, open_writer
from sentiment.utils import files

ARRAYS = {"network.00": np.arange(6, dtype=np.float32).reshape(2, 3)}


def write(folder, epochs):
    with open_writer(folder) as writer:
        for epoch in range(1, epochs + 1):
            writer.write(epoch, {"loss": 0.1 * epoch}, ARRAYS)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def flip(path):
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def test_a_checkpoint_is_read_back_to_the_last_bit(tmp_path):
    write(tmp_path / "run", 3)
    found = newest(tmp_path / "run", pytest.fail)
    assert (found.epoch, found.state) == (3, {"loss": 0.1 * 3})
    np.testing.assert_array_equal(found.arrays["network.00"], ARRAYS["network.00"])


def test_the_newest_two_remain_and_an_unfinished_one_is_removed(tmp_path):
    unfinished = tmp_path / "run" / ".epoch-0001.xyz"
    unfinished.mkdir(parents=True)
    write(tmp_path / "run", 3)
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == ["epoch-0002", "epoch-0003"]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("damage", [truncate, flip])
@pytest.mark.parametrize("name", ["arrays.npz", "state.json"])
def test_instead_of_a_damaged_checkpoint_the_one_before_is_used(tmp_path, damage, name):
    write(tmp_path / "run", 2)
    damage(tmp_path / "run" / "epoch-0002" / name)
    notes = []
    assert newest(tmp_path / "run", notes.append).epoch == 1
    assert len(notes) == 1
    assert f"epoch-0002/{name} is damaged" in notes[0]
    assert notes[0].endswith(": using the checkpoint before it")


def test_a_truncated_manifest_counts_as_damage(tmp_path):
    write(tmp_path / "run", 2)
    truncate(tmp_path / "run" / "epoch-0002" / "checkpoint.json")
    notes = []
    assert newest(tmp_path / "run", notes.append).epoch == 1 and len(notes) == 1


def test_if_all_are_damaged_that_is_the_error(tmp_path):
    write(tmp_path / "run", 2)
    for path in (tmp_path / "run").glob("epoch-*"):
        truncate(path / "arrays.npz")
    with pytest.raises(DamagedFileError) as caught:
        newest(tmp_path / "run", lambda text: None)
    assert caught.value.fact == f"all checkpoints in {tmp_path / 'run'} are damaged"
    assert caught.value.hint == "sentiment train"


def forge(path, **parts):
    """Change files of a checkpoint and record their new digests, as a forger would."""
    for name, write in parts.items():
        write(path / name.replace("_", "."))
    written = {
        name: recorded for name, recorded in files.checksums(path).items() if "check" not in name
    }
    files.write_json(path / "checkpoint.json", {"format": 1, "files": written})


@pytest.mark.parametrize(
    ("damage", "fact"),
    [
        (lambda path: (path / "checkpoint.json").unlink(), "/checkpoint.json can't be read: "),
        (
            lambda path: files.write_json(path / "checkpoint.json", {"format": 2}),
            "format 2; this program reads 1",
        ),
        (
            lambda path: files.write_json(path / "checkpoint.json", {"format": 1, "files": []}),
            "/state.json is damaged",
        ),
        (
            lambda path: files.write_json(
                path / "checkpoint.json", {"format": 1, "files": {"state.json": "x"}}
            ),
            "/state.json is damaged",
        ),
        (lambda path: (path / "arrays.npz").unlink(), "/arrays.npz is missing"),
        (
            lambda path: forge(path, state_json=lambda part: part.write_text("[]")),
            "/state.json holds no JSON object",
        ),
        (
            lambda path: forge(path, arrays_npz=lambda part: part.write_text("none")),
            "/arrays.npz can't be read: ",
        ),
        (
            lambda path: forge(
                path, arrays_npz=lambda part: np.savez(part, a=np.array([{}], object))
            ),
            "/arrays.npz can't be read: a.npy holds Python objects",
        ),
    ],
)
def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path, damage, fact):
    write(tmp_path / "run", 1)
    path = tmp_path / "run" / "epoch-0001"
    assert checkpoint.read(path).epoch == 1
    damage(path)
    with pytest.raises(DamagedFileError) as caught:
        checkpoint.read(path)
    assert caught.value.fact.startswith(str(path)) and fact in caught.value.fact
    assert caught.value.hint == "sentiment train"


def test_a_failed_write_leaves_the_earlier_checkpoints(tmp_path):
    write(tmp_path / "run", 2)
    with open_writer(tmp_path / "run") as writer, pytest.raises(TypeError):
        writer.write(3, {"no JSON": object()}, ARRAYS)
    assert newest(tmp_path / "run", pytest.fail).epoch == 2
    assert not list((tmp_path / "run").glob(".epoch*"))


def test_two_processes_cannot_train_one_run(tmp_path):
    code = """
import sys
from pathlib import Path
from sentiment.training.checkpoint import open_writer
with open_writer(Path(sys.argv[1])):
    print("writing", flush=True)
    sys.stdin.read()
"""
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "writing\n"
    expected = f"process {other.pid} is already training run"
    with pytest.raises(InputError, match=expected):
        write(tmp_path / "run", 1)
    other.communicate("")
    write(tmp_path / "run", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_run_without_checkpoints_leaves_no_folder(tmp_path):
    with open_writer(tmp_path / "run"):
        (tmp_path / "run").mkdir()
    assert not list(tmp_path.iterdir())


def test_runs_that_can_be_resumed_are_listed_and_the_last_is_found(tmp_path):
    with pytest.raises(MissingFileError) as caught:
        checkpoint.find(tmp_path, "last")
    assert caught.value.fact == "no training can be resumed"
    assert caught.value.hint == "sentiment train"
    with pytest.raises(InputError, match="a run name is a plain file name"):
        checkpoint.find(tmp_path, "")
    write(tmp_path / "first", 1)
    write(tmp_path / "second", 1)
    assert checkpoint.find(tmp_path, "last").name == "second"
    assert checkpoint.find(tmp_path, "first").name == "first"
    write(tmp_path / ".hidden", 1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingFileError) as caught:
        checkpoint.find(tmp_path, "third")
    assert caught.value.fact == (
        "no training called 'third' can be resumed; there are checkpoints of second, first"
    )
    assert caught.value.hint == "sentiment train --resume second"


def test_the_last_training_is_the_newest_by_time_and_not_by_name(tmp_path):
    for name in ("b", "c", "a"):
        write(tmp_path / name, 1)
    assert checkpoint.find(tmp_path, "last").name == "a"
    with pytest.raises(MissingFileError, match=r"checkpoints of a, c, b$"):
        checkpoint.find(tmp_path, "d")


def test_a_name_cannot_lead_to_another_folder(tmp_path):
    write(tmp_path / "elsewhere" / "run", 1)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(InputError, match="a run name is a plain file name"):
        checkpoint.find(tmp_path / "checkpoints", "../elsewhere/run")


def test_the_tenth_epoch_comes_after_the_ninth(tmp_path):
    with open_writer(tmp_path / "run") as writer:
        for epoch in (9, 10, 11):
            writer.write(epoch, {}, {})
        names = sorted(path.name for path in (tmp_path / "run").glob("epoch-*"))
        assert names == ["epoch-0010", "epoch-0011"]
    assert checkpoint.exists(tmp_path / "run") and not checkpoint.exists(tmp_path)
    assert newest(tmp_path / "run", pytest.fail).epoch == 11


def test_files_that_cannot_be_removed_are_no_error(tmp_path):
    write(tmp_path / "run", 1)
    (tmp_path / "run" / ".epoch-0002.abc").touch()  # no folder
    write(tmp_path / "run", 3)
    assert newest(tmp_path / "run", pytest.fail).epoch == 3
    with open_writer(tmp_path / "run") as writer:
        writer.remove()
        writer.remove()
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as caught, open_writer(tmp_path / "file" / "run"):
        pass
    assert caught.value.fact.startswith(f"can't write in {tmp_path}/file")
