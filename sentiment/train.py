"""Stage 2: a prepared set in, a trained bundle out, every epoch in MLflow.

Knows the order of the work: hold reviews back, train, save the best epoch, log. Knows nothing of
the other stages; they meet through files.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sentiment import bundle
from sentiment.bundle import Bundle
from sentiment.config import ModelSettings, PrepareSettings, TrainSettings, merged
from sentiment.errors import InputError
from sentiment.folders import Folders
from sentiment.journal import Cadence, Journal, RunJournal
from sentiment.partition import Parts, divide, unlabelled
from sentiment.prepared import PreparedSet
from sentiment.progress import Clock, EpochReport, Watcher
from sentiment.session import Session
from sentiment.tokenizer import Tokenizer
from sentiment.tracking import runs, store

UNSUPERVISED = "unsupervised"  # the split of unlabelled reviews
_MISTAKES = 10  # of the validation reviews, that the report shows


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
    recipe: str = "default",
    experiment: str = store.EXPERIMENT,
    name: str | None = None,
    track: bool = True,
    snapshots: str = "epoch",
    watcher: Watcher | None = None,
    clock: Clock | None = None,
) -> Trained:
    """Train a network on the training split of `data` and save its best epoch as a bundle.

    Best means the lowest loss on the reviews held back, over all rounds; it is saved also where
    training is interrupted or fails after it. recipe: the name of that the settings came from;
    snapshots: how often hidden states are logged, `off`, `epoch` or `batch:N`. Raises InputError
    where the name is taken or `snapshots` none of these, and DivergedError where the loss is no
    longer a number.
    """
    watcher, clock = watcher or Watcher(), clock or Clock()
    cadence = Cadence.parse(snapshots)
    name = _free_name(folders.models, name, recipe, data, model, settings)
    folder = folders.models / name
    watcher.note(f"training {name}")
    with clock.part("data"):
        tokenizer = data.tokenizer.up_to(model.ngrams)
        split = data.split("train")
        parts = divide(split, tokenizer, model, settings.validation_share)
    record = _record(data, model, settings)
    record["run"] = {"id": "", "name": name, "experiment": experiment}
    with _journal(folders, record, parts, tokenizer, cadence, clock, recipe, track) as journal:
        record["run"]["id"] = journal.run_id
        rounds = _Rounds(data, parts, tokenizer, model, settings, journal, watcher, clock)
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
                    saved = _save(folder, tokenizer, rounds.kept, record)
                worst = rounds.kept.worst(_MISTAKES)
                mistakes = [
                    (split.text(row), int(split.labels[row])) for row in parts.held_rows[worst]
                ]
                journal.close(saved, rounds.kept.best, mistakes)
    return Trained(folder, name, journal.run_id, rounds.reports, rounds.kept.best)


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
        journal: Journal,
        watcher: Watcher,
        clock: Clock,
    ):
        self.sessions: list[Session] = []
        self._data, self._parts, self._tokenizer = data, parts, tokenizer
        self._model, self._settings = model, settings
        self._watcher = watcher
        self._session = partial(
            Session, tokenizer=tokenizer, journal=journal, watcher=watcher, clock=clock
        )
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


def _record(data: PreparedSet, model: ModelSettings, settings: TrainSettings) -> dict[str, Any]:
    return {
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "settings": {
            "prepare": data.settings,
            "model": asdict(model),
            "train": asdict(settings),
        },
        "data": {
            "dataset": data.settings["dataset"],
            "folder": data.folder.name,
            "digests": {part: stats["digest"] for part, stats in data.splits.items()},
        },
    }


def _save(folder: Path, tokenizer: Tokenizer, session: Session, record: dict[str, Any]) -> Bundle:
    embedding, weights = session.best_arrays()
    measured = {"temperature": session.temperature(), "metrics": session.best.metrics()}
    return bundle.write(
        folder,
        tokenizer=tokenizer,
        embedding=embedding,
        weights=weights,
        record={**record, **measured},
    )


@contextmanager
def _journal(
    folders: Folders,
    record: dict[str, Any],
    parts: Parts,
    tokenizer: Tokenizer,
    cadence: Cadence,
    clock: Clock,
    recipe: str,
    track: bool,
) -> Iterator[Journal]:
    """Give the journal of a run, or where nothing is tracked one that keeps nothing."""
    if not track:
        yield Journal()
        return
    data, name = record["data"], record["run"]["name"]
    source = {"dataset": data["dataset"], "folder": data["folder"]}
    used = runs.Dataset(data["folder"], "training", data["digests"]["train"], source)
    parameters = {"recipe": recipe} | merged(record["settings"])
    with runs.tracked(
        folders,
        experiment=record["run"]["experiment"],
        name=name,
        settings=parameters,
        datasets=[used],
    ) as run:
        yield RunJournal(
            run,
            tokenizer=tokenizer,
            probes=parts.probes,
            record=record,
            cadence=cadence,
            clock=clock,
        )


def _free_name(
    models: Path,
    wanted: str | None,
    recipe: str,
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
    of = "" if dataset == PrepareSettings().name else f"{dataset}-"
    return f"{of}{recipe}-{ways}rnn{shape}-{model.readout}-seed{settings.seed}-{moment}"
