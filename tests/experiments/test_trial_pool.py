from contextlib import closing

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
        assert list(pool.messages()) == [(7, TrialMessage(lost=True))]
        assert pool.running == [] and pool.has_idle_worker
        assert pool._workers[0].process.is_alive()
