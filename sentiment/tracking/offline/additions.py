"""Add to a run whose training has ended: to its store, or to a queue if that does not answer."""

from collections.abc import Callable

import numpy as np

from sentiment.errors import SentimentError, UnavailableError
from sentiment.tracking import process, store
from sentiment.tracking import run as runs
from sentiment.tracking.offline import connection, replay
from sentiment.tracking.offline.operations import Evaluation, Files, Payload
from sentiment.tracking.offline.queue import OfflineQueue, find_queue
from sentiment.tracking.offline.run import CALL_SECONDS, write_failure
from sentiment.tracking.offline.tracker import HINT, WRITE_ERRORS
from sentiment.tracking.run import MlflowRun
from sentiment.tracking.run_logger import EvaluationRecord, Notify
from sentiment.utils.paths import ProjectPaths


def log_evaluation(
    paths: ProjectPaths,
    run_id: str,
    name: str,
    evaluation: EvaluationRecord,
    *,
    say: Notify,
) -> bool:
    """Add an evaluation to the run `name`, now or later; return False if the store lacks the run.

    `say` reports where the evaluation is saved if it can't be sent now.
    """
    payload, arrays = Evaluation.split(evaluation)

    def log(run: MlflowRun) -> None:
        run.log_evaluation(evaluation)

    return _add(paths, run_id, name, payload, arrays, log, "the evaluation", say)


def log_files(
    paths: ProjectPaths,
    run_id: str,
    name: str,
    *,
    contents: dict[str, np.ndarray],
    path: str,
    say: Notify,
) -> bool:
    """Add files to the folder `path` of the run `name`; see `log_evaluation` for the rest.

    contents: what the files hold, uint8 each, by name.
    """

    def log(run: MlflowRun) -> None:
        run.log_files(contents, path)

    return _add(paths, run_id, name, Files(path), contents, log, path, say)


def _add(
    paths: ProjectPaths,
    run_id: str,
    name: str,
    payload: Payload,
    arrays: dict[str, np.ndarray],
    log: Callable[[MlflowRun], None],
    what: str,
    say: Notify,
) -> bool:
    """Add to a run by `log`, or else by a queue; return False if the store lacks the run."""
    try:
        with find_queue(paths, run_id) as waiting:
            if waiting:
                waiting.append(payload, arrays=arrays)
        if waiting:
            if waiting.header.writer != process.process_tags():  # else its training has reported it
                say(f"{what} waits in {waiting.folder} with its run\n{HINT}")
            return True
        if not store.is_server(paths):
            try:
                return runs.add_to_run(paths, run_id, log)
            except (UnavailableError, *connection.STORE_ERRORS):
                pass  # tried once more from a queue, where it stays if that fails too
        queue = OfflineQueue.create(paths, uri=store.queue_uri(paths), name=name, run_id=run_id)
        queue.append(payload, arrays=arrays, begun=True)
        queue.update_header(ended=True)
    except WRITE_ERRORS as error:
        say(f"{what} is not tracked: {write_failure(error)}")
        return True
    return _send_addition(paths, queue, what, say)


def _send_addition(paths: ProjectPaths, queue: OfflineQueue, what: str, say: Notify) -> bool:
    """Send the queue of an addition; return False if the store lacks its run."""
    try:
        with queue.try_lock() as locked:
            if locked:
                replay.send(paths, queue, seconds=CALL_SECONDS)
    except replay.RunMissingError:
        queue.remove()
        return False
    except SentimentError as error:
        say(f"{what} waits in {queue.folder}: {error.fact}\n{HINT}")
        return True
    queue.remove_if_done()
    return True
