"""Runs that a killed process has left RUNNING for ever, and their end.

Knows runs and the processes that write them; knows nothing of what runs hold.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sentiment.tracking import history, process, store
from sentiment.tracking.history import RUNNING, RunRecord
from sentiment.utils.paths import ProjectPaths

KILLED = "KILLED"


@dataclass(frozen=True)
class StaleRuns:
    """What became of runs that were RUNNING: ended, or left as their process can't be seen."""

    ended: list[RunRecord]
    unknown: list[RunRecord]


def end_stale_runs(
    paths: ProjectPaths, experiment: str = store.EXPERIMENT, *, older_than: float | None = None
) -> StaleRuns:
    """End runs that are RUNNING though their process is gone, as KILLED; the tag `failure` says so.

    Where the process can't be seen from here, on another machine above all, a run is ended only
    if it began more than `older_than` hours ago. They end when they last logged something.
    """
    stale, now = StaleRuns([], []), datetime.now(UTC)
    for run in history.list_runs(paths, experiment):
        alive = process.is_alive(run.tags) if run.status == RUNNING else True
        if alive:
            continue
        old = older_than is not None and (now - run.started).total_seconds() > 3600 * older_than
        if alive is None and not old:
            stale.unknown.append(run)
        elif _end(paths, run, alive):
            stale.ended.append(run)
    return stale


def _end(paths: ProjectPaths, run: RunRecord, alive: bool | None) -> bool:
    """End a run as KILLED; return False where it has ended by itself meanwhile."""
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        if client.get_run(run.id).info.status != RUNNING:
            return False
        moments = [
            point.timestamp
            for name in run.metrics
            for point in client.get_metric_history(run.id, name)
        ]
        why = "nobody knows of its process" if alive is None else "its process is gone"
        client.set_tag(run.id, "failure", f"{why}: ended by sentiment runs --stale")
        last = max([round(run.started.timestamp() * 1000), *moments])
        client.set_terminated(run.id, KILLED, end_time=last)
    return True
