"""Runs on their way out of the store: their settings, curves, predictions and hidden states.

Knows MLflow's runs, and makes no store where there is none; knows nothing of how runs are compared
or shown.
"""

import math
import re
import shlex
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sentiment.errors import DamagedFileError, InputError, MissingFileError
from sentiment.tracking import store
from sentiment.tracking.run import QUEUE_TAG
from sentiment.utils import environment, npz
from sentiment.utils.paths import ProjectPaths

with environment.suppress_stderr():
    from mlflow.exceptions import MlflowException

RUNNING, FINISHED = "RUNNING", "FINISHED"
_PAGE = 1000  # runs that the store gives at a time
_MOST_ARRAYS = 1 << 28  # bytes of an artifact's arrays; ours have a hundredth of that
_ACCURACY = re.compile(r"^\d+\.\d+% ")  # what an evaluation puts before the name of a run
_SNAPSHOT = re.compile(r"epoch_(\d+)\.npz$")


@dataclass(frozen=True)
class RunRecord:
    """What a run is and has come to.

    seconds: from its start to its end, None while it runs; metrics: the latest value of each;
    reviews: the digest of the reviews that it was evaluated on, by their name, and nothing where
    different reviews had the same name.
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
        return _ACCURACY.sub("", self.name)


class Predictions(NamedTuple):
    """P(positive), float32 (N,), and the labels, int8 (N,), of the reviews with `digest`."""

    probabilities: np.ndarray
    labels: np.ndarray
    digest: str


def evaluate_command(paths: ProjectPaths, run: RunRecord) -> str:
    """Return what to type for a run's measures and predictions on the test reviews."""
    model = run.tags.get("model", run.bare_name)
    if not (paths.models / model).is_dir() and "model_id" in run.tags:
        model = f"models:/{run.tags['model_id']}"
    return f"sentiment evaluate --model {shlex.quote(model)}"


def list_runs(paths: ProjectPaths, experiment: str = store.EXPERIMENT) -> list[RunRecord]:
    """Return all runs of an experiment, the newest first.

    Raises MissingFileError where there is none, and UnavailableError where the store can't be read.
    """
    client = store.connect_existing(paths)
    found: list[RunRecord] = []
    with store.store_errors(paths):
        kept = client.get_experiment_by_name(experiment)
        token = None
        while kept is not None:
            page = client.search_runs(
                [kept.experiment_id],
                max_results=_PAGE,
                order_by=["attributes.start_time DESC"],
                page_token=token,
            )
            found += map(_record, page)
            token = page.token
            if not token:
                break
        if kept is not None:
            store.check_not_deleted(kept, store.tracking_uri(paths))
        others = [other.name for other in client.search_experiments() if other.name != experiment]
    if not found:
        known = f"; there are {', '.join(sorted(others))}" if kept is None and others else ""
        raise MissingFileError(
            f"no runs yet in the experiment {experiment!r}{known}", hint="sentiment train"
        )
    return found


def get_run(paths: ProjectPaths, run_id: str) -> RunRecord | None:
    """Return the run with that id, of whatever experiment; None where there is none."""
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        try:
            return _record(client.get_run(run_id))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise


def find_run(paths: ProjectPaths, experiment: str, named: str | None) -> RunRecord:
    """Return the run of an experiment that is `named`, as in `match`, or else the newest finished.

    Raises MissingFileError where there are no runs, or none has finished, and InputError where
    none or several are called so.
    """
    found = list_runs(paths, experiment)
    if named is not None:
        return match_run(found, named)
    for run in found:
        if run.status == FINISHED:
            return run
    raise MissingFileError(
        f"no run of the experiment {experiment!r} has finished", hint="sentiment runs"
    )


def match_run(found: list[RunRecord], named: str) -> RunRecord:
    """Return the run whose id, name, model or beginning of an id is `named`.

    The accuracy before a name may be left out. Raises InputError where none or several fit.
    """
    ways = (
        lambda run: named == run.id,
        lambda run: named == run.name,
        lambda run: named in (run.bare_name, run.tags.get("model"), run.tags.get(QUEUE_TAG)),
        lambda run: named != "" and run.id.startswith(named),
    )
    for fits in ways:
        fitting = [run for run in found if fits(run)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            ids = ", ".join(run.id[:8] for run in fitting[:5])
            raise InputError(
                f"{len(fitting)} runs are called {named!r}: {ids}{' …' * (len(fitting) > 5)}",
                hint="sentiment runs, and name one by its id",
            )
    close = get_close_matches(named, [run.bare_name for run in found], n=3)
    meant = f"; is it {' or '.join(close)}" if close else ""
    raise InputError(f"no run is called {named!r}{meant}", hint="sentiment runs")


def metric_curve(paths: ProjectPaths, run: RunRecord, metric: str) -> list[tuple[int, float]]:
    """Return (step, value) of a metric by step; of two values at one step the later."""
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        points = client.get_metric_history(run.id, metric)
    by_time = sorted(points, key=lambda point: (point.step, point.timestamp))
    return sorted({point.step: _value(point.value) for point in by_time}.items())


def load_predictions(paths: ProjectPaths, run: RunRecord, name: str = "test") -> Predictions | None:
    """Return what a run's model says of the reviews `name`; None where it has not read them.

    Raises DamagedFileError where the file is not what an evaluation writes.
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
    """Return the arrays of the newest epoch's hidden states; None where the run has none.

    Their names are those of `snapshots.Snapshot.arrays`. Raises DamagedFileError.
    """
    snapshots = {
        int(epoch[1]): path
        for path in _artifacts(paths, run, "hidden_states")
        if (epoch := _SNAPSHOT.search(path))
    }
    if not snapshots:
        return None
    return _arrays(paths, run, snapshots[max(snapshots)], hint="sentiment train")


def _record(run: Any) -> RunRecord:
    info, data = run.info, run.data
    reviews: dict[str, str] = {}
    for used in run.inputs.dataset_inputs if run.inputs else ():
        name, digest = used.dataset.name, used.dataset.digest
        if any(tag.value == "testing" for tag in used.tags):
            reviews[name] = digest if reviews.get(name, digest) == digest else ""
    return RunRecord(
        id=info.run_id,
        name=info.run_name or info.run_id,
        status=info.status,
        started=datetime.fromtimestamp((info.start_time or 0) / 1000, UTC),
        seconds=(info.end_time - info.start_time) / 1000 if info.end_time else None,
        parameters=dict(data.params),
        metrics={name: _value(value) for name, value in data.metrics.items()},
        tags=dict(data.tags),
        reviews=reviews,
    )


def _value(stored: float) -> float:
    """Return a metric as it was logged: the store keeps infinity as the largest of all numbers."""
    return math.copysign(math.inf, stored) if abs(stored) == sys.float_info.max else stored


def _artifacts(paths: ProjectPaths, run: RunRecord, folder: str) -> list[str]:
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        return [item.path for item in client.list_artifacts(run.id, folder)]


def _arrays(paths: ProjectPaths, run: RunRecord, path: str, *, hint: str) -> dict[str, np.ndarray]:
    client = store.connect_existing(paths)
    with tempfile.TemporaryDirectory() as aside:
        with store.store_errors(paths):
            local = Path(client.download_artifacts(run.id, path, aside))
        # An .npz may come damaged from a disk that was full; its name says nothing to a person.
        named = f"{path} of the run {run.bare_name}"
        try:
            return npz.read_arrays(local, hint=hint, max_bytes=_MOST_ARRAYS)
        except DamagedFileError as error:
            raise DamagedFileError(f"{named} can't be read", hint=hint) from error
