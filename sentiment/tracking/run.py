"""A run while it is under way, and an evaluation that joins it later.

Knows MLflow's runs; knows nothing of networks, of drawing or of who reads the runs.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.errors import MissingFileError
from sentiment.tracking import process, registry, store
from sentiment.utils import environment
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.timestamps import epoch_milliseconds

with environment.suppress_stderr():
    import mlflow
    from mlflow import entities
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.entities import DatasetInput, InputTag, LoggedModel, Metric, Param
    from mlflow.exceptions import MlflowException
    from mlflow.tracking.context.registry import resolve_tags

_VERSIONS = ("sentiment", "tensorflow", "keras", "tensorflow-datasets", "mlflow", "numpy")
_LONGEST = 6000  # characters of a parameter
QUEUE_TAG = "sentiment.spool"  # the tag of a run that was made from a spool; it names the spool


@dataclass(frozen=True)
class Dataset:
    """A split that a run has used: `context` is training or testing."""

    name: str
    context: str
    digest: str
    source: dict[str, Any]


class MlflowRun:
    """An MLflow run that is under way. `when`, in ms, is when what is logged came about."""

    def __init__(self, run_id: str, name: str, paths: ProjectPaths):
        self.id, self.name, self._paths = run_id, name, paths
        self._client = mlflow.MlflowClient()

    def begin(self, settings: dict[str, Any], datasets: list[Dataset]) -> None:
        """Log what the run is made from."""
        values = [Param(name, _shortened(value)) for name, value in settings.items()]
        self._client.log_batch(self.id, params=values)
        self._used(datasets)

    def _used(self, datasets: list[Dataset]) -> None:
        # Two runs with one data set make it once.
        with store.creation_lock(self._paths):
            self._client.log_inputs(self.id, [_described(used) for used in datasets])

    def again(self, tags: dict[str, str]) -> None:
        """Have a run that was cut off RUNNING again, as that of the process that `tags` name."""
        if "failure" in self._client.get_run(self.id).data.tags:
            self._client.delete_tag(self.id, "failure")
        for name, text in tags.items():
            self.tag(name, text)
        self._client.update_run(self.id, status="RUNNING")

    def models(self, steps: list[int]) -> dict[int, tuple[str, Path | None]]:
        """Return for each of these epochs that is logged its model's id and the bundle's folder.

        An epoch is logged when its metrics are: a model without them was cut off. The folder is
        None where the bundle is out of reach.
        """
        found: dict[int, tuple[str, Path | None]] = {}
        for model in logged_models(self._client, self.id):
            for step in {metric.step for metric in model.metrics or ()}.intersection(steps):
                bundle = registry.download_bundle(self._paths, f"models:/{model.model_id}")
                found[step] = (model.model_id, bundle)
        return found

    def epoch(
        self, metrics: dict[str, float], step: int, bundle: Path, when: int | None = None
    ) -> str:
        """Log the model of an epoch, and its metrics in one call; return the model's id."""
        model_id = registry.log_model(self.id, bundle, step)
        self.metrics(metrics, step, model_id, when)
        return model_id

    def metrics(
        self, metrics: dict[str, float], step: int, model_id: str | None, when: int | None = None
    ) -> None:
        """Log metrics in one call; the same ones once more change nothing."""
        when = epoch_milliseconds() if when is None else when
        # A NumPy step would be stored as a blob: hence int().
        kept = [
            Metric(name, float(value), when, int(step), model_id) for name, value in metrics.items()
        ]
        self._client.log_batch(self.id, kept)

    def arrays(self, arrays: dict[str, np.ndarray], path: str) -> None:
        """Log arrays as one `.npz` file at `path`."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / Path(path).name
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
            self._client.log_artifact(self.id, str(file), str(Path(path).parent))

    def image(self, pixels: np.ndarray, key: str, step: int, when: int | None = None) -> None:
        """Log a picture, uint8 (height, width, 3), one of many called `key`."""
        self._client.log_image(self.id, pixels, key=key, step=int(step), timestamp=when)

    def table(self, columns: dict[str, list[Any]], path: str) -> None:
        """Log a table; uint8 arrays in it become pictures."""
        shown = {
            name: [mlflow.Image(cell) if isinstance(cell, np.ndarray) else cell for cell in cells]
            for name, cells in columns.items()
        }
        self._client.log_table(self.id, shown, path)

    def text(self, text: str, path: str) -> None:
        """Log a text file at `path`."""
        self._client.log_text(self.id, text, path)

    def tag(self, name: str, text: str) -> None:
        """Say something of the run, shown beside its name."""
        self._client.set_tag(self.id, name, text)

    def best(self, model_id: str) -> None:
        """Register the model of the best epoch, where it isn't yet."""
        self.tag("model_id", model_id)
        if not registry.is_registered(self.id, model_id):
            registry.register(model_id)

    def end(self, status: str, when: int | None = None) -> None:
        """End the run as FINISHED, KILLED or FAILED."""
        self._client.set_terminated(self.id, status, when)

    def evaluation(
        self,
        *,
        metrics: dict[str, float],
        mistakes: dict[str, list[Any]],
        predictions: dict[str, np.ndarray],
        dataset: Dataset,
        when: int | None = None,
    ) -> None:
        """Add an evaluation. It may be over: a run that is resumed would be RUNNING again.

        The accuracy on the test reviews goes to the head of the run's name, of which lists show
        no more than the first letters.
        """
        tags = self._client.get_run(self.id).data.tags
        # With the model's id they show on its page and among the models as well.
        self.metrics(metrics, 0, tags.get("model_id"), when)
        self._used([dataset])
        self.arrays(predictions, f"evaluation/{dataset.name}_predictions.npz")
        self.table(mistakes, f"evaluation/{dataset.name}_mistakes.json")
        accuracy, name = metrics.get("test/accuracy"), tags.get("model")
        if accuracy is not None and name is not None:
            self._client.update_run(self.id, name=f"{accuracy:.2%} {name}")


@contextmanager
def end_after(run: MlflowRun) -> Iterator[None]:
    """End `run` after the body: FINISHED, KILLED by an interrupt, else FAILED.

    The tag `failure` then says why.
    """
    status = "FAILED"
    try:
        yield
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    except Exception as error:
        run.tag("failure", str(error) or type(error).__name__)
        raise
    finally:
        run.end(status)


def _shortened(value: Any) -> str:
    """Return a parameter as text that MLflow takes; a longer one it would cut, and print whole."""
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def create_run(
    paths: ProjectPaths, experiment: str, name: str, tags: dict[str, str], when: int | None = None
) -> MlflowRun:
    """Make a run in an experiment, which is made too where it is missing."""
    number = store.open_experiment(paths, experiment)
    with store.store_errors(paths):
        made = mlflow.MlflowClient().create_run(number, when or epoch_milliseconds(), tags, name)
    return MlflowRun(made.info.run_id, name, paths)


def resume_run(paths: ProjectPaths, run_id: str, name: str) -> MlflowRun:
    """Have a run that was cut off RUNNING again, as this process's.

    Raises MissingFileError where the store lacks it.
    """
    client = store.connect(paths)
    try:
        run = MlflowRun(client.get_run(run_id).info.run_id, name, paths)
    except MlflowException as error:
        raise MissingFileError(
            f"the run {run_id} to go on with is not in {store.tracking_uri(paths)}",
            hint="sentiment train",
        ) from error
    run.again(process.process_tags())
    return run


def logged_models(client: mlflow.MlflowClient, run_id: str) -> list[LoggedModel]:
    """Return all logged models of a run."""
    experiment = client.get_run(run_id).info.experiment_id
    found: list[LoggedModel] = []
    token = None
    while True:
        page = client.search_logged_models(
            [experiment], filter_string=f"source_run_id = '{run_id}'", page_token=token
        )
        found += page
        token = page.token
        if not token:
            return found


def _described(dataset: Dataset) -> DatasetInput:
    # The digest is our own: MLflow's would cover a part of the rows only.
    source = CodeDatasetSource(tags=dataset.source).to_json()
    described = entities.Dataset(dataset.name, dataset.digest[:16], "code", source)
    return DatasetInput(described, [InputTag("mlflow.data.context", dataset.context)])


def source_tags(paths: ProjectPaths, name: str) -> dict[str, str]:
    """Return tags that say who runs which code in which process, and the name of the model."""
    tags = process.process_tags() | {"model": name}
    for package in _VERSIONS:
        tags[f"version.{package}"] = metadata.version(package)
    tags["version.python"] = sys.version.split()[0]
    command = ["git", "-C", str(paths.root), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
        tags["mlflow.source.git.commit"] = found.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        pass  # not a git checkout, or no git: then there is no commit to name
    return resolve_tags(tags)


def log_evaluation(
    paths: ProjectPaths,
    run_id: str,
    *,
    metrics: dict[str, float],
    mistakes: dict[str, list[Any]],
    predictions: dict[str, np.ndarray],
    dataset: Dataset,
) -> bool:
    """Add an evaluation to the run that made the model; return False where the store lacks it."""
    try:
        client = store.connect_existing(paths)
        run = MlflowRun(client.get_run(run_id).info.run_id, "", paths)
    except (MissingFileError, MlflowException):
        return False
    with environment.suppress_stderr():
        run.evaluation(metrics=metrics, mistakes=mistakes, predictions=predictions, dataset=dataset)
    return True
