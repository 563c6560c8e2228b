"""A process of its own that sends a run's spool while the run is under way.

So nothing that a server does holds training up. It may be killed at any moment: what it has not
sent stays. Knows spools and processes; knows nothing of what is sent.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from sentiment.errors import SentimentError
from sentiment.tracking.offline import connection, replay
from sentiment.tracking.offline.queue import OfflineQueue
from sentiment.utils.paths import ProjectPaths

_PAUSE = 0.3  # seconds between two looks into the spool
_AGAIN = 5.0  # seconds after which a store that was away is asked again
_PATIENCE = 5.0  # seconds that the end of a training waits for what is left
_EARNED = 0.25  # seconds that each operation sent adds: a store that is quick gets all


class Uploader:
    """Sends a spool from another process, between `start` and `finish`."""

    def __init__(self, paths: ProjectPaths, spool: OfflineQueue):
        self._paths, self._spool = paths, spool
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        """Begin to send, where that hasn't begun."""
        if self._process is not None:
            return
        command = [sys.executable, "-m", __name__, str(self._paths.root), str(self._spool.folder)]
        # In a session of its own: Ctrl-C ends training, which has something to say after it.
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
        )

    def finish(self) -> None:
        """Wait while the store takes what is left, as long as it is quick."""
        if self._process is None:
            return
        left, end = self._spool.pending(), time.monotonic() + _PATIENCE
        try:
            while self._spool.pending() and self._process.poll() is None:
                sent, left = left - self._spool.pending(), self._spool.pending()
                end += sent * _EARNED
                if time.monotonic() > end or self._spool.trouble:
                    break
                time.sleep(_PAUSE / 3)
        finally:
            self._process.kill()
            self._process.wait()


def upload(paths: ProjectPaths, spool: OfflineQueue) -> None:
    """Send a spool until all is said and sent, or the process that writes it is gone."""
    parent = os.getppid()
    while True:
        orphaned, wait = os.getppid() != parent, _PAUSE
        try:
            # Somebody else may be sending it: the courier of a training that was killed.
            with spool.held() as mine:
                if mine and spool.pending():
                    replay.send(paths, spool)
            if orphaned or (spool.header["ended"] and not spool.pending()):
                return
        except connection.StoreUnreachableError:
            wait = _AGAIN
        except SentimentError:
            return  # `trouble` says why; the same would be refused again
        if orphaned:
            return
        time.sleep(wait)


if __name__ == "__main__":
    os.nice(10)  # training comes first
    upload(ProjectPaths(Path(sys.argv[1])), OfflineQueue(Path(sys.argv[2])))
