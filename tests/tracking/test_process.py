"""Whether the process that writes a run still lives, where there is no /proc too."""

import subprocess

import pytest

from sentiment.tracking import process


@pytest.fixture(params=[False, True], ids=["proc", "ps"])
def way(request, monkeypatch, tmp_path):
    if request.param:
        monkeypatch.setattr(process, "_PROC", tmp_path / "none")


def test_a_process_is_alive_until_it_has_ended(way):
    assert process.is_alive(process.process_tags())
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    there = process.process_tags() | {"process": f"{child.pid} {process._birth(child.pid)}"}
    assert process.is_alive(there)
    child.communicate()
    assert process.is_alive(there) is False
    assert process._birth(child.pid) == ""


def test_another_process_with_the_number_of_one_that_has_ended_is_not_taken_for_it(way):
    mine = process.process_tags()
    birth = mine["process"].partition(" ")[2]
    assert process.is_alive(mine | {"process": f"1 {birth}"}) is False  # there since the boot
