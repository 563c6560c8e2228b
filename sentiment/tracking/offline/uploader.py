"""Send a run's queue from a process of its own while the run is under way.

A slow server therefore never delays training. The process may be killed at any moment: what it has
not sent stays queued.
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

_POLL_SECONDS = 0.3  # between two looks into the queue
_RETRY_SECONDS = 5.0  # until a store that did not answer is tried again
_FINAL_SECONDS = 5.0  # for which the end of a training waits for the rest to be sent
_SECONDS_PER_OPERATION = 0.25  # that each operation sent adds: a quick store gets everything


class Uploader:
    """Sends a queue from another process, between `start` and `finish`."""

    def __init__(self, paths: ProjectPaths, queue: OfflineQueue):
        self._paths, self._queue = paths, queue
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, unless it is started already."""
        if self._process is not None:
            return
        # -P: no module is imported from the working directory, where others may have put some.
        command = [sys.executable, "-P", "-m", __name__]
        command += [str(self._paths.root), str(self._queue.folder)]
        # In a session of its own: after Ctrl-C training still has something to log.
        null = subprocess.DEVNULL
        self._process = subprocess.Popen(
            command, stdin=null, stdout=null, stderr=null, start_new_session=True
        )

    def finish(self) -> None:
        """Wait for the rest to be sent, as long as the store is quick, and end the process."""
        if self._process is None:
            return
        pending, deadline = self._queue.pending(), time.monotonic() + _FINAL_SECONDS
        try:
            while self._queue.pending() and self._process.poll() is None:
                before, pending = pending, self._queue.pending()
                deadline += (before - pending) * _SECONDS_PER_OPERATION
                if time.monotonic() > deadline or self._queue.last_error:
                    break
                time.sleep(_POLL_SECONDS / 3)
        finally:
            self._process.kill()
            self._process.wait()


def upload(paths: ProjectPaths, queue: OfflineQueue) -> None:
    """Send a queue until all is logged and sent, or the process that logs has ended."""
    parent = os.getppid()
    while True:
        is_orphan, seconds = os.getppid() != parent, _POLL_SECONDS
        try:
            # The uploader of a training that was killed may still hold the lock.
            with queue.try_lock() as locked:
                if locked and queue.pending():
                    replay.send(paths, queue)
            if is_orphan or (queue.header.ended and not queue.pending()):
                return
        except connection.StoreUnreachableError:
            seconds = _RETRY_SECONDS
        except SentimentError:
            return  # the store would refuse again; the queue's `last_error` says why
        if is_orphan:
            return
        time.sleep(seconds)


if __name__ == "__main__":
    os.nice(10)  # training comes first
    upload(ProjectPaths(Path(sys.argv[1])), OfflineQueue(Path(sys.argv[2])))
