"""Stage 2: a prepared set in, a trained bundle out, every epoch in MLflow.

Knows the order of the work: hold reviews back, train, save the best epoch, log. Knows nothing of
the other stages; they meet through files.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sentiment import bundle, tracking
from sentiment.config import ModelSettings, TrainSettings, as_dict
from sentiment.errors import InputError
from sentiment.folders import Folders
from sentiment.partition import Parts, divide, unlabelled
from sentiment.prepared import PreparedSet
from sentiment.progress import Clock, EpochReport, Watcher
from sentiment.session import Session
from sentiment.tokenizer import Tokenizer

UNSUPERVISED = "unsupervised"  # the split of unlabelled reviews


@dataclass(frozen=True)
class Trained:
    """What training has left: where the model lies, its run, how the epochs went."""

    folder: Path
    name: str
    run_id: str
    epochs: list[EpochReport]
    best: EpochReport


def train(
    data: PreparedSet,
    model: ModelSettings,
    settings: TrainSettings,
    folders: Folders,
    *,
    experiment: str = tracking.EXPERIMENT,
    name: str | None = None,
    track: bool = True,
    watcher: Watcher | None = None,
    clock: Clock | None = None,
) -> Trained:
    """Train a network on the training split of `data` and save its best epoch as a bundle.

    Best means the lowest loss on the reviews held back, over all rounds; it is saved also where
    training is interrupted or fails after it. Raises InputError where the name is taken and
    DivergedError where the loss is no longer a number.
    """
    watcher, clock = watcher or Watcher(), clock or Clock()
    name = _free_name(folders.models, name, data, model, settings)
    folder = folders.models / name
    watcher.note(f"training {name}")
    with clock.part("data"):
        tokenizer = data.tokenizer.up_to(model.ngrams)
        parts = divide(data.split("train"), tokenizer, model, settings.validation_share)
    with _run(data, model, settings, folders, experiment, name, track) as run:
        rounds = _Rounds(data, parts, tokenizer, model, settings, run, watcher, clock)
        try:
            rounds.run()
        except BaseException:
            if rounds.sessions:
                best = rounds.kept.best.epoch
                watcher.note(f"epoch {best}, the best so far, is kept in {folder}")
            raise
        finally:
            if rounds.sessions:
                with clock.part("saving"):
                    record = _record(data, model, settings, rounds.kept.best)
                    record["temperature"] = rounds.kept.temperature()
                    record["run"] = {"id": run.id, "name": name, "experiment": experiment}
                    _save(folder, tokenizer, rounds.kept, record)
                with clock.part("logging"):
                    run.model(folder)
    return Trained(folder, name, run.id, rounds.reports, rounds.kept.best)


class _Rounds:
    """One network after another, each a round.

    The first learns from the labelled reviews; each later one begins anew and learns from the
    unlabelled ones too, which the network before it has labelled.
    `sessions` are those that have finished an epoch.
    """

    def __init__(
        self,
        data: PreparedSet,
        parts: Parts,
        tokenizer: Tokenizer,
        model: ModelSettings,
        settings: TrainSettings,
        run: tracking.NullRun,
        watcher: Watcher,
        clock: Clock,
    ):
        self.sessions: list[Session] = []
        self._data, self._parts, self._tokenizer = data, parts, tokenizer
        self._model, self._settings = model, settings
        self._watcher = watcher
        self._session = partial(Session, tokenizer=tokenizer, run=run, watcher=watcher, clock=clock)
        self._later = settings.own_labels if UNSUPERVISED in data.splits else 0

    @property
    def reports(self) -> list[EpochReport]:
        """How all epochs went."""
        return [report for session in self.sessions for report in session.reports]

    @property
    def kept(self) -> Session:
        """The session whose best epoch is the model."""
        return min(self.sessions, key=lambda session: session.best.validation_loss)

    def run(self) -> None:
        """Train all rounds."""
        self._train(self._parts, self._settings)
        if not self._later:
            return
        extra = unlabelled(self._data.split(UNSUPERVISED), self._tokenizer, self._model)
        # What a network says is less than certain as it is.
        settings = replace(self._settings, label_smoothing=0.0)
        for number in range(1, self._later + 1):
            self._watcher.note(
                f"round {number}: {len(extra):,} unlabelled reviews join, labelled by the network"
            )
            extra = self.sessions[-1].with_own_labels(extra)
            self._train(replace(self._parts, learnt=self._parts.learnt + extra), settings)

    def _train(self, parts: Parts, settings: TrainSettings) -> None:
        session = self._session(
            parts,
            self._model,
            settings,
            epochs_before=len(self.reports),
            epochs_in_all=settings.epochs * (1 + self._later),
        )
        try:
            session.run_epochs()
        finally:
            if session.reports:
                self.sessions.append(session)


def _record(
    data: PreparedSet, model: ModelSettings, settings: TrainSettings, best: EpochReport
) -> dict:
    return {
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "settings": {
            "prepare": data.settings,
            "model": as_dict(model),
            "train": as_dict(settings),
        },
        "data": {
            "dataset": data.settings["dataset"],
            "folder": data.folder.name,
            "digests": {part: stats["digest"] for part, stats in data.splits.items()},
        },
        "metrics": best.metrics(),
    }


def _save(folder: Path, tokenizer: Tokenizer, session: Session, record: dict) -> None:
    embedding, weights = session.best_arrays()
    bundle.write(folder, tokenizer=tokenizer, embedding=embedding, weights=weights, record=record)


@contextmanager
def _run(
    data: PreparedSet,
    model: ModelSettings,
    settings: TrainSettings,
    folders: Folders,
    experiment: str,
    name: str,
    track: bool,
) -> Iterator[tracking.NullRun]:
    if not track:
        yield tracking.NullRun()
        return
    source = {"dataset": data.settings["dataset"], "folder": data.folder.name}
    used = tracking.Dataset(data.folder.name, "training", data.splits["train"]["digest"], source)
    parameters = {**data.settings, **as_dict(model, settings)}
    with tracking.tracked(
        folders, experiment=experiment, name=name, settings=parameters, datasets=[used]
    ) as run:
        yield run


def _free_name(
    models: Path,
    wanted: str | None,
    data: PreparedSet,
    model: ModelSettings,
    settings: TrainSettings,
) -> str:
    """Return a run name that says the essentials and that no model has yet."""
    if wanted is not None:
        if not wanted or wanted.startswith(".") or "/" in wanted or "\\" in wanted:
            raise InputError(f"a run name is a plain file name, got {wanted!r}")
        if (models / wanted).exists():
            raise InputError(f"{models / wanted} is there already", remedy="choose another --name")
        return wanted
    shape = f"{model.layers}x{model.units}" if model.layers > 1 else f"{model.units}"
    ways = "bi" if model.bidirectional else ""
    dataset = data.folder.name.rsplit("-", 1)[0]
    moment = datetime.now().strftime("%m%d-%H%M%S")
    return f"{dataset}-{ways}rnn{shape}-ngrams{model.ngrams}-seed{settings.seed}-{moment}"
