import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

import pytest

from sentiment.errors import InputError
from sentiment.utils.locks import file_lock

HOLD = """
import os, sys, time
from pathlib import Path
from sentiment.utils.locks import file_lock
with file_lock(Path(sys.argv[1]), "a test"):
    if os.fork() == 0:
        time.sleep(float(sys.argv[2]))
        os._exit(0)
    print("locked", flush=True)
    time.sleep(60)
"""


def hold(path, child=0.0):
    """Start a process that holds the lock and has a child that lives for `child` seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), str(child)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "locked\n"
    return process


def test_the_error_names_the_process_that_holds_the_lock(tmp_path):
    path = tmp_path / "deep" / ".lock"
    process = hold(path)
    expected = f"process {process.pid} is already writing x"
    with pytest.raises(InputError, match=expected) as raised, file_lock(path, "writing x"):
        pytest.fail("both hold the lock")
    assert raised.value.hint == f"wait for it, or end it: kill {process.pid}"
    process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_dead_process_is_free_even_if_its_child_lives(tmp_path, number):
    path = tmp_path / ".lock"
    process = hold(path, child=5.0)
    process.send_signal(number)
    process.wait()
    with file_lock(path, "a test"):
        assert path.read_text() == f"{os.getpid()}\n"
    assert not path.exists()


def test_an_error_releases_the_lock(tmp_path):
    path = tmp_path / ".lock"
    with pytest.raises(ZeroDivisionError), file_lock(path, "a test"):
        raise ZeroDivisionError
    with file_lock(path, "a test"):
        pass


def test_of_three_processes_one_at_a_time_holds_the_lock(tmp_path):
    code = """
import sys, time
from pathlib import Path
from sentiment.errors import InputError
from sentiment.utils.locks import file_lock
folder, done = Path(sys.argv[1]), 0
while done < 50:
    try:
        with file_lock(folder / ".lock", "a test"):
            count = int((folder / "count").read_text())
            time.sleep(0.0002)
            (folder / "count").write_text(str(count + 1))
            done += 1
    except InputError:
        pass
"""
    (tmp_path / "count").write_text("0")
    processes = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "150"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match="can't write in") as raised,
        file_lock(tmp_path / "file" / "x", "a test"),
    ):
        pass
    assert raised.value.hint == f"ls -ld {tmp_path / 'file'}"


def test_threads_of_one_process_exclude_each_other(tmp_path):
    path, order = tmp_path / "lock", []

    def wait():
        with file_lock(path, "waiting", blocking=True):
            order.append("thread")

    with file_lock(path, "a test"):
        expected = f"process {os.getpid()} is already writing x"
        with pytest.raises(InputError, match=expected), file_lock(path, "writing x"):
            pass
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.05)
        order.append("body")
    thread.join()
    assert order == ["body", "thread"] and not path.exists()


def plant(kind, path, victim):
    """Put something at `path` that is not a file of its own; return what keeps it alive."""
    if kind == "link":
        path.symlink_to(victim)
    elif kind == "hard link":
        path.hardlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    elif kind == "socket":
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        return server
    return None


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "folder", "device", "socket"])
def test_what_is_planted_in_the_place_of_a_lock_is_named_and_not_written(tmp_path, kind):
    victim, path = tmp_path / "victim", tmp_path / ".lock"
    victim.write_text("precious\n")
    try:
        planted = plant(kind, path, victim)
    except PermissionError:
        pytest.skip(f"making a {kind} needs more rights")
    with pytest.raises(InputError, match=f"{path} is a {kind.split()[-1]}"), file_lock(path, "x"):
        pytest.fail("the lock was taken")
    assert victim.read_text() == "precious\n" and path.exists()
    if planted:
        planted.close()


def test_a_link_to_nothing_in_the_place_of_a_lock_creates_no_file(tmp_path):
    (tmp_path / ".lock").symlink_to(tmp_path / "new")
    with pytest.raises(InputError, match="is a link"), file_lock(tmp_path / ".lock", "x"):
        pytest.fail("the lock was taken")
    assert not (tmp_path / "new").exists()


def test_what_somebody_wrote_into_a_lock_is_no_command_to_type(tmp_path):
    path = tmp_path / ".lock"
    process = hold(path)
    path.write_text("1; rm -rf ~\n")
    with pytest.raises(InputError, match="another process is already") as raised, file_lock(path):
        pytest.fail("both hold the lock")
    assert raised.value.hint is None
    process.kill()
    process.wait()
