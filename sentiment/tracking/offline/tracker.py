"""Track a run: log it to a store on this machine directly, and to a server through a queue.

A store that fails never stops a training that has started. What the store does not take goes into
a queue, and if no queue can be written either, the training goes on untracked.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sentiment.errors import InputError, MissingFileError, SentimentError
from sentiment.tracking import origin, process, store
from sentiment.tracking import run as runs
from sentiment.tracking.offline import connection, replay
from sentiment.tracking.offline.operations import Begin, Resume, Start
from sentiment.tracking.offline.queue import OfflineQueue, find_queue
from sentiment.tracking.offline.run import CALL_SECONDS, FallbackRun, OfflineRun, write_failure
from sentiment.tracking.offline.uploader import Uploader
from sentiment.tracking.run import MlflowRun
from sentiment.tracking.run_logger import Dataset, Notify, RunLogger
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.text import first_line

HINT = "Try: sentiment sync"
WRITE_ERRORS = (OSError, InputError)  # raised by a queue that can't be written


@dataclass(frozen=True)
class RunStart:
    """What a run starts with. resume_id: the id of a run to resume, which has the rest already."""

    experiment: str
    name: str
    settings: dict[str, Any]
    datasets: list[Dataset]
    tags: dict[str, str] = field(default_factory=dict)
    resume_id: str = ""


@contextmanager
def track_run(paths: ProjectPaths, start: RunStart, say: Notify) -> Iterator[RunLogger | None]:
    """Give the run that the body logs to; it ends as `run.end_after` says.

    Gives None if it can't be tracked anywhere. It is no error if a server is away, or any store
    fails during the body; `say` reports where the run is saved. Raises UnavailableError if the
    store refuses the run or, on this machine, can't be used, MissingFileError if it lacks the run
    to resume, and MovedError if the project is moved while `paths` are held.
    """
    track = _through_queue if store.is_server(paths) else _directly
    with track(paths, start, say) as run:
        if run is None:
            yield None
            return
        with runs.end_after(run):
            yield run


@contextmanager
def _through_queue(paths: ProjectPaths, start: RunStart, say: Notify) -> Iterator[RunLogger | None]:
    """Give a run that is logged to a queue, which another process sends meanwhile."""
    try:
        queue = _resumed_queue(paths, start) if start.resume_id else _new_queue(paths, start)
    except WRITE_ERRORS as error:
        say(f"the run is not tracked: {write_failure(error)}")
        yield None
        return
    is_reachable = _send_first(paths, queue, start, say)
    uploader = Uploader(paths, queue)
    try:
        yield OfflineRun(
            queue,
            paths,
            say,
            resumed=bool(start.resume_id),
            warned=not is_reachable,
            on_append=uploader.start,
        )
    finally:
        uploader.finish()
        _finish_queue(queue, say)


def _new_queue(paths: ProjectPaths, start: RunStart) -> OfflineQueue:
    """Return the queue of a new run."""
    queue = OfflineQueue.create(paths, uri=store.queue_uri(paths), name=start.name)
    queue.append(Start(start.experiment, origin.source_tags(paths, start.name) | start.tags))
    settings = {name: str(value) for name, value in start.settings.items()}
    queue.append(Begin(settings, start.datasets))
    return queue


def _resumed_queue(paths: ProjectPaths, start: RunStart) -> OfflineQueue:
    """Return the queue of a run to resume: the one that it has, or a new one."""
    with find_queue(paths, start.resume_id) as queue:
        if queue is None:
            uri = store.queue_uri(paths)
            queue = OfflineQueue.create(paths, uri=uri, name=start.name, run_id=start.resume_id)
        _append_resume(queue)
    return queue


def _append_resume(queue: OfflineQueue) -> None:
    tags = process.process_tags()
    queue.update_header(ended=False, writer=tags)
    queue.append(Resume(tags))


def _send_first(paths: ProjectPaths, queue: OfflineQueue, start: RunStart, say: Notify) -> bool:
    """Send the first operation, for which training waits; return False if the store is away.

    Raises UnavailableError if the store refuses the run, and MissingFileError if it lacks it.
    """
    try:
        with queue.try_lock() as locked:
            if locked:
                replay.send(paths, queue, seconds=CALL_SECONDS, max_operations=1)
    except connection.StoreUnreachableError as error:
        say(f"{error.fact}; the run is saved on this machine for now")
        return False
    except SentimentError as error:
        _discard_refused(queue, start, error)
        raise
    return True


def _discard_refused(queue: OfflineQueue, start: RunStart, error: SentimentError) -> None:
    """Remove the queue of a run that the store has refused, if it holds nothing that is lost."""
    if not start.resume_id:
        queue.remove()
    elif queue.pending() == 1:  # the resumption, and nothing of before
        queue.remove()
        if isinstance(error, replay.RunMissingError):
            raise MissingFileError(error.fact, hint="sentiment train") from error
    else:
        queue.update_header(ended=True)


@contextmanager
def _directly(paths: ProjectPaths, start: RunStart, say: Notify) -> Iterator[RunLogger]:
    """Give a run that is logged to the store at once, and to a queue only once that fails."""
    queues: list[OfflineQueue] = []

    def open_fallback(error: Exception) -> RunLogger | None:
        say(
            f"the tracking store fails: {first_line(error)}; the rest of the run is saved beside it"
        )
        try:
            uri = store.queue_uri(paths)
            queue = OfflineQueue.create(paths, uri=uri, name=start.name, run_id=run.id)
        except WRITE_ERRORS as write_error:
            say(f"nothing more of this run is tracked: {write_failure(write_error)}")
            return None
        queues.append(queue)
        # The store may have taken a part of what it failed at.
        return OfflineRun(queue, paths, say, resumed=True, warned=True)

    run: RunLogger
    if start.resume_id and (unsent := _unsent_queue(paths, start.resume_id)):
        queues.append(unsent)
        run = OfflineRun(unsent, paths, say, resumed=True)
    else:
        run = FallbackRun(_open_run(paths, start), open_fallback, paths.check_place)
    try:
        yield run
    finally:
        for queue in queues:
            _try_send(paths, queue)
            # What can't be logged must not leave the run RUNNING for ever.
            with suppress(OSError, SentimentError):
                replay.end_run(paths, queue, seconds=CALL_SECONDS)
            _finish_queue(queue, say)


def _open_run(paths: ProjectPaths, start: RunStart) -> MlflowRun:
    """Return a new or resumed run in the store."""
    if start.resume_id:
        return runs.resume_run(paths, start.resume_id, start.name)
    tags = origin.source_tags(paths, start.name) | start.tags
    run = runs.create_run(paths, start.experiment, start.name, tags)
    with store.store_errors(paths):
        run.begin(start.settings, start.datasets)
    return run


def _unsent_queue(paths: ProjectPaths, run_id: str) -> OfflineQueue | None:
    """Return the queue of a run to resume if it has one that can't be sent now."""
    with find_queue(paths, run_id) as queue:
        if queue is None:
            return None
        _append_resume(queue)
    _try_send(paths, queue)
    if queue.pending():
        return queue
    queue.remove()
    return None


def _try_send(paths: ProjectPaths, queue: OfflineQueue) -> None:
    """Send a queue; what can't be sent stays, and the queue's `last_error` says why."""
    try:
        with queue.try_lock() as locked:
            if locked:
                replay.send(paths, queue)
    except SentimentError:
        pass


def _finish_queue(queue: OfflineQueue, say: Notify) -> None:
    """Remove a queue that is sent, or report what is left of it."""
    try:
        done = queue.remove_if_done()
        if not done and (damaged := queue.damaged()):
            say(f"not sent, since it is damaged: {', '.join(map(str, damaged))}\n{HINT}")
        if not done and (pending := queue.pending()):
            name, why = queue.header.name, queue.last_error or "the tracking server is slow"
            say(f"{pending} operations of the run {name} wait in {queue.folder}: {why}\n{HINT}")
    except (OSError, SentimentError) as error:
        say(f"the rest of the run may be lost: {write_failure(error)}")
