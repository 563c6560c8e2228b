"""End the runs that killed processes have left RUNNING."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sentiment.tracking import history, process, store
from sentiment.tracking.history import RUNNING, RunRecord
from sentiment.utils.paths import ProjectPaths

KILLED = "KILLED"


@dataclass(frozen=True)
class StaleRuns:
    """Runs that have been ended, and runs whose process can't be checked from this machine."""

    ended: list[RunRecord]
    unknown: list[RunRecord]


def end_stale_runs(
    paths: ProjectPaths, experiment: str = store.EXPERIMENT, *, older_than: float | None = None
) -> StaleRuns:
    """End each RUNNING run whose process is gone as KILLED; the tag `failure` says why.

    A run whose process can't be checked, mostly one on another machine, is ended only if it
    started more than `older_than` hours ago. Its end is the time when it last logged a metric.
    """
    ended: list[RunRecord] = []
    unknown: list[RunRecord] = []
    now = datetime.now(UTC)
    for run in history.list_runs(paths, experiment):
        alive = process.is_alive(run.tags) if run.status == RUNNING else True
        if alive:
            continue
        hours = (now - run.started).total_seconds() / 3600
        if alive is None and (older_than is None or hours <= older_than):
            unknown.append(run)
        elif _end(paths, run, alive):
            ended.append(run)
    return StaleRuns(ended, unknown)


def _end(paths: ProjectPaths, run: RunRecord, alive: bool | None) -> bool:
    """End a run as KILLED; return False if it has ended by itself meanwhile."""
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        if client.get_run(run.id).info.status != RUNNING:
            return False
        timestamps = [
            point.timestamp
            for name in run.metrics
            for point in client.get_metric_history(run.id, name)
        ]
        reason = "its process can't be checked" if alive is None else "its process is gone"
        client.set_tag(run.id, "failure", f"{reason}: ended by sentiment runs --stale")
        last = max([round(run.started.timestamp() * 1000), *timestamps])
        client.set_terminated(run.id, KILLED, end_time=last)
    return True
