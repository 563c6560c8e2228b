"""All spools, sent.

Knows spools and their writers; knows nothing of what is sent.
"""

from dataclasses import dataclass

from sentiment.errors import SentimentError
from sentiment.tracking.offline import queue, replay
from sentiment.tracking.offline.queue import OfflineQueue
from sentiment.utils import locks
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress


@dataclass(frozen=True)
class SyncResult:
    """What became of a spool. left: operations that are not sent, and `trouble` says why."""

    name: str
    left: int
    trouble: SentimentError | None


def sync(paths: ProjectPaths, progress: Progress) -> list[SyncResult]:
    """Send all spools, the oldest first; what one store refuses holds up no other run.

    Raises InputError where another process is doing so.
    """
    with locks.file_lock(paths.spool / ".sync", "sending the waiting runs"):
        return [_send(paths, kept, progress) for kept in queue.list_queues(paths)]


def _send(paths: ProjectPaths, kept: OfflineQueue, progress: Progress) -> SyncResult:
    name, trouble = kept.folder.name, None
    try:
        name = kept.header["name"]
        with kept.held() as mine:
            if mine:
                replay.send(paths, kept, progress=progress)
            elif kept.pending():
                trouble = SentimentError(f"the training of {name} is sending it")
        kept.settle()
    except SentimentError as error:
        trouble = error
    return SyncResult(name, kept.pending(), trouble)
