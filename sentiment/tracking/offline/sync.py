"""Send all queues."""

from dataclasses import dataclass
from pathlib import Path

from sentiment.errors import SentimentError
from sentiment.tracking.offline import replay
from sentiment.tracking.offline.queue import OfflineQueue, list_queues
from sentiment.utils.locks import file_lock
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress


@dataclass(frozen=True)
class SyncResult:
    """What became of a queue.

    left: operations that are not sent; trouble: why not; damaged: the folders of operations that
    can't be read and were left out.
    """

    name: str
    left: int
    trouble: SentimentError | None
    damaged: tuple[Path, ...] = ()


def sync(paths: ProjectPaths, progress: Progress) -> list[SyncResult]:
    """Send all queues, the oldest first; a store that refuses one does not hold up the others.

    Raises LockedError if another process is sending them.
    """
    with file_lock(paths.spool / ".sync", "sending the waiting runs"):
        return [_send(paths, queue, progress) for queue in list_queues(paths)]


def _send(paths: ProjectPaths, queue: OfflineQueue, progress: Progress) -> SyncResult:
    name, trouble = queue.folder.name, None
    try:
        name = queue.header.name
        with queue.try_lock() as locked:
            if locked:
                replay.send(paths, queue, progress=progress)
            elif queue.pending():
                trouble = SentimentError(f"the training of {name} is sending it")
        queue.remove_if_done()
    except SentimentError as error:
        trouble = error
    return SyncResult(name, queue.pending(), trouble, tuple(queue.damaged()))
