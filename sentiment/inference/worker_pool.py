"""Map a function over a stream in several processes, in order and with bounded look-ahead.

No threads: those of `multiprocessing.Pool` make forking unsafe, and its workers outlive a parent
that is killed.
"""

import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from sentiment.errors import WorkerLostError
from sentiment.utils.processes import accept_signals, hold_signals

Key = TypeVar("Key")
Input = TypeVar("Input")
Result = TypeVar("Result")

_HINT = "the same command, when other programs leave it more room"
_MAX_PROCESSES = 8  # one process, which reads and writes, can't feed more


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(
    function: Callable[[Input], Result], jobs: Iterable[tuple[Key, Input]]
) -> Iterator[tuple[Key, Result]]:
    """Yield (key, function(value)) for each job (key, value), in order.

    Each process has one job at a time; one job more than there are processes is in memory. With a
    single core `function` runs in this process. What it raises is raised here. Raises
    WorkerLostError if a process is killed, as the system does if memory runs out.
    """
    count = min(cores(), _MAX_PROCESSES)
    if count == 1:
        yield from ((key, function(value)) for key, value in jobs)
        return
    # Forked processes start at once and share the model's memory. macOS's libraries forbid it, and
    # Windows can't.
    forking = hasattr(os, "fork") and sys.platform != "darwin"
    context = multiprocessing.get_context("fork" if forking else "spawn")
    started: list[tuple[Connection, BaseProcess]] = []
    busy: deque[tuple[Connection, Key]] = deque()
    try:
        for key, value in jobs:
            if len(started) < count:
                worker = _start(context, function, started)
                _send(worker, value)
                busy.append((worker, key))
                continue
            worker, earlier = busy.popleft()
            result = _receive(worker)
            _send(worker, value)  # before `earlier` is yielded, so that no worker is idle meanwhile
            busy.append((worker, key))
            yield earlier, result
        for worker, key in busy:
            yield key, _receive(worker)
    finally:
        for worker, process in started:
            process.terminate()
            worker.close()
        for _, process in started:
            process.join()


def _start(
    context: Any, function: Callable[[Any], Any], started: list[tuple[Connection, BaseProcess]]
) -> Connection:
    """Start a worker, add it to `started` and return the connection to it."""
    try:
        with hold_signals(context):
            parent_end, worker_end = context.Pipe()
            arguments = (function, worker_end, parent_end)
            process = context.Process(target=_serve, args=arguments, daemon=True)
            process.start()
            worker_end.close()
            started.append((parent_end, process))
    except OSError as error:  # too many processes or open files, or too little memory
        raise WorkerLostError(
            f"can't start a worker process: {error.strerror or error}", hint=_HINT
        ) from error
    return parent_end


def _serve(function: Callable[[Any], Any], connection: Connection, parent_end: Connection) -> None:
    """Answer until the parent's end is closed, as it is when the parent ends for any reason."""
    accept_signals()
    parent_end.close()  # a forked copy: while it is open here, the connection never ends
    while True:
        try:
            value = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer: tuple[bool, Any] = (True, function(value))
        except Exception as error:
            answer = (False, error)
        try:
            connection.send(answer)
        except OSError:
            return


def _send(worker: Connection, value: Any) -> None:
    """Give a worker its next job."""
    try:
        worker.send(value)
    except OSError as error:
        raise _lost() from error


def _lost() -> WorkerLostError:
    return WorkerLostError(
        "a worker process was killed, perhaps because memory ran out", hint=_HINT
    )


def _receive(worker: Connection) -> Any:
    """Return the result of a worker's job, or raise what the job raised."""
    try:
        succeeded, result = worker.recv()
    except (EOFError, OSError) as error:
        raise _lost() from error
    if not succeeded:
        raise result
    return result
