"""Processes that run trials, one after another, and answer after each epoch.

Knows processes and pipes; knows nothing of how settings are chosen or of where results are kept.
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
from sentiment.utils.progress import EpochMetrics

_PATIENCE = 10  # seconds for a process to end that was asked to


@dataclass(frozen=True)
class TrialMessage:
    """What a trial says: how an epoch went, or in the end its loss, or why it came to none.

    lost: its process has ended.
    """

    report: EpochMetrics | None = None
    loss: float | None = None
    failure: str = ""
    lost: bool = False


class _Job:
    """A process and the trial that it runs."""

    def __init__(self, paths: ProjectPaths):
        # Not forked: TensorFlow's threads would be missing in the copy.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, paths), daemon=True)
        self.process.start()
        theirs.close()
        self.trial: int | None = None


class TrialPool:
    """Some processes. Closed, it ends them with the trials they run."""

    def __init__(self, count: int, paths: ProjectPaths):
        self._paths = paths
        self._jobs = [_Job(paths) for _ in range(count)]

    @property
    def running(self) -> list[int]:
        """The numbers of the trials under way."""
        return [job.trial for job in self._jobs if job.trial is not None]

    @property
    def free(self) -> bool:
        """Tell whether a process waits for a trial."""
        return len(self.running) < len(self._jobs)

    def start(self, trial: int, recipe: Recipe) -> None:
        """Have a trial run by a process that is free."""
        job = next(job for job in self._jobs if job.trial is None)
        job.trial = trial
        job.pipe.send(recipe)

    def answer(self, trial: int, stop: bool) -> None:
        """Tell a trial that has told of an epoch whether to stop."""
        job = next(job for job in self._jobs if job.trial == trial)
        with suppress(BrokenPipeError):  # where its process has ended, as `told` will say
            job.pipe.send(stop)

    def told(self) -> Iterator[tuple[int, TrialMessage]]:
        """Wait for something to be told; yield it with the number of its trial."""
        busy = {job.pipe: job for job in self._jobs if job.trial is not None}
        for pipe in connection.wait(list(busy)):
            job = busy[pipe]  # type: ignore[index]
            trial = job.trial or 0
            try:
                told: TrialMessage = job.pipe.recv()
            except (EOFError, ConnectionResetError):
                told = TrialMessage(lost=True)
                job.process.join(_PATIENCE)
                self._jobs[self._jobs.index(job)] = _Job(self._paths)
            if told.report is None:
                job.trial = None
            yield trial, told

    def close(self) -> None:
        """End the processes."""
        for job in self._jobs:
            job.pipe.close()
            job.process.terminate()
        for job in self._jobs:
            job.process.join(_PATIENCE)
            job.process.kill()


def _work(pipe: Connection, paths: ProjectPaths) -> None:
    """Run each trial whose recipe comes through `pipe`, and answer with `Told`, until it closes.

    After an epoch whoever listens answers whether to stop.
    """
    # Ctrl-C goes to all processes of a terminal: whoever listens ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    environment.configure_libraries()
    with environment.suppress_stderr():
        from sentiment.experiments import trial as trials
    # It warns of what one process should not do with one network, and here there are many.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)

    def hopeless(report: EpochMetrics) -> bool:
        pipe.send(TrialMessage(report=report))
        return pipe.recv()

    try:
        while True:
            recipe: Recipe = pipe.recv()
            try:
                pipe.send(TrialMessage(loss=trials.train(recipe, paths, hopeless)))
            except SentimentError as error:
                pipe.send(TrialMessage(failure=error.fact))
    except (EOFError, BrokenPipeError):
        return
