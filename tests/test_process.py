"""Whether the process that writes a run still lives, where there is no /proc too."""

import os
import subprocess

import pytest

from sentiment.tracking import process


@pytest.fixture(params=[False, True], ids=["proc", "ps"])
def way(request, monkeypatch, tmp_path):
    if request.param:
        monkeypatch.setattr(process, "_PROC", tmp_path / "none")


def test_a_process_is_alive_until_it_has_ended(way):
    assert process.is_alive(process.identity())
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    there = process.identity() | {"process": f"{child.pid} {process._birth(child.pid)}"}
    assert process.is_alive(there)
    child.communicate()
    assert process.is_alive(there) is False
    assert process._birth(child.pid) == ""


def test_another_process_with_the_number_of_one_that_has_ended_is_not_taken_for_it(way):
    mine = process.identity()
    assert process.is_alive(mine | {"process": f"{os.getppid()} {mine['process'].split()[1]}"}) in (
        # Those of one second have the same birth, as ps tells it.
        [False] if process._PROC.is_dir() else [False, True]
    )
