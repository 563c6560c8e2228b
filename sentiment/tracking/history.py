"""Read runs back from the store: settings, metrics, predictions and hidden states."""

import math
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sentiment.errors import DamagedFileError, InputError, MissingFileError
from sentiment.tracking import store, tags
from sentiment.tracking.metric_names import BEST
from sentiment.tracking.run_names import bare_name
from sentiment.utils import environment, names, npz
from sentiment.utils.paths import ProjectPaths

with environment.suppress_stderr():
    from mlflow.entities import Run
    from mlflow.exceptions import MlflowException

RUNNING, FINISHED = "RUNNING", "FINISHED"
_PAGE = 1000  # runs that the store returns at a time
_MAX_ARRAYS = 1 << 28  # bytes of an artifact's arrays; ours need a hundredth of that
_SNAPSHOT = re.compile(r"hidden_states/epoch_(\d{1,9})\.npz", re.ASCII)


@dataclass(frozen=True)
class RunRecord:
    """A run as the store has it.

    seconds: from start to end, None while it runs; metrics: the latest value of each, but those of
    the best epoch once training has ended: that is the model that stays; reviews: the digest of the
    reviews that it was evaluated on, by their name, empty if different reviews had the same name.
    """

    id: str
    name: str
    status: str
    started: datetime
    seconds: float | None
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    reviews: Mapping[str, str]

    @property
    def bare_name(self) -> str:
        """The name without the accuracy that an evaluation has put before it."""
        return bare_name(self.name)


class Predictions(NamedTuple):
    """P(positive), float32 (N,), and the labels, int8 (N,), of the reviews with `digest`."""

    probabilities: np.ndarray
    labels: np.ndarray
    digest: str


def evaluate_command(paths: ProjectPaths, run: RunRecord) -> str:
    """Return the command that evaluates a run's model on the test reviews."""
    model = run.tags.get(tags.MODEL, run.bare_name)
    is_here = names.is_plain_name(model) and (paths.models / model).is_dir()
    if not is_here and tags.BEST_MODEL in run.tags:
        model = f"models:/{run.tags[tags.BEST_MODEL]}"
    return f"sentiment evaluate --model {shlex.quote(model)}"


def list_runs(paths: ProjectPaths, experiment: str = store.EXPERIMENT) -> list[RunRecord]:
    """Return all runs of an experiment, the newest first.

    Raises MissingFileError if there are none, and UnavailableError if the store can't be read.
    """
    client = store.connect_existing(paths)
    runs: list[RunRecord] = []
    with store.store_errors(paths):
        entity = client.get_experiment_by_name(experiment)
        token = None
        while entity is not None:
            page = client.search_runs(
                [entity.experiment_id],
                max_results=_PAGE,
                order_by=["attributes.start_time DESC"],
                page_token=token,
            )
            runs += map(_record, page)
            token = page.token
            if not token:
                break
        if entity is not None:
            store.check_not_deleted(entity, store.tracking_uri(paths))
        others = [other.name for other in client.search_experiments() if other.name != experiment]
    if not runs:
        known = f"; there are {', '.join(sorted(others))}" if entity is None and others else ""
        raise MissingFileError(
            f"no runs yet in the experiment {experiment!r}{known}", hint="sentiment train"
        )
    return runs


def get_run(paths: ProjectPaths, run_id: str) -> RunRecord | None:
    """Return the run with that id, of any experiment; None if there is none."""
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        try:
            return _record(client.get_run(run_id))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise


def find_run(paths: ProjectPaths, experiment: str, named: str | None) -> RunRecord:
    """Return the run of an experiment that `match_run` finds by `named`, or the newest finished.

    Raises MissingFileError if there are no runs, or none has finished, and InputError if no run or
    several match.
    """
    runs = list_runs(paths, experiment)
    if named is not None:
        return match_run(runs, named)
    for run in runs:
        if run.status == FINISHED:
            return run
    raise MissingFileError(
        f"no run of the experiment {experiment!r} has finished", hint="sentiment runs"
    )


def match_run(found: list[RunRecord], named: str) -> RunRecord:
    """Return the run whose id, name, model or start of an id is `named`, the first that fits.

    The accuracy before a name may be left out. Raises InputError if no run or several match.
    """
    rules: tuple[Callable[[RunRecord], bool], ...] = (
        lambda run: named == run.id,
        lambda run: named == run.name,
        lambda run: named in (run.bare_name, run.tags.get(tags.MODEL), run.tags.get(tags.QUEUE)),
        lambda run: named != "" and run.id.startswith(named),
    )
    for rule in rules:
        matches = [run for run in found if rule(run)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            ids = ", ".join(run.id[:8] for run in matches[:5])
            raise InputError(
                f"{len(matches)} runs are called {named!r}: {ids}{' …' * (len(matches) > 5)}",
                hint="sentiment runs, which lists their ids, and the same with an id",
            )
    close = get_close_matches(named, [run.bare_name for run in found], n=3)
    suggestion = f"; is it {' or '.join(close)}" if close else ""
    raise InputError(f"no run is called {named!r}{suggestion}", hint="sentiment runs")


def metric_curve(paths: ProjectPaths, run: RunRecord, metric: str) -> list[tuple[int, float]]:
    """Return (step, value) of a metric by step; the later value if a step has two."""
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        points = client.get_metric_history(run.id, metric)
    by_time = sorted(points, key=lambda point: (point.step, point.timestamp))
    return sorted({point.step: _value(point.value) for point in by_time}.items())


def load_predictions(paths: ProjectPaths, run: RunRecord, name: str = "test") -> Predictions | None:
    """Return the predictions of a run's model on the reviews `name`; None if it has none.

    Raises DamagedFileError if the file is not one that an evaluation writes.
    """
    path = f"evaluation/{name}_predictions.npz"
    if path not in _artifacts(paths, run, "evaluation"):
        return None
    arrays = _arrays(paths, run, path, hint=evaluate_command(paths, run))
    probabilities, labels = arrays.get("probabilities"), arrays.get("labels")
    if probabilities is None or labels is None or probabilities.shape != labels.shape:
        raise DamagedFileError(
            f"{path} of the run {run.bare_name} does not hold a probability for each label",
            hint=evaluate_command(paths, run),
        )
    return Predictions(probabilities, labels, run.reviews.get(name, ""))


def load_last_snapshot(paths: ProjectPaths, run: RunRecord) -> dict[str, np.ndarray] | None:
    """Return the arrays of the newest epoch's hidden states; None if the run has none.

    Their names are those of `snapshots.Snapshot.arrays`. Raises DamagedFileError.
    """
    snapshots = {
        int(epoch[1]): path
        for path in _artifacts(paths, run, "hidden_states")
        if (epoch := _SNAPSHOT.fullmatch(path))
    }
    if not snapshots:
        return None
    return _arrays(paths, run, snapshots[max(snapshots)], hint="sentiment train")


def _record(run: Run) -> RunRecord:
    info, data = run.info, run.data
    reviews: dict[str, str] = {}
    for dataset_input in run.inputs.dataset_inputs if run.inputs else ():
        name, digest = dataset_input.dataset.name, dataset_input.dataset.digest
        if any(tag.value == "testing" for tag in dataset_input.tags):
            reviews[name] = digest if reviews.get(name, digest) == digest else ""
    return RunRecord(
        id=info.run_id,
        name=info.run_name or info.run_id,
        status=info.status,
        started=datetime.fromtimestamp((info.start_time or 0) / 1000, UTC),
        seconds=(info.end_time - info.start_time) / 1000 if info.end_time else None,
        parameters=dict(data.params),
        metrics=_of_best_epoch({name: _value(value) for name, value in data.metrics.items()}),
        tags=tags.with_present_names(data.tags),
        reviews=reviews,
    )


def _of_best_epoch(metrics: dict[str, float]) -> dict[str, float]:
    """Return `metrics` with those of the best epoch, if it is known, in the place of the latest."""
    best = {name: value for name, value in metrics.items() if name.startswith(BEST)}
    return metrics | {
        name.removeprefix(BEST): best[name] for name in best if "/" in name[len(BEST) :]
    }


def _value(stored: float) -> float:
    """Return a metric as it was logged: the store saves infinity as the largest float."""
    return math.copysign(math.inf, stored) if abs(stored) == sys.float_info.max else stored


def _artifacts(paths: ProjectPaths, run: RunRecord, folder: str) -> list[str]:
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        return [item.path for item in client.list_artifacts(run.id, folder)]


def _arrays(paths: ProjectPaths, run: RunRecord, path: str, *, hint: str) -> dict[str, np.ndarray]:
    client = store.connect_existing(paths)
    with tempfile.TemporaryDirectory() as tmp:
        with store.store_errors(paths):
            local = Path(client.download_artifacts(run.id, path, tmp))
        try:
            return npz.read_arrays(local, hint=hint, max_bytes=_MAX_ARRAYS)
        except DamagedFileError as error:
            # A full disk leaves damaged files. Name the artifact: the local copy is temporary.
            fact = f"{path} of the run {run.bare_name} can't be read"
            raise DamagedFileError(fact, hint=hint) from error
