"""The part file is on the disk before a record says so, and nobody else's is continued."""

import os
import time

import pytest

from sentiment.errors import DamagedFileError, InputError
from sentiment.inference import partial_file
from sentiment.inference.partial_file import PartialFile
from sentiment.utils import files


@pytest.fixture
def part(tmp_path):
    return PartialFile(tmp_path / "out.csv", {"the input": 1})


@pytest.fixture
def synced(monkeypatch):
    """Return a list that grows by the size of each file that is written to the disk."""
    sizes = []
    write_to_disk = os.fsync

    def record(descriptor):
        sizes.append(os.fstat(descriptor).st_size)
        write_to_disk(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    return sizes


def test_all_bytes_are_on_the_disk_before_the_file_gets_its_name(part, synced, monkeypatch):
    replace, at_replace = type(part.path).replace, []

    def record(path, target):
        at_replace.append(list(synced))
        return replace(path, target)

    monkeypatch.setattr(type(part.path), "replace", record)
    file = part.begin()
    file.write(b"x" * 12_345)
    part.finish(file)
    assert at_replace == [[12_345]] and part.target.stat().st_size == 12_345


def test_all_bytes_are_on_the_disk_before_a_record_says_so(part, synced, monkeypatch):
    monkeypatch.setattr(partial_file, "_SAVE_INTERVAL", 0.0)
    write_json = files.write_json
    before = []

    def record(path, content):
        before.append((list(synced), content["bytes"]))
        write_json(path, content)

    monkeypatch.setattr(files, "write_json", record)
    file = part.begin()
    file.write(b"x" * 777)
    time.sleep(0.001)
    part.save(file, {"line": 3})
    file.close()
    assert before == [([777], 777)] and part.state() == {"line": 3, "bytes": 777}


def test_the_part_of_another_user_is_not_continued(part, monkeypatch):
    part.path.write_text("half")
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(InputError, match="belongs to another user"):
        part.reopen(4)
    assert part.path.read_text() == "half"


def test_what_an_output_replaces_is_private_while_it_is_written(part):
    part.target.write_text("old")
    part.target.chmod(0o600)
    file = part.begin()
    assert part.path.stat().st_mode & 0o777 == 0o600
    part.finish(file)
    assert part.target.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "record",
    [{}, {"stated": 1, "state": {}, "bytes": 0}, {"stated": {}, "state": [1], "bytes": 0},
     {"stated": {}, "state": {}, "bytes": "x"}, {"stated": {}, "state": {}, "bytes": None}],
)  # fmt: skip
def test_a_forged_record_is_named(part, record):
    part.path.write_text("half")
    files.write_json(part.path.with_name(f"{part.path.name}.json"), record)
    with pytest.raises(DamagedFileError, match=r"\.out\.csv\.part\.json can't be read"):
        part.state()


def test_what_a_link_points_to_is_replaced(tmp_path):
    target, link = tmp_path / "there" / "out.csv", tmp_path / "link.csv"
    target.parent.mkdir()
    target.write_bytes(b"old")
    link.symlink_to(target)
    part = PartialFile(link, {})
    with part.begin() as file:
        file.write(b"new")
        assert [path.name for path in target.parent.iterdir() if path != target] == [part.path.name]
        part.finish(file)
    assert link.is_symlink() and target.read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.csv", "there"]
