"""Stage 2: a prepared set in, a trained bundle out, every epoch in MLflow.

Knows the order of the work: hold reviews back, train, save the best epoch, log. Knows nothing of
the other stages; they meet through files.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sentiment import bundle, tracking
from sentiment.config import ModelSettings, TrainSettings, as_dict
from sentiment.errors import InputError
from sentiment.folders import Folders
from sentiment.partition import divide
from sentiment.prepared import PreparedSet
from sentiment.progress import Clock, EpochReport, Watcher
from sentiment.session import Session
from sentiment.tokenizer import Tokenizer


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

    Best means the lowest loss on the reviews held back; it is saved also where training is
    interrupted or fails after it. Raises InputError where the name is taken and DivergedError
    where the loss is no longer a number.
    """
    watcher, clock = watcher or Watcher(), clock or Clock()
    name = _free_name(folders.models, name, data, model, settings)
    folder = folders.models / name
    watcher.note(f"training {name}")
    with clock.part("data"):
        tokenizer = data.tokenizer.up_to(model.ngrams)
        parts = divide(data.split("train"), tokenizer, model, settings.validation_share)
    with _run(data, model, settings, folders, experiment, name, track) as run:
        session = Session(
            parts, model, settings, tokenizer=tokenizer, run=run, watcher=watcher, clock=clock
        )
        try:
            session.run_epochs()
        except BaseException:
            if session.reports:
                watcher.note(f"epoch {session.best.epoch}, the best so far, is kept in {folder}")
            raise
        finally:
            if session.reports:
                with clock.part("saving"):
                    record = _record(data, model, settings, session.best)
                    record["temperature"] = session.temperature()
                    record["run"] = {"id": run.id, "name": name, "experiment": experiment}
                    _save(folder, tokenizer, session, record)
                with clock.part("logging"):
                    run.model(folder)
    return Trained(folder, name, run.id, session.reports, session.best)


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
