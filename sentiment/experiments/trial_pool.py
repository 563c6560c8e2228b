"""Run trials in processes of this machine, one trial after another in each.

TensorFlow is imported in those processes alone.
"""

import logging
import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection

from sentiment.errors import SentimentError
from sentiment.recipe import Recipe
from sentiment.utils import environment
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.processes import accept_signals, hold_signals
from sentiment.utils.progress import EpochMetrics

_EXIT_TIMEOUT = 10  # seconds that a process has to exit


@dataclass(frozen=True)
class TrialMessage:
    """A message of a trial: the metrics of an epoch, or the end of the trial.

    At the end, `loss` is the lowest validation loss, None if the trial was pruned; `failure` says
    why it failed; `lost` says how its process ended, if that was without a message.
    """

    epoch: EpochMetrics | None = None
    loss: float | None = None
    failure: str = ""
    lost: str = ""


class _Worker:
    """A process, and the number of the trial that it runs."""

    def __init__(self, paths: ProjectPaths):
        # Not forked: TensorFlow's threads would be missing in the copy.
        context = multiprocessing.get_context("spawn")
        self.pipe, child_pipe = context.Pipe()
        self.process = context.Process(target=_run_trials, args=(child_pipe, paths), daemon=True)
        with hold_signals(context):
            self.process.start()
        child_pipe.close()
        self.trial: int | None = None

    def send(self, content: Recipe | bool) -> None:
        """Send a recipe or an answer."""
        # If the process has ended, `TrialPool.messages` reports its trial as lost.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(content)


class TrialPool:
    """A fixed number of processes that run trials; `close` ends them and their trials."""

    def __init__(self, count: int, paths: ProjectPaths):
        self._paths = paths
        self._workers = [_Worker(paths) for _ in range(count)]

    @property
    def running(self) -> list[int]:
        """The numbers of the running trials."""
        return [worker.trial for worker in self._workers if worker.trial is not None]

    @property
    def has_idle_worker(self) -> bool:
        """True if a process waits for a trial."""
        return len(self.running) < len(self._workers)

    def start(self, trial: int, recipe: Recipe) -> None:
        """Start a trial in an idle process."""
        worker = next(worker for worker in self._workers if worker.trial is None)
        worker.trial = trial
        worker.send(recipe)

    def answer(self, trial: int, *, prune: bool) -> None:
        """Answer a trial's message about an epoch: stop the trial if `prune`."""
        worker = next(worker for worker in self._workers if worker.trial == trial)
        worker.send(prune)

    def messages(self) -> Iterator[tuple[int, TrialMessage]]:
        """Wait for messages; yield each with the number of its trial.

        A process that has ended is replaced by a new one.
        """
        busy = {worker.pipe: worker for worker in self._workers if worker.trial is not None}
        for pipe in connection.wait(list(busy)):
            worker = busy[pipe]  # type: ignore[index]
            trial = worker.trial or 0
            try:
                message: TrialMessage = worker.pipe.recv()
            except (EOFError, ConnectionResetError):
                worker.process.join(_EXIT_TIMEOUT)
                message = TrialMessage(lost=_describe_end(worker.process.exitcode))
                self._workers[self._workers.index(worker)] = _Worker(self._paths)
            if message.epoch is None:
                worker.trial = None
            yield trial, message

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.pipe.close()
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(_EXIT_TIMEOUT)
            worker.process.kill()


def _describe_end(status: int | None) -> str:
    if status is not None and status == -getattr(signal, "SIGKILL", 9):
        return "its process was killed, perhaps because memory ran out"
    return f"its process has ended with status {status}"


def _run_trials(pipe: Connection, paths: ProjectPaths) -> None:
    """Run each trial whose recipe arrives through `pipe`, until the pipe closes.

    The process sends a `TrialMessage` after each epoch, and receives whether to prune the trial.
    It sends another at the end of the trial.
    """
    accept_signals()
    environment.configure_libraries()
    with environment.suppress_stderr():
        from sentiment.experiments.trial import train
    # TensorFlow warns of retracing, which is expected: a process builds a network for each trial.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)

    def should_prune(metrics: EpochMetrics) -> bool:
        pipe.send(TrialMessage(epoch=metrics))
        return pipe.recv()

    try:
        while True:
            recipe: Recipe = pipe.recv()
            try:
                pipe.send(TrialMessage(loss=train(recipe, paths, should_prune)))
            except SentimentError as error:
                pipe.send(TrialMessage(failure=error.fact))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
