"""Work on a stream in several processes: results in order, a bounded look-ahead.

Knows multiprocessing; knows nothing of the work. No threads: those that `multiprocessing.Pool`
runs would make forking unsafe, and its workers outlive a parent that was killed.
"""

import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

Kept = TypeVar("Kept")

_MOST = 8  # processes; one that reads and writes feeds no more


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(
    work: Callable[[Any], Any], jobs: Iterable[tuple[Kept, Any]]
) -> Iterator[tuple[Kept, Any]]:
    """Yield (kept, work(sent)) for each job (kept, sent), in order.

    Each process has one job at a time, and one job more than there are processes is in memory.
    `work` runs where it is called from if there is a single core. What it raises is raised here.
    """
    count = min(cores(), _MOST)
    if count == 1:
        yield from ((kept, work(sent)) for kept, sent in jobs)
        return
    # Forked processes start at once and share the model's memory; macOS's libraries forbid it.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    started: list[tuple[Connection, BaseProcess]] = []
    busy: deque[tuple[Connection, Kept]] = deque()
    try:
        for kept, sent in jobs:
            if len(started) < count:
                worker = _start(context, work, started)
                worker.send(sent)
                busy.append((worker, kept))
                continue
            worker, earlier = busy.popleft()
            answer = _answer(worker)
            worker.send(sent)  # before `earlier` is handed on: nobody is idle meanwhile
            busy.append((worker, kept))
            yield earlier, answer
        for worker, kept in busy:
            yield kept, _answer(worker)
    finally:
        for worker, process in started:
            process.terminate()
            worker.close()
        for _, process in started:
            process.join()


def _start(context: Any, work: Callable, started: list) -> Connection:
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(work, theirs, ours), daemon=True)
    process.start()
    theirs.close()
    started.append((ours, process))
    return ours


def _serve(work: Callable, connection: Connection, other_end: Connection) -> None:
    """Answer until the other end is closed, as it is when the parent ends, however it ends."""
    other_end.close()  # forked with us: while it is open here, no end would ever be seen
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        try:
            sent = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer: tuple[bool, Any] = (True, work(sent))
        except Exception as error:
            answer = (False, error)
        try:
            connection.send(answer)
        except OSError:
            return


def _answer(worker: Connection) -> Any:
    try:
        well, answer = worker.recv()
    except EOFError as error:
        raise OSError("a process that classifies was killed, perhaps for its memory") from error
    if not well:
        raise answer
    return answer
