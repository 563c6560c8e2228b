import os
import signal
from contextlib import closing

from sentiment.config import PrepareSettings
from sentiment.experiments.trial_pool import TrialMessage, TrialPool
from sentiment.recipe import Recipe
from sentiment.utils.paths import ProjectPaths


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
