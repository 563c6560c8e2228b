"""Log a run to a queue on disk, from its start or from the moment when the store fails."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from sentiment.errors import SentimentError
from sentiment.tracking.offline import connection, replay
from sentiment.tracking.offline.operations import (
    Arrays,
    Best,
    End,
    Epoch,
    Image,
    Payload,
    Table,
    Tag,
    Text,
)
from sentiment.tracking.offline.queue import OfflineQueue
from sentiment.tracking.run_logger import EpochModel, Notify, RunLogger
from sentiment.utils.paths import ProjectPaths

CALL_SECONDS = 3  # the time limit of each call to a store that a training waits for
Result = TypeVar("Result")


class OfflineRun:
    """A run whose operations are queued on disk: a RunLogger.

    If the disk can't be written, that is reported once, and the training goes on. resumed: the
    store may have a part of what is logged; warned: it has been reported that the store does not
    answer; on_append: called after each operation.
    """

    def __init__(
        self,
        queue: OfflineQueue,
        paths: ProjectPaths,
        say: Notify,
        *,
        resumed: bool = False,
        warned: bool = False,
        on_append: Callable[[], None] = lambda: None,
    ):
        header = queue.header
        self.id, self.name = queue.run_id or header.id, header.name
        self._queue, self._paths, self._say = queue, paths, say
        self._resumed, self._warned, self._on_append = resumed, warned, on_append
        self._write_error = ""  # why nothing more can be queued

    def models(self, steps: list[int]) -> dict[int, EpochModel]:
        """Return the model of each of these epochs that has been logged whole, by epoch.

        Epochs are logged in order: all but the last are there, even if the store can't be asked.
        """
        stored: dict[int, Path] = {}
        queued = self._queue.bundles()
        with suppress(SentimentError):
            stored = replay.stored_bundles(self._paths, self._queue, steps, seconds=CALL_SECONDS)
        bundles = stored | queued
        return {
            step: EpochModel(str(step), bundles.get(step))
            for step in steps
            if step in bundles or step != steps[-1]
        }

    def log_epoch(self, metrics: dict[str, float], step: int, bundle: Path) -> str:
        """Queue the model of an epoch and its metrics; return the epoch as the model's id."""
        self._append(Epoch(metrics, int(step), self._resumed), bundle=bundle)
        return str(int(step))

    def log_arrays(self, arrays: dict[str, np.ndarray], path: str) -> None:
        """Queue arrays."""
        self._append(Arrays(path), arrays=arrays)

    def log_image(self, pixels: np.ndarray, key: str, step: int) -> None:
        """Queue an image."""
        self._append(Image(key, int(step)), arrays={"pixels": pixels})

    def log_table(self, columns: dict[str, list[Any]], path: str) -> None:
        """Queue a table."""
        table, arrays = Table.split(columns, path)
        self._append(table, arrays=arrays or None)

    def log_text(self, text: str, path: str) -> None:
        """Queue a text file."""
        self._append(Text(text, path))

    def set_tag(self, name: str, text: str) -> None:
        """Queue a tag."""
        self._append(Tag(name, text))

    def register_best(self, model_id: str, metrics: dict[str, float], step: int) -> None:
        """Queue which model is the best, by the id that logging the epoch returned."""
        self._append(Best(model_id, metrics, step))

    def end(self, status: str) -> None:
        """Queue the end of the run; if an operation was lost, the tag `failure` says so."""
        self._paths.check_place()
        if self._write_error:
            with suppress(OSError, SentimentError):  # unless there is room again by now
                failure = f"a part of this run was lost: {self._write_error}"
                self._queue.append(Tag("failure", failure))
                self._queue.append(End(status))
        self._append(End(status))
        with suppress(OSError, SentimentError):
            self._queue.update_header(ended=True)

    def _append(
        self,
        payload: Payload,
        *,
        arrays: dict[str, np.ndarray] | None = None,
        bundle: Path | None = None,
    ) -> None:
        """Queue an operation, and report why earlier ones could not be sent."""
        self._paths.check_place()
        if self._write_error:
            return
        try:
            self._queue.append(payload, arrays=arrays, bundle=bundle, begun=self._resumed)
        except (OSError, SentimentError) as error:
            self._write_error = write_failure(error)
            self._say(f"nothing more of this run is tracked: {self._write_error}")
            return
        self._on_append()
        if not self._warned and (error_text := self._queue.last_error):
            self._warned = True
            self._say(f"{error_text}; the run is saved on this machine for now")


class FallbackRun:
    """A run that is logged to a store on this machine, and to a queue once that fails: a RunLogger.

    open_fallback: returns the run to use from then on, given the error; None if there is none, and
    nothing more is logged; check: called before each operation, and before a failed one is tried
    again.
    """

    def __init__(
        self,
        run: RunLogger,
        open_fallback: Callable[[Exception], RunLogger | None],
        check: Callable[[], None] = lambda: None,
    ):
        self.id, self.name, self._check = run.id, run.name, check
        self._run: RunLogger | None = run
        self._open_fallback, self._has_failed = open_fallback, False

    def _try(self, log: Callable[[RunLogger], Result], untracked: Result) -> Result:
        """Log to the run, or to its fallback if it fails; return `untracked` if there is none."""
        self._check()
        if self._run is None:
            return untracked
        try:
            return log(self._run)
        except connection.STORE_ERRORS as error:
            self._check()
            if self._has_failed:
                raise
            self._has_failed = True
            self._run = self._open_fallback(error)
            return self._try(log, untracked)

    def models(self, steps: list[int]) -> dict[int, EpochModel]:
        """Return the model of each of these epochs that has been logged whole, by epoch."""
        return self._try(lambda run: run.models(steps), {})

    def log_epoch(self, metrics: dict[str, float], step: int, bundle: Path) -> str:
        """Log the model of an epoch and its metrics; return the model's id."""
        return self._try(lambda run: run.log_epoch(metrics, step, bundle), "")

    def log_arrays(self, arrays: dict[str, np.ndarray], path: str) -> None:
        """Log arrays."""
        self._try(lambda run: run.log_arrays(arrays, path), None)

    def log_image(self, pixels: np.ndarray, key: str, step: int) -> None:
        """Log an image."""
        self._try(lambda run: run.log_image(pixels, key, step), None)

    def log_table(self, columns: dict[str, list[Any]], path: str) -> None:
        """Log a table."""
        self._try(lambda run: run.log_table(columns, path), None)

    def log_text(self, text: str, path: str) -> None:
        """Log a text file."""
        self._try(lambda run: run.log_text(text, path), None)

    def set_tag(self, name: str, text: str) -> None:
        """Set a tag."""
        self._try(lambda run: run.set_tag(name, text), None)

    def register_best(self, model_id: str, metrics: dict[str, float], step: int) -> None:
        """Register the model of the best epoch, and log its metrics."""
        self._try(lambda run: run.register_best(model_id, metrics, step), None)

    def end(self, status: str) -> None:
        """End the run."""
        self._try(lambda run: run.end(status), None)


def write_failure(error: Exception) -> str:
    """Return why a queue can't be written, in a few words."""
    if isinstance(error, OSError):
        return f"{error.filename or 'the queue'}: {error.strerror or error}"
    return str(error)
