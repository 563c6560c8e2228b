import os
import time

import pytest

from sentiment.inference import partial_file
from sentiment.inference.partial_file import PartialFile


@pytest.fixture
def calls(monkeypatch):
    """Return a list of the calls that reach the disk, in order."""
    seen = []

    def record(function, name):
        def call(*words, **options):
            seen.append(name)
            return function(*words, **options)

        return call

    monkeypatch.setattr(os, "fsync", record(os.fsync, "fsync"))
    monkeypatch.setattr(partial_file.files, "write_json", lambda *_: seen.append("record"))
    monkeypatch.setattr(type(partial_file.Path()), "replace", record(os.replace, "rename"))
    return seen


def test_the_bytes_are_on_the_disk_before_the_record_and_the_name(tmp_path, calls, monkeypatch):
    part = PartialFile(tmp_path / "out.csv", {})
    with part.begin() as file:
        file.write(b"text")
        part.save(file, {})
        assert calls == []  # less than a second has passed
        later = time.monotonic() + 2
        monkeypatch.setattr(partial_file.time, "monotonic", lambda: later)
        part.save(file, {})
        assert calls == ["fsync", "record"]
        part.finish(file)
    assert calls == ["fsync", "record", "fsync", "rename"]
    assert (tmp_path / "out.csv").read_bytes() == b"text"


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
