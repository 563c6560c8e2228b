import os
import signal
import subprocess
import sys
import time

import pytest

from sentiment.inference import worker_pool

pytestmark = pytest.mark.skipif(
    worker_pool.cores() < 2, reason="one core: no processes are started"
)

# In a process of its own: forking is safe if no library has started threads.
PARENT = """
import os, sys, time
from sentiment.inference import worker_pool
def function(n):
    time.sleep(0.02 * (n % 3))
    if n == {bad}:
        raise ValueError("no answer for " + str(n))
    return n * n, os.getpid()
started = 0
def jobs():
    global started
    for started in range(1, 21):
        yield str(started), started
for key, (square, pid) in worker_pool.ordered_map(function, jobs()):
    print(key, square, pid, started, flush=True)
    time.sleep({pause})
"""

# SIGTERM comes when a worker has been forked and has not set its handlers yet.
EARLY = """
import multiprocessing.util, time
from sentiment.cli._errors import end_on_signals
from sentiment.inference import worker_pool
end_on_signals()
multiprocessing.util.register_after_fork(worker_pool, lambda _: time.sleep(0.5))
def jobs():
    yield "a", 1
    raise SystemExit("no more jobs")
list(worker_pool.ordered_map(abs, jobs()))
"""


def start(bad=0, pause=0):
    code = PARENT.format(bad=bad, pause=pause)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def has_ended(pid):
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            if stat.read().rpartition(")")[2].split()[0] == "Z":
                return True
        time.sleep(0.05)
    return False


def test_results_come_in_order_from_several_processes_and_few_jobs_wait():
    out, err = start().communicate()
    lines = [line.split() for line in out.splitlines()]
    assert [(key, int(square)) for key, square, *_ in lines] == [
        (str(n), n * n) for n in range(1, 21)
    ], err
    processes = min(worker_pool.cores(), 8)
    assert len({pid for _, _, pid, _ in lines}) == processes
    assert all(int(started) - int(key) <= processes for key, _, _, started in lines)


def test_an_error_in_a_worker_is_raised_in_the_parent():
    out, err = start(bad=7).communicate()
    assert len(out.splitlines()) == 6
    assert "ValueError: no answer for 7" in err.splitlines()[-1]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_parent_that_is_killed_leaves_no_process_behind():
    process = start(pause=0.2)
    pids = {int(process.stdout.readline().split()[2]) for _ in range(4)}
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(pids) >= 2
    assert all(has_ended(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_and_a_closed_terminal_are_for_the_parent_and_end_no_worker(number):
    process = start(pause=0.02)
    lines = [process.stdout.readline() for _ in range(4)]
    for pid in {int(line.split()[2]) for line in lines}:
        os.kill(pid, number)
    out, err = process.communicate()
    assert len(lines) + len(out.splitlines()) == 20 and not err


def test_a_worker_that_is_ended_while_it_starts_says_nothing():
    process = subprocess.run(
        [sys.executable, "-c", EARLY], capture_output=True, text=True, timeout=60
    )
    assert (process.returncode, process.stderr) == (1, "no more jobs\n")


def test_with_a_single_core_the_work_is_done_in_this_process(monkeypatch):
    monkeypatch.setattr(worker_pool, "cores", lambda: 1)
    results = list(worker_pool.ordered_map(lambda n: (n * n, os.getpid()), [("a", 2), ("b", 3)]))
    assert results == [("a", (4, os.getpid())), ("b", (9, os.getpid()))]
    with pytest.raises(ZeroDivisionError):
        list(worker_pool.ordered_map(lambda n: 1 / n, [("a", 0)]))
