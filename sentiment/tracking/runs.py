"""A run while it is under way, and an evaluation that joins it later.

Knows MLflow's runs; knows nothing of networks, of drawing or of who reads the runs.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from sentiment import quiet
from sentiment.errors import MissingFileError
from sentiment.folders import Folders
from sentiment.tracking import process, registry, store

with quiet.hushed():
    import mlflow
    from mlflow import entities
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.entities import DatasetInput, InputTag, Metric
    from mlflow.exceptions import MlflowException

_VERSIONS = ("sentiment", "tensorflow", "keras", "tensorflow-datasets", "mlflow", "numpy")


@dataclass(frozen=True)
class Dataset:
    """A split that a run has used: `context` is training or testing."""

    name: str
    context: str
    digest: str
    source: dict[str, Any]


class Run:
    """The MLflow run that is under way."""

    def __init__(self, run_id: str, name: str, folders: Folders):
        self.id, self.name, self._folders = run_id, name, folders

    def models(self) -> dict[int, tuple[str, Path]]:
        """Return for each epoch that is logged the id of its model and the bundle's folder.

        An epoch is logged when its metrics are: a model without them was cut off.
        """
        client = mlflow.MlflowClient()
        experiment = client.get_run(self.id).info.experiment_id
        found = {}
        token = None
        while True:
            page = client.search_logged_models(
                [experiment], filter_string=f"source_run_id = '{self.id}'", page_token=token
            )
            for model in page:
                for step in {metric.step for metric in model.metrics or () if metric.step}:
                    bundle = registry.fetch(self._folders, f"models:/{model.model_id}")
                    found[step] = (model.model_id, bundle)
            token = page.token
            if not token:
                return found

    def epoch(self, metrics: dict[str, float], step: int, bundle: Path) -> str:
        """Log the model of an epoch, and its metrics in one call; return the model's id."""
        model_id = registry.log(bundle, step)
        # A NumPy step would be stored as a blob: hence int().
        values = {name: float(value) for name, value in metrics.items()}
        mlflow.log_metrics(values, step=int(step), model_id=model_id)
        return model_id

    def arrays(self, arrays: dict[str, np.ndarray], path: str) -> None:
        """Log arrays as one `.npz` file at `path`."""
        _log_arrays(mlflow.MlflowClient(), self.id, arrays, path)

    def image(self, pixels: np.ndarray, key: str, step: int) -> None:
        """Log a picture, uint8 (height, width, 3), one of many called `key`."""
        mlflow.log_image(pixels, key=key, step=int(step))

    def table(self, columns: dict[str, list[Any]], path: str) -> None:
        """Log a table; uint8 arrays in it become pictures."""
        shown = {
            name: [mlflow.Image(cell) if isinstance(cell, np.ndarray) else cell for cell in cells]
            for name, cells in columns.items()
        }
        mlflow.log_table(shown, path)

    def text(self, text: str, path: str) -> None:
        """Log a text file at `path`."""
        mlflow.log_text(text, path)

    def tag(self, name: str, text: str) -> None:
        """Say something of the run, shown beside its name."""
        mlflow.set_tag(name, text)

    def best(self, model_id: str) -> None:
        """Register the model of the best epoch, where it isn't yet."""
        mlflow.set_tag("model_id", model_id)
        if not registry.is_registered(self.id, model_id):
            registry.register(model_id)


def _log_arrays(
    client: mlflow.MlflowClient, run_id: str, arrays: dict[str, np.ndarray], path: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / Path(path).name
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        client.log_artifact(run_id, str(file), str(Path(path).parent))


@contextmanager
def tracked(
    folders: Folders,
    *,
    experiment: str,
    name: str,
    settings: dict[str, Any],
    datasets: list[Dataset],
    again: str = "",
) -> Iterator[Run]:
    """Run the body in an MLflow run: FINISHED at its end, KILLED by an interrupt, else FAILED.

    The tag `failure` then says why. again: the id of a run that goes on, with the settings and
    datasets that it has; raises MissingFileError where the store lacks it.
    """
    experiment_id = store.open_experiment(folders, experiment)
    if again:
        run_id = _go_on(folders, again)
    else:
        tags = _origin(folders) | process.identity() | {"model": name}
        run = mlflow.start_run(experiment_id=experiment_id, run_name=name, tags=tags)
        run_id = run.info.run_id
    status = "FAILED"
    try:
        if not again:
            mlflow.log_params(settings)
            used = [_described(dataset) for dataset in datasets]
            mlflow.MlflowClient().log_inputs(run_id, used)
        yield Run(run_id, name, folders)
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    except Exception as error:
        mlflow.set_tag("failure", str(error) or type(error).__name__)
        raise
    finally:
        mlflow.end_run(status)


def _go_on(folders: Folders, run_id: str) -> str:
    """Have a run that was cut off RUNNING again, as this process's."""
    try:
        mlflow.start_run(run_id=run_id)
    except MlflowException as error:
        raise MissingFileError(
            f"the run {run_id} to go on with is not in {store.uri(folders)}",
            remedy="sentiment train",
        ) from error
    client = mlflow.MlflowClient()
    for name in {"failure"} & client.get_run(run_id).data.tags.keys():
        client.delete_tag(run_id, name)
    mlflow.set_tags(process.identity())
    return run_id


def _described(dataset: Dataset) -> DatasetInput:
    # The digest is our own: MLflow's would cover a part of the rows only.
    source = CodeDatasetSource(tags=dataset.source).to_json()
    described = entities.Dataset(dataset.name, dataset.digest[:16], "code", source)
    return DatasetInput(described, [InputTag("mlflow.data.context", dataset.context)])


def _origin(folders: Folders) -> dict[str, str]:
    """Return tags that say which code made a run: package versions and the git commit."""
    tags = {}
    for name in _VERSIONS:
        tags[f"version.{name}"] = metadata.version(name)
    tags["version.python"] = sys.version.split()[0]
    command = ["git", "-C", str(folders.root), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
        tags["mlflow.source.git.commit"] = found.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        pass  # not a git checkout, or no git: then there is no commit to name
    return tags


def log_evaluation(
    folders: Folders,
    run_id: str,
    *,
    metrics: dict[str, float],
    mistakes: dict[str, list[Any]],
    predictions: dict[str, np.ndarray],
    dataset: Dataset,
) -> bool:
    """Add an evaluation to the run that made the model; return False where the store lacks it.

    The accuracy on the test reviews goes to the head of the run's name, of which lists show
    no more than the first letters.
    """
    client = store.connect(folders)
    try:
        run = mlflow.get_run(run_id)
    except MlflowException:
        return False
    # Through the client: a run that is resumed is RUNNING again, and may be left so.
    with quiet.hushed():
        # With the model's id they show on its page and among the models as well.
        model_id, now = run.data.tags.get("model_id"), round(time.time() * 1000)
        client.log_batch(
            run_id,
            [Metric(name, value, now, 0, model_id) for name, value in metrics.items()],
        )
        client.log_inputs(run_id, [_described(dataset)])
        _log_arrays(client, run_id, predictions, f"evaluation/{dataset.name}_predictions.npz")
        client.log_table(run_id, mistakes, f"evaluation/{dataset.name}_mistakes.json")
    accuracy, name = metrics.get("test/accuracy"), run.data.tags.get("model")
    if accuracy is not None and name is not None:
        client.update_run(run_id, name=f"{accuracy:.2%} {name}")
    return True
