"""Runs on their way into the store: straight where it is on this machine, else through a spool.

Knows runs, spools and who sends them; knows nothing of how an operation is sent.

Nothing that a store does or fails to do stops a training that has begun: what it does not take goes
into a spool, and where that is not to be had either the training goes on untracked.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sentiment.errors import InputError, MissingFileError, SentimentError, UnavailableError
from sentiment.tracking import process, store
from sentiment.tracking import run as runs
from sentiment.tracking.offline import connection, queue, replay
from sentiment.tracking.offline.queue import OfflineQueue
from sentiment.tracking.offline.run import SECONDS, FallbackRun, Notify, OfflineRun, write_failure
from sentiment.tracking.offline.uploader import Uploader
from sentiment.tracking.run import Dataset, MlflowRun
from sentiment.utils.paths import ProjectPaths

_UNWRITABLE = (OSError, InputError)  # what a spool raises that can't be written


@dataclass(frozen=True)
class RunStart:
    """What a run begins with. again: the id of a run that goes on, which has all this."""

    experiment: str
    name: str
    settings: dict[str, Any]
    datasets: list[Dataset]
    again: str = ""


@contextmanager
def track_run(paths: ProjectPaths, beginning: RunStart, say: Notify) -> Iterator[MlflowRun | None]:
    """Run the body in a run, which ends as `runs.ending` says.

    A server that is away is no error, nor is any store that fails
    in the body: `say` hears where the run is kept. Gives None where it can't be kept anywhere.
    Raises UnavailableError where the store refuses the run or, on this machine, can't be used, and
    MissingFileError where it lacks the run that is to go on.
    """
    way = _through_spool if store.is_server(paths) else _straight
    with way(paths, beginning, say) as run:
        if run is None:
            yield None
            return
        with runs.end_after(run):
            yield run


@contextmanager
def _through_spool(
    paths: ProjectPaths, beginning: RunStart, say: Notify
) -> Iterator[MlflowRun | None]:
    """Give a run that is kept in a spool, which a courier sends meanwhile."""
    try:
        kept = (_resumed if beginning.again else _begun)(paths, beginning)
    except _UNWRITABLE as error:
        say(f"the run is not tracked: {write_failure(error)}")
        yield None
        return
    try:
        with kept.held() as mine:
            if mine:
                # No more than this: training waits for it.
                replay.send(paths, kept, seconds=SECONDS, most=1)
        heard = False
    except connection.StoreUnreachableError as error:
        say(f"{error.fact}; the run is kept on this machine")
        heard = True
    except SentimentError as error:
        _refused(kept, beginning, error)
        raise
    courier, again = Uploader(paths, kept), bool(beginning.again)
    try:
        yield OfflineRun(kept, paths, say, again=again, heard=heard, kept=courier.start)
    finally:
        courier.finish()
        _settle(kept, say)


def _begun(paths: ProjectPaths, beginning: RunStart) -> OfflineQueue:
    """Return the spool of a run that begins."""
    made = OfflineQueue.create(paths, uri=store.tracking_uri(paths), name=beginning.name)
    tags = runs.source_tags(paths, beginning.name)
    made.record("start", experiment=beginning.experiment, tags=tags)
    settings = {name: str(value) for name, value in beginning.settings.items()}
    made.record("begin", settings=settings, datasets=[vars(used) for used in beginning.datasets])
    return made


def _resumed(paths: ProjectPaths, beginning: RunStart) -> OfflineQueue:
    """Return the spool of a run that goes on: the one that it has, or another."""
    with queue.find_queue(paths, beginning.again) as kept:
        if kept is None:
            address = store.tracking_uri(paths)
            kept = OfflineQueue.create(
                paths, uri=address, name=beginning.name, run_id=beginning.again
            )
        kept.note(ended=False, writer=process.process_tags())
        kept.record("again", tags=process.process_tags())
    return kept


def _refused(kept: OfflineQueue, beginning: RunStart, error: SentimentError) -> None:
    """Take the spool of a run away that the store has refused before anything was done."""
    if not beginning.again:
        kept.remove()
    elif kept.pending() == 1:  # made to go on, and nothing else is in it
        kept.remove()
        if isinstance(error, replay.RunMissingError):
            raise MissingFileError(error.fact, hint="sentiment train") from error
    else:
        kept.note(ended=True)


@contextmanager
def _straight(paths: ProjectPaths, beginning: RunStart, say: Notify) -> Iterator[MlflowRun | None]:
    """Give a run that is written to the store at once, through a spool only where that fails."""
    spools: list[OfflineQueue] = []

    def fall_back(error: Exception) -> MlflowRun | None:
        first = (str(error).splitlines() or [""])[0][:200]
        say(f"the tracking store fails: {first}; what is left of the run is kept beside it")
        try:
            address = store.tracking_uri(paths)
            made = OfflineQueue.create(paths, uri=address, name=beginning.name, run_id=run.id)
        except _UNWRITABLE as trouble:
            say(f"nothing more of this run is tracked: {write_failure(trouble)}")
            return None
        spools.append(made)
        return OfflineRun(made, paths, say, again=True, heard=True)

    run: MlflowRun
    if beginning.again and (kept := _unsent(paths, beginning)):
        spools.append(kept)
        run = OfflineRun(kept, paths, say, again=True)
    else:
        run = FallbackRun(_opened(paths, beginning), fall_back)
    try:
        yield run
    finally:
        for kept in spools:
            _send(paths, kept)
            _settle(kept, say)


def _opened(paths: ProjectPaths, beginning: RunStart) -> MlflowRun:
    """Return a run of the store that begins or goes on."""
    if beginning.again:
        return runs.resume_run(paths, beginning.again, beginning.name)
    tags = runs.source_tags(paths, beginning.name)
    run = runs.create_run(paths, beginning.experiment, beginning.name, tags)
    with store.store_errors(paths):
        run.begin(beginning.settings, beginning.datasets)
    return run


def _unsent(paths: ProjectPaths, beginning: RunStart) -> OfflineQueue | None:
    """Return the spool that a run goes on in, where what it holds can't be sent now either."""
    with queue.find_queue(paths, beginning.again) as kept:
        if kept is None:
            return None
        kept.note(ended=False, writer=process.process_tags())
        kept.record("again", tags=process.process_tags())
    _send(paths, kept)
    if kept.pending():
        return kept
    kept.remove()
    return None


def _send(paths: ProjectPaths, kept: OfflineQueue) -> None:
    """Send a spool once more; what can't be sent stays."""
    try:
        with kept.held() as mine:
            if mine:
                replay.send(paths, kept)
    except SentimentError:
        pass  # `trouble` says why


def _settle(kept: OfflineQueue, say: Notify) -> None:
    """Take a spool away that is sent, or say what is left of it."""
    try:
        if not kept.settle() and (left := kept.pending()):
            name, why = kept.header["name"], kept.trouble or "the tracking server is slow"
            say(f"{left} operations of the run {name} are kept in {kept.folder}: {why}\n{_HINT}")
    except (OSError, SentimentError) as error:
        say(f"what was left of the run may be lost: {write_failure(error)}")


_HINT = "Try: sentiment sync"


def log_evaluation(
    paths: ProjectPaths, run_id: str, name: str, *, dataset: Dataset, say: Notify, **measured: Any
) -> bool:
    """Add an evaluation to the run `name`, as `runs.log_evaluation`; later, if that fails now."""
    said = {
        "arrays": measured["predictions"],
        "metrics": {name: repr(value) for name, value in measured["metrics"].items()},
        "mistakes": measured["mistakes"],
        "dataset": vars(dataset),
    }
    try:
        with queue.find_queue(paths, run_id) as waiting:
            if waiting:
                waiting.record("evaluation", **said)
        if waiting:
            if waiting.header["writer"] != process.process_tags():  # else it has been said
                say(f"the evaluation is kept in {waiting.folder} with its run\n{_HINT}")
            return True
        if not store.is_server(paths):
            try:
                return runs.log_evaluation(paths, run_id, dataset=dataset, **measured)
            except (UnavailableError, *connection.STORE_ERRORS):
                pass  # once more from a spool, where it stays if that fails too
        kept = OfflineQueue.create(paths, uri=store.tracking_uri(paths), name=name, run_id=run_id)
        kept.record("evaluation", begun=True, **said)
        kept.note(ended=True)
    except _UNWRITABLE as error:
        say(f"the evaluation is not tracked: {write_failure(error)}")
        return True
    return _sent_at_once(paths, kept, say)


def _sent_at_once(paths: ProjectPaths, kept: OfflineQueue, say: Notify) -> bool:
    """Send an evaluation; return False where the store lacks its run."""
    try:
        with kept.held() as mine:
            if mine:
                replay.send(paths, kept, seconds=SECONDS)
    except replay.RunMissingError:
        kept.remove()
        return False
    except SentimentError as error:
        say(f"the evaluation is kept in {kept.folder}: {error.fact}\n{_HINT}")
        return True
    kept.settle()
    return True
