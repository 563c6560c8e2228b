"""Runs of which what is said is kept in a spool, from the beginning or once the store fails.

Knows runs and spools; knows nothing of who sends a spool, or when.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.errors import SentimentError
from sentiment.tracking.offline import connection, replay
from sentiment.tracking.offline.queue import OfflineQueue
from sentiment.tracking.run import Dataset, MlflowRun
from sentiment.utils.paths import ProjectPaths

Notify = Callable[[str], None]
SECONDS = 3  # that each call may take while a training waits for it


class OfflineRun(MlflowRun):
    """A run whose operations are kept on disk; where they can't be, that is said and no error.

    again: the run has begun before, so that some of what is said may have been said already;
    heard: it has been said that the store is away; kept: is called after each operation.
    """

    def __init__(
        self,
        spool: OfflineQueue,
        paths: ProjectPaths,
        say: Notify,
        *,
        again: bool = False,
        heard: bool = False,
        kept: Callable[[], None] = lambda: None,
    ):
        self._header = spool.header
        self.id, self.name = spool.run_id or self._header["id"], self._header["name"]
        self._spool, self._paths, self._say, self._again = spool, paths, say, again
        self._lost = ""  # why nothing more can be kept
        self._heard, self._kept = heard, kept

    def begin(self, settings: dict[str, Any], datasets: list[Dataset]) -> None:
        """Keep what the run is made from."""
        said = {name: str(value) for name, value in settings.items()}
        self._keep("begin", settings=said, datasets=[vars(used) for used in datasets])

    def again(self, tags: dict[str, str]) -> None:
        """Keep that the run goes on."""
        self._keep("again", tags=tags)

    def models(self, steps: list[int]) -> dict[int, tuple[str, Path | None]]:
        """Return for each of these epochs that was kept its name and the bundle's folder.

        That is all of them but perhaps the last. The folder is None where the store, which has it,
        does not answer.
        """
        waiting, there = self._spool.bundles(), {}
        with suppress(SentimentError):
            there = replay.models(self._paths, self._spool, steps, seconds=SECONDS)
        paths = there | waiting
        return {
            step: (str(step), paths.get(step))
            for step in steps
            if step in paths or step != steps[-1]
        }

    def epoch(
        self, metrics: dict[str, float], step: int, bundle: Path, when: int | None = None
    ) -> str:
        """Keep the model of an epoch and its metrics; return a name for the model."""
        del when  # an operation says when it was
        # As text: JSON has no word for what is no number.
        values = {name: repr(float(value)) for name, value in metrics.items()}
        self._keep("epoch", bundle=bundle, metrics=values, step=int(step), again=self._again)
        return str(int(step))

    def arrays(self, arrays: dict[str, np.ndarray], path: str) -> None:
        """Keep arrays."""
        self._keep("arrays", arrays=arrays, path=path)

    def image(self, pixels: np.ndarray, key: str, step: int, when: int | None = None) -> None:
        """Keep a picture."""
        del when
        self._keep("image", arrays={"pixels": pixels}, key=key, step=int(step))

    def table(self, columns: dict[str, list[Any]], path: str) -> None:
        """Keep a table, the arrays in it aside under numbers."""
        arrays: dict[str, np.ndarray] = {}

        def aside(cell: Any) -> Any:
            if not isinstance(cell, np.ndarray):
                return cell
            name = str(len(arrays))
            arrays[name] = cell
            return {"array": name}

        kept = {name: [aside(cell) for cell in cells] for name, cells in columns.items()}
        self._keep("table", arrays=arrays or None, columns=kept, path=path)

    def text(self, text: str, path: str) -> None:
        """Keep a text file."""
        self._keep("text", text=text, path=path)

    def tag(self, name: str, text: str) -> None:
        """Keep a tag."""
        self._keep("tag", name=name, text=text)

    def best(self, model_id: str) -> None:
        """Keep which model is the best; `model_id` is the name that `epoch` gave."""
        self._keep("best", model=model_id)

    def end(self, status: str, when: int | None = None) -> None:
        """Keep how the run ends, and if some of it was lost that too, where there is room now."""
        del when
        if self._lost:
            with suppress(OSError, SentimentError):
                self._spool.record("tag", name="failure", text=f"not all was kept: {self._lost}")
                self._spool.record("end", status=status)
        self._keep("end", status=status)
        with suppress(OSError, SentimentError):
            self._spool.note(ended=True)

    def _keep(self, kind: str, **said: Any) -> None:
        """Keep an operation, and pass on what has become of those before."""
        if self._lost:
            return
        try:
            self._spool.record(kind, begun=self._again, **said)
        except (OSError, SentimentError) as error:
            self._lost = write_failure(error)
            self._say(f"nothing more of this run is tracked: {self._lost}")
            return
        self._kept()
        if not self._heard and (trouble := self._spool.trouble):
            self._heard = True
            self._say(f"{trouble}; the run is kept on this machine")


class FallbackRun(MlflowRun):
    """A run that is written to the store at once until that fails; what is left goes into a spool.

    spool: makes one, given what has failed.
    """

    def __init__(self, run: MlflowRun, spool: Callable[[Exception], MlflowRun | None]):
        self.id, self.name = run.id, run.name
        self._run: MlflowRun | None = run
        self._spool, self._failed = spool, False

    def _do(self, method: str, *said: Any, **more: Any) -> Any:
        try:
            return getattr(self._run, method)(*said, **more) if self._run else ""
        except connection.STORE_ERRORS as error:
            if self._failed:
                raise
            self._run, self._failed = self._spool(error), True
            # The store may have taken a part of it, which the spool is told.
            return self._do(method, *said, **more)

    def _either(method: str) -> Callable[..., Any]:  # type: ignore[misc]  # noqa: N805
        """Return a method that says the same to the run behind it."""

        def said(self: "FallbackRun", *words: Any, **more: Any) -> Any:
            return self._do(method, *words, **more)

        return said

    models, epoch, arrays, image = map(_either, ("models", "epoch", "arrays", "image"))
    table, text, tag, best, end = map(_either, ("table", "text", "tag", "best", "end"))


def write_failure(error: Exception) -> str:
    """Return in a few words why nothing can be kept."""
    if isinstance(error, OSError):
        return f"{error.filename or 'the spool'}: {error.strerror or error}"
    return str(error)
