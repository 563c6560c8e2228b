import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sentiment.config import PrepareSettings
from sentiment.experiments.trial_pool import TrialMessage, TrialPool
from sentiment.recipe import Recipe
from sentiment.utils.paths import ProjectPaths

# In a process of its own, whose first trial process also starts one for multiprocessing itself.
EARLY = """
import os, signal, sys, time
from contextlib import closing
from pathlib import Path
from sentiment.config import PrepareSettings
from sentiment.experiments.trial_pool import TrialPool
from sentiment.recipe import Recipe
from tests.experiments.test_trial_pool import SlowPaths
signal.signal(signal.SIGINT, signal.default_int_handler)
paths = SlowPaths(Path(sys.argv[1]))
with closing(TrialPool(1, paths)) as pool:
    while not (paths.root / "starting").exists():
        time.sleep(0.01)
    os.kill(pool._workers[0].process.pid, signal.SIGINT)
    pool.start(1, Recipe(prepare=PrepareSettings(dataset="missing.csv")))
    print(list(pool.messages()))
"""


@dataclass(frozen=True)
class SlowPaths(ProjectPaths):
    """Paths that take half a second to read in another process, before it does anything else."""

    def __reduce__(self):
        return read_slowly, (self.root,)


def read_slowly(root):
    (root / "starting").touch()
    time.sleep(0.5)
    return ProjectPaths(root)


def test_a_trial_that_starts_in_a_dead_process_is_lost_and_the_process_replaced(tmp_path):
    with closing(TrialPool(1, ProjectPaths(tmp_path))) as pool:
        dead = pool._workers[0].process
        dead.kill()
        dead.join()
        pool.start(7, Recipe())
        assert pool.running == [7] and not pool.has_idle_worker
        killed = "its process was killed, perhaps because memory ran out"
        assert list(pool.messages()) == [(7, TrialMessage(lost=killed))]
        assert pool.running == [] and pool.has_idle_worker
        assert pool._workers[0].process.is_alive()


def test_ctrl_c_is_for_the_pool_and_ends_no_process(tmp_path):
    missing = Recipe(prepare=PrepareSettings(dataset=str(tmp_path / "missing.csv")))
    with closing(TrialPool(1, ProjectPaths(tmp_path))) as pool:
        process = pool._workers[0].process
        for trial in (1, 2):
            pool.start(trial, missing)
            [(number, message)] = pool.messages()
            assert (number, message.lost) == (trial, "") and "missing.csv" in message.failure
            os.kill(process.pid, signal.SIGINT)
        assert process.is_alive()


def test_ctrl_c_ends_no_process_that_is_starting(tmp_path):
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, "-c", EARLY, str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=root, env=environment, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "lost=''" in done.stdout and "missing.csv" in done.stdout
