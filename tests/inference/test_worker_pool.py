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

# In a process of its own: forking is safe where no library has started threads.
PARENT = """
import os, sys, time
from sentiment.inference import worker_pool as workers
def work(n):
    time.sleep(0.02 * (n % 3))
    if n == {bad}:
        raise ValueError("no answer for " + str(n))
    return n * n, os.getpid()
taken = 0
def jobs():
    global taken
    for taken in range(1, 21):
        yield str(taken), taken
for kept, (square, pid) in workers.ordered_map(work, jobs()):
    print(kept, square, pid, taken, flush=True)
    time.sleep({pause})
"""


def start(bad=0, pause=0):
    code = PARENT.format(bad=bad, pause=pause)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def gone(pid):
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


def test_answers_come_in_order_from_several_processes_and_few_jobs_wait():
    out, err = start().communicate()
    said = [line.split() for line in out.splitlines()]
    assert [(kept, int(square)) for kept, square, *_ in said] == [
        (str(n), n * n) for n in range(1, 21)
    ], err
    assert len({pid for _, _, pid, _ in said}) == min(worker_pool.cores(), 8)
    assert all(int(taken) - int(kept) <= min(worker_pool.cores(), 8) for kept, _, _, taken in said)


def test_what_the_work_raises_is_raised_where_it_was_asked_for():
    out, err = start(bad=7).communicate()
    assert len(out.splitlines()) == 6
    assert "ValueError: no answer for 7" in err.splitlines()[-1]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_process_is_left_behind_by_a_parent_that_was_killed():
    process = start(pause=0.2)
    pids = {int(process.stdout.readline().split()[2]) for _ in range(4)}
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(pids) >= 2
    assert all(gone(pid) for pid in pids)


def test_a_single_core_does_the_work_where_it_stands(monkeypatch):
    monkeypatch.setattr(worker_pool, "cores", lambda: 1)
    done = list(worker_pool.ordered_map(lambda n: (n * n, os.getpid()), [("a", 2), ("b", 3)]))
    assert done == [("a", (4, os.getpid())), ("b", (9, os.getpid()))]
    with pytest.raises(ZeroDivisionError):
        list(worker_pool.ordered_map(lambda n: 1 / n, [("a", 0)]))
