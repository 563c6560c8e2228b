"""All spools, sent.

Knows spools and their writers; knows nothing of what is sent.
"""

from dataclasses import dataclass

from sentiment.errors import SentimentError
from sentiment.tracking.offline import queue as spool
from sentiment.tracking.offline import replay
from sentiment.tracking.offline.queue import Spool
from sentiment.utils import locks
from sentiment.utils.paths import Folders
from sentiment.utils.progress import Watcher


@dataclass(frozen=True)
class Sent:
    """What became of a spool. left: operations that are not sent, and `trouble` says why."""

    name: str
    left: int
    trouble: SentimentError | None


def sync(folders: Folders, watcher: Watcher) -> list[Sent]:
    """Send all spools, the oldest first; what one store refuses holds up no other run.

    Raises InputError where another process is doing so.
    """
    with locks.held(folders.spool / ".sync", "sending the waiting runs"):
        return [_send(folders, kept, watcher) for kept in spool.spools(folders)]


def _send(folders: Folders, kept: Spool, watcher: Watcher) -> Sent:
    name, trouble = kept.folder.name, None
    try:
        name = kept.header["name"]
        with kept.held() as mine:
            if mine:
                replay.send(folders, kept, watcher=watcher)
            elif kept.pending():
                trouble = SentimentError(f"the training of {name} is sending it")
        kept.settle()
    except SentimentError as error:
        trouble = error
    return Sent(name, kept.pending(), trouble)
