"""Stage 2: a prepared set in, a trained bundle out, every epoch in MLflow.

Knows the order of the work: hold reviews back, train, keep the best epoch, save, log. Knows
nothing of the other stages; they meet through files.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from sentiment import batches, bundle, network, quiet, snapshots, tracking
from sentiment.config import ModelSettings, TrainSettings, as_dict
from sentiment.errors import InputError
from sentiment.folders import Folders
from sentiment.learning import Outcome, Step, Trainer
from sentiment.prepared import PreparedSet, Split
from sentiment.progress import BatchReport, EpochReport, Watcher
from sentiment.tokenizer import Tokenizer


@dataclass(frozen=True)
class Trained:
    """What training has left: where the model lies, its run, how the epochs went."""

    folder: Path
    name: str
    run_id: str
    epochs: list[EpochReport]
    seconds: float

    @property
    def best(self) -> EpochReport:
        """The epoch whose weights were kept."""
        return [report for report in self.epochs if report.best][-1]


@dataclass(frozen=True)
class Parts:
    """The training split in two: what is learnt from, what choices are made on, and the probes."""

    learnt: batches.Examples
    held: batches.Examples
    probes: batches.Examples
    probe_texts: tuple[str, ...]


def divide(split: Split, tokenizer: Tokenizer, model: ModelSettings, share: float) -> Parts:
    """Hold back `share` of the reviews; which ones depends on their number alone.

    So runs with different seeds are compared on the same reviews, and show the same probes.
    """
    encoded = split.encoded.last(model.longest_review)
    order = np.random.default_rng(0).permutation(len(split))
    count = max(1, round(len(split) * share))
    held, learnt = np.sort(order[:count]), np.sort(order[count:])

    def examples(rows: np.ndarray) -> batches.Examples:
        chosen = encoded.take(rows)
        features = tokenizer.features(chosen, model.ngrams)
        return batches.Examples(features, chosen.offsets, split.labels[rows].astype(np.float32))

    probes = held[snapshots.choose_probes(split.labels[held], encoded.lengths[held])]
    texts = tuple(split.text(row) for row in probes)
    return Parts(examples(learnt), examples(held), examples(probes), texts)


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
) -> Trained:
    """Train a network on the training split of `data` and save its best epoch as a bundle.

    Best means the lowest loss on the reviews held back. Raises InputError where the name is taken.
    """
    watcher = watcher or Watcher()
    started = time.perf_counter()
    name = _free_name(folders.models, name, data, model, settings)
    watcher.note(f"training {name}")
    tokenizer = data.tokenizer.up_to(model.ngrams)
    parts = divide(data.split("train"), tokenizer, model, settings.validation_share)
    with _run(data, model, settings, folders, experiment, name, track) as run:
        session = _Session(parts, model, settings, tokenizer, run, watcher)
        reports = session.run_epochs()
        record = {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "settings": {
                "prepare": data.settings,
                "model": as_dict(model),
                "train": as_dict(settings),
            },
            "run": {"id": run.id, "name": name, "experiment": experiment},
            "data": {
                "dataset": data.settings["dataset"],
                "folder": data.folder.name,
                "digests": {part: stats["digest"] for part, stats in data.splits.items()},
            },
            "metrics": _metrics(next(report for report in reversed(reports) if report.best)),
        }
        embedding, weights = session.best_arrays()
        folder = folders.models / name
        bundle.write(
            folder, tokenizer=tokenizer, embedding=embedding, weights=weights, record=record
        )
        run.model(folder)
    return Trained(folder, name, run.id, reports, time.perf_counter() - started)


class _Session:
    """One network while it is trained, and the best weights it has had."""

    def __init__(
        self,
        parts: Parts,
        model: ModelSettings,
        settings: TrainSettings,
        tokenizer: Tokenizer,
        run: tracking.NullRun,
        watcher: Watcher,
    ):
        self._parts, self._model, self._settings = parts, model, settings
        self._run, self._watcher = run, watcher
        with quiet.hushed():
            self._network = network.build(model, rows=tokenizer.feature_count, seed=settings.seed)
            self._batches = -(-len(parts.learnt) // settings.batch_size)
            steps = self._batches * settings.epochs
            self._trainer = Trainer(self._network, settings, steps=steps)
        self._kept = self._network.get_weights()
        self._lowest = float("inf")

    def run_epochs(self) -> list[EpochReport]:
        """Train until the last epoch, or until validation has not improved for long enough."""
        reports: list[EpochReport] = []
        since_best = 0
        for epoch in range(1, self._settings.epochs + 1):
            report = self._epoch(epoch)
            reports.append(report)
            self._run.metrics(_metrics(report), step=epoch)
            self._run.snapshot(self._snapshot(), epoch)
            self._watcher.epoch(report)
            since_best = 0 if report.best else since_best + 1
            if since_best >= self._settings.patience:
                self._watcher.note(f"no better validation loss for {since_best} epochs: stopping")
                break
        return reports

    def best_arrays(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return embedding and weights of the best epoch."""
        self._network.set_weights(self._kept)
        return network.arrays(self._network, self._model)

    def _epoch(self, epoch: int) -> EpochReport:
        settings, learnt = self._settings, self._parts.learnt
        order = np.random.default_rng([settings.seed, epoch])
        rows = batches.arrange(learnt, settings.batch_size, order)
        started = time.perf_counter()
        total = Step(0.0, 0.0, 0.0)
        stream = batches.stream(learnt, rows, settings.batch_size)
        for batch, step in enumerate(self._trainer.run_epoch(stream), 1):
            total = total + step
            self._watcher.batch(self._batch_report(epoch, batch, total, started))
        seconds = time.perf_counter() - started
        held = self._read(self._parts.held)
        loss = held.loss(self._parts.held.labels)
        best = loss < self._lowest
        if best:
            self._lowest, self._kept = loss, self._network.get_weights()
        return EpochReport(
            epoch=epoch,
            epochs=settings.epochs,
            seconds=seconds,
            reviews_per_second=len(learnt) / seconds,
            train_loss=total.loss / total.reviews,
            train_accuracy=total.correct / total.reviews,
            validation_loss=loss,
            validation_accuracy=held.accuracy(self._parts.held.labels),
            best=best,
        )

    def _batch_report(self, epoch: int, batch: int, total: Step, started: float) -> BatchReport:
        spent = time.perf_counter() - started
        left = self._batches * (self._settings.epochs - epoch + 1) - batch
        return BatchReport(
            epoch=epoch,
            epochs=self._settings.epochs,
            batch=batch,
            batches=self._batches,
            loss=total.loss / total.reviews,
            accuracy=total.correct / total.reviews,
            reviews_per_second=total.reviews / spent,
            seconds_left=left * spent / batch,
        )

    def _read(self, examples: batches.Examples) -> Outcome:
        size = self._settings.batch_size
        rows = batches.arrange(examples, size, None)
        return self._trainer.read(batches.stream(examples, rows, size), rows)

    def _snapshot(self) -> snapshots.Snapshot:
        probes = self._parts.probes
        outcome = self._read(probes)
        labels = probes.labels.astype(np.int8)
        return snapshots.Snapshot(
            outcome.states, labels, outcome.probabilities, self._parts.probe_texts
        )


def _metrics(report: EpochReport) -> dict[str, float]:
    return {
        "train/loss": report.train_loss,
        "train/accuracy": report.train_accuracy,
        "train/reviews_per_second": report.reviews_per_second,
        "validation/loss": report.validation_loss,
        "validation/accuracy": report.validation_accuracy,
    }


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
