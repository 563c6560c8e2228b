"""Whether the process that writes a run is still alive."""

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from sentiment.tracking import process
from sentiment.tracking import tags as names

needs_proc = pytest.mark.skipif(not psutil.LINUX, reason="only Linux names boots and namespaces")


@pytest.fixture(params=[False, True], ids=["namespaces", "no namespaces"], autouse=True)
def system(request, monkeypatch, tmp_path):
    """Run each test once more as on a system that does not name its namespaces."""
    if request.param:
        monkeypatch.setattr(process, "_PROC", tmp_path / "missing")


def tags_of(pid):
    """Return the tags that the process `pid` would set."""
    birth = f"{process._namespace()}{process._start_time(pid)}"
    return process.process_tags() | {names.PROCESS: f"{pid} {birth}"}


def test_a_process_is_alive_until_it_has_ended():
    assert process.is_alive(process.process_tags()) is True
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    tags = tags_of(child.pid)
    assert process.is_alive(tags) is True
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert process.is_alive(tags) is False  # it has ended, though its parent has not collected it
    child.wait()
    assert process.is_alive(tags) is False


def test_another_process_with_the_number_of_an_ended_one_is_not_taken_for_it():
    tags = process.process_tags()
    birth = tags[names.PROCESS].partition(" ")[2]
    assert process.is_alive(tags | {names.PROCESS: f"1 {birth}"}) is False  # 1 started at boot
    assert process.is_alive(tags | {names.PROCESS: tags[names.PROCESS] + "0"}) is False


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "another.machine"}, {names.PROCESS: ""}, {names.PROCESS: "x y"},
        {names.PROCESS: "1"},
        {names.PROCESS: f"{os.getpid()} Thu-Jan-1-00:00:00-1970"},  # of `ps`, in an earlier version
    ],
)  # fmt: skip
def test_a_process_that_can_not_be_seen_from_here_is_unknown(changes):
    assert process.is_alive(process.process_tags() | changes) is None
    assert process.is_alive({}) is None


def test_a_process_that_may_not_be_looked_at_is_unknown(monkeypatch):
    tags = process.process_tags()

    def deny(pid):
        raise psutil.AccessDenied(pid)

    monkeypatch.setattr(psutil, "Process", deny)
    assert process.is_alive(tags) is None


@needs_proc
def test_a_clock_that_is_set_ends_no_process(monkeypatch):
    tags, boot_time = process.process_tags(), psutil.boot_time()
    later = iter([boot_time, *[boot_time + 3600] * 9])
    # psutil asks its own module for the boot time, which it adds to the time since boot.
    monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: next(later))
    assert process.is_alive(tags) is True


@needs_proc
@pytest.mark.parametrize("system", [False], indirect=True)
def test_tags_are_those_of_earlier_versions():
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    namespace = Path("/proc/self/ns/pid").stat().st_ino
    tick = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    assert process.process_tags()[names.PROCESS] == f"{os.getpid()} {boot}/{namespace}/{tick}"


@needs_proc
@pytest.mark.parametrize("system", [False], indirect=True)
def test_another_boot_has_ended_all_processes_and_another_container_hides_its_own():
    tags = process.process_tags()
    pid, _, birth = tags[names.PROCESS].partition(" ")
    boot, namespace, tick = birth.split("/")
    before = {names.PROCESS: f"{pid} {boot[::-1]}/{namespace}/{tick}"}
    elsewhere = {names.PROCESS: f"{pid} {boot}/{namespace}1/{tick}"}
    assert process.is_alive(tags | before) is False
    assert process.is_alive(tags | elsewhere) is None
    assert process.is_alive(tags | {names.PROCESS: f"{pid} {tick}"}) is None


def test_the_tags_of_an_earlier_version_are_read():
    present = process.process_tags()
    former = {"host": present["host"], "process": present[names.PROCESS]}
    assert process.is_alive(former) is True
    assert process.is_alive(former | {"process": former["process"] + "0"}) is False
