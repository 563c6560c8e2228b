"""Checkpoints on disk: whole or not at all, two deep, told apart by digest."""

import subprocess
import sys

import numpy as np
import pytest

from sentiment import checkpoint
from sentiment.checkpoint import newest, writing
from sentiment.errors import DamagedFileError, InputError, MissingFileError

ARRAYS = {"network.00": np.arange(6, dtype=np.float32).reshape(2, 3)}


def write(folder, epochs):
    with writing(folder) as writer:
        for epoch in range(1, epochs + 1):
            writer.write(epoch, {"loss": 0.1 * epoch}, ARRAYS)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def flip(path):
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def test_what_was_written_is_read_back_to_the_last_bit(tmp_path):
    write(tmp_path / "run", 3)
    found = newest(tmp_path / "run", pytest.fail)
    assert (found.epoch, found.state) == (3, {"loss": 0.1 * 3})
    np.testing.assert_array_equal(found.arrays["network.00"], ARRAYS["network.00"])


def test_two_checkpoints_are_kept_and_what_a_killed_process_left_is_removed(tmp_path):
    left = tmp_path / "run" / ".epoch-0001.xyz"
    left.mkdir(parents=True)
    write(tmp_path / "run", 3)
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == ["epoch-0002", "epoch-0003"]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("harm", [truncate, flip])
@pytest.mark.parametrize("name", ["arrays.npz", "state.json"])
def test_of_a_damaged_checkpoint_the_one_before_is_used_and_said(tmp_path, harm, name):
    write(tmp_path / "run", 2)
    harm(tmp_path / "run" / "epoch-0002" / name)
    said = []
    assert newest(tmp_path / "run", said.append).epoch == 1
    assert len(said) == 1
    assert f"epoch-0002/{name} is damaged" in said[0] and "the checkpoint before it" in said[0]


def test_a_truncated_record_is_damage_too(tmp_path):
    write(tmp_path / "run", 2)
    truncate(tmp_path / "run" / "epoch-0002" / "checkpoint.json")
    said = []
    assert newest(tmp_path / "run", said.append).epoch == 1 and len(said) == 1


def test_where_none_is_whole_that_is_the_error(tmp_path):
    write(tmp_path / "run", 2)
    for path in (tmp_path / "run").glob("epoch-*"):
        truncate(path / "arrays.npz")
    with pytest.raises(DamagedFileError, match=r"no checkpoint in .*run is whole"):
        newest(tmp_path / "run", lambda text: None)


def test_a_write_that_fails_leaves_the_checkpoints_before(tmp_path):
    write(tmp_path / "run", 2)
    with writing(tmp_path / "run") as writer, pytest.raises(TypeError):
        writer.write(3, {"no JSON": object()}, ARRAYS)
    assert newest(tmp_path / "run", pytest.fail).epoch == 2
    assert not list((tmp_path / "run").glob(".epoch*"))


def test_one_run_is_not_trained_by_two_at_once(tmp_path):
    code = """
import sys
from pathlib import Path
from sentiment.checkpoint import writing
with writing(Path(sys.argv[1])):
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
    expected = f"training run is what process {other.pid} is doing already"
    with pytest.raises(InputError, match=expected):
        write(tmp_path / "run", 1)
    other.communicate("")
    write(tmp_path / "run", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_run_without_checkpoints_leaves_nothing(tmp_path):
    with writing(tmp_path / "run"):
        (tmp_path / "run").mkdir()
    assert not list(tmp_path.iterdir())


def test_runs_that_can_be_resumed_are_named_and_the_last_is_found(tmp_path):
    with pytest.raises(MissingFileError, match="no training can be resumed"):
        checkpoint.find(tmp_path, "last")
    write(tmp_path / "first", 1)
    write(tmp_path / "second", 1)
    assert checkpoint.find(tmp_path, "last").name == "second"
    assert checkpoint.find(tmp_path, "first").name == "first"
    with pytest.raises(MissingFileError, match="checkpoints of second, first") as caught:
        checkpoint.find(tmp_path, "third")
    assert caught.value.remedy == "sentiment train --resume second"
