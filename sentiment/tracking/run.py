"""Log a run to an MLflow store while it is under way, and add an evaluation to it later."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.errors import MissingFileError
from sentiment.tracking import description, process, registry, store, tags
from sentiment.tracking.metric_names import SYSTEM, TEST_ACCURACY
from sentiment.tracking.run_logger import Dataset, EpochModel, EvaluationRecord, RunLogger
from sentiment.utils import environment
from sentiment.utils.credentials import mask
from sentiment.utils.names import path_inside
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.timestamps import epoch_milliseconds

with environment.suppress_stderr():
    import mlflow
    from mlflow import entities
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.entities import DatasetInput, InputTag, LoggedModel, Metric, Param
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

_MAX_PARAMETER = 6000  # characters; MLflow cuts longer values, and prints them whole


class MlflowRun:
    """A run in an MLflow store: a RunLogger.

    `timestamp`, in ms since 1970, is when the logged value arose; now by default.
    """

    def __init__(self, run_id: str, name: str, paths: ProjectPaths):
        self.id, self.name, self._paths = run_id, name, paths
        self._client = mlflow.MlflowClient()

    def begin(self, settings: dict[str, Any], datasets: list[Dataset]) -> None:
        """Log the settings and the data that the run starts with."""
        parameters = [Param(name, _shorten(value)) for name, value in settings.items()]
        self._client.log_batch(self.id, params=parameters)
        self._log_datasets(datasets)
        self._describe()

    def _describe(self) -> None:
        """Write the description of a training's run, given what is logged so far."""
        run = self._client.get_run(self.id)
        if tags.COMMAND in run.data.tags:
            artifacts = {item.path for item in self._client.list_artifacts(self.id)}
            self.set_tag(tags.NOTE, description.describe_run(run, artifacts))

    def _log_datasets(self, datasets: list[Dataset]) -> None:
        # Two runs that log one new dataset at once would both create it.
        with store.creation_lock(self._paths):
            self._client.log_inputs(self.id, [_dataset_input(dataset) for dataset in datasets])

    def resume(self, process_tags: dict[str, str]) -> None:
        """Set an interrupted run to RUNNING; `process_tags` name the process that resumes it."""
        if tags.FAILURE in self._client.get_run(self.id).data.tags:
            self._client.delete_tag(self.id, tags.FAILURE)
        for name, text in tags.with_present_names(process_tags).items():
            self.set_tag(name, text)
        self._client.update_run(self.id, status="RUNNING")

    def models(self, steps: list[int]) -> dict[int, EpochModel]:
        """Return the model of each of these epochs that has been logged whole, by epoch.

        Metrics are logged last: a model without them is incomplete.
        """
        found: dict[int, EpochModel] = {}
        for model in logged_models(self._client, self.id):
            for step in {metric.step for metric in model.metrics or ()}.intersection(steps):
                bundle = registry.download_bundle(self._paths, f"models:/{model.model_id}")
                found[step] = EpochModel(model.model_id, bundle)
        return found

    def log_epoch(
        self, metrics: dict[str, float], step: int, bundle: Path, timestamp: int | None = None
    ) -> str:
        """Log the model of an epoch, from the folder `bundle`, and its metrics; return its id."""
        model_id = registry.log_model(self.id, bundle, step)
        self.log_metrics(metrics, step, model_id, timestamp)
        return model_id

    def log_metrics(
        self,
        metrics: dict[str, float],
        step: int,
        model_id: str | None,
        timestamp: int | None = None,
    ) -> None:
        """Log metrics in one call; logging the same ones twice changes nothing."""
        timestamp = epoch_milliseconds() if timestamp is None else timestamp
        points = [
            # MLflow stores a NumPy step as a blob: hence int().
            # The machine's metrics are about no model.
            Metric(name, float(value), timestamp, int(step), None if SYSTEM in name else model_id)
            for name, value in metrics.items()
        ]
        self._client.log_batch(self.id, points)

    def log_arrays(self, arrays: dict[str, np.ndarray], path: str) -> None:
        """Log arrays as one `.npz` file at `path`."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / Path(path).name
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
            self._client.log_artifact(self.id, str(file), str(Path(path).parent))

    def log_files(self, contents: dict[str, np.ndarray], path: str) -> None:
        """Log files to the folder `path`: their contents, uint8 each, by name."""
        with tempfile.TemporaryDirectory() as folder:
            for name, content in contents.items():
                path_inside(Path(folder), name, "a file of an export").write_bytes(
                    content.tobytes()
                )
            self._client.log_artifacts(self.id, folder, path)

    def log_image(
        self, pixels: np.ndarray, key: str, step: int, timestamp: int | None = None
    ) -> None:
        """Log an image, uint8 (height, width, 3), the one at `step` in the series `key`."""
        self._client.log_image(self.id, pixels, key=key, step=int(step), timestamp=timestamp)

    def log_table(self, columns: dict[str, list[Any]], path: str) -> None:
        """Log a table as JSON at `path`; uint8 arrays in it become images."""
        table = {
            name: [mlflow.Image(cell) if isinstance(cell, np.ndarray) else cell for cell in cells]
            for name, cells in columns.items()
        }
        self._client.log_table(self.id, table, path)

    def log_text(self, text: str, path: str) -> None:
        """Log a text file at `path`."""
        self._client.log_text(self.id, text, path)

    def change_text(self, path: str, change: Callable[[str], str]) -> None:
        """Replace the text file at `path`, if there is one, by what `change` makes of it."""
        if path in {item.path for item in self._client.list_artifacts(self.id)}:
            with tempfile.TemporaryDirectory() as tmp:
                file = Path(self._client.download_artifacts(self.id, path, tmp))
                self.log_text(change(file.read_text("utf-8")), path)

    def delete_artifacts(self, prefix: str) -> None:
        """Delete the artifacts whose paths begin with `prefix`."""
        artifacts = get_artifact_repository(self._client.get_run(self.id).info.artifact_uri)
        for item in self._client.list_artifacts(self.id, prefix.rpartition("/")[0]):
            if item.path.startswith(prefix):
                artifacts.delete_artifacts(item.path)

    def set_tag(self, name: str, text: str) -> None:
        """Set a tag of the run."""
        self._client.set_tag(self.id, name, text)

    def register_best(
        self, model_id: str, metrics: dict[str, float], step: int, timestamp: int | None = None
    ) -> None:
        """Register the model of the best epoch, unless it is registered already."""
        self.set_tag(tags.BEST_MODEL, model_id)
        self.set_tag(tags.BEST_EPOCH, str(step))
        self.log_metrics(metrics, step, model_id, timestamp)
        if not registry.is_registered(self.id, model_id):
            registry.register(model_id)
        self._describe()
        self._describe_version()

    def _describe_version(self) -> None:
        """Describe the registered versions of the run by what is logged so far."""
        registry.describe(self.id, description.describe_version(self._client.get_run(self.id)))

    def log_comparison(self, page: str) -> None:
        """Log a page that compares the run with others."""
        self.log_text(page, description.COMPARISON)
        self._describe()

    def end(self, status: str, timestamp: int | None = None) -> None:
        """End the run as FINISHED, KILLED or FAILED."""
        self._client.set_terminated(self.id, status, timestamp)
        self._describe()

    def log_evaluation(self, evaluation: EvaluationRecord, timestamp: int | None = None) -> None:
        """Log an evaluation; the run may have ended, and keeps its status.

        The test accuracy goes to the front of the run's name: lists cut names at the end.
        """
        known = tags.with_present_names(self._client.get_run(self.id).data.tags)
        # With the model's id they also show on its page and in the list of models.
        self.log_metrics(evaluation.metrics, 0, known.get(tags.BEST_MODEL), timestamp)
        self._log_datasets([evaluation.dataset])
        reviews = evaluation.dataset.name
        self.log_arrays(evaluation.predictions, f"evaluation/{reviews}_predictions.npz")
        self.delete_artifacts(f"evaluation/{reviews}_mistakes.json")  # or MLflow appends the rows
        self.log_table(evaluation.mistakes, f"evaluation/{reviews}_mistakes.json")
        for table, text in evaluation.tables.items():
            self.log_text(text, f"evaluation/{reviews}_{table}.csv")
        for picture, pixels in evaluation.pictures.items():
            self._client.log_image(self.id, pixels, f"evaluation/{reviews}_{picture}.png")
        if evaluation.accuracy:
            self.set_tag(tags.accuracy_tag(reviews), evaluation.accuracy)
        accuracy, name = evaluation.metrics.get(TEST_ACCURACY), known.get(tags.MODEL)
        if accuracy is not None and name is not None:
            self._client.update_run(self.id, name=f"{accuracy:.2%} {name}")
        self._describe()
        self._describe_version()


@contextmanager
def end_after(run: RunLogger) -> Iterator[None]:
    """End `run` after the body: FINISHED, KILLED by an interrupt, else FAILED.

    The tag `failure` of a failed run says why.
    """
    status = "FAILED"
    try:
        yield
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    except Exception as error:
        run.set_tag(tags.FAILURE, mask(str(error)) or type(error).__name__)
        raise
    finally:
        run.end(status)


def create_run(
    paths: ProjectPaths,
    experiment: str,
    name: str,
    run_tags: dict[str, str],
    timestamp: int | None = None,
) -> MlflowRun:
    """Create a run in an experiment, which is created too if it is missing."""
    experiment_id = store.open_experiment(paths, experiment)
    with store.store_errors(paths):
        start = timestamp or epoch_milliseconds()
        created = mlflow.MlflowClient().create_run(experiment_id, start, run_tags, name)
    return MlflowRun(created.info.run_id, name, paths)


def resume_run(paths: ProjectPaths, run_id: str, name: str) -> MlflowRun:
    """Set an interrupted run to RUNNING, as written by this process.

    Raises MissingFileError if the store does not have it.
    """
    client = store.connect(paths)
    try:
        run = MlflowRun(client.get_run(run_id).info.run_id, name, paths)
    except MlflowException as error:
        raise MissingFileError(
            f"the run to resume, {run_id}, is not in {store.shown_uri(paths)}",
            hint="sentiment train",
        ) from error
    run.resume(process.process_tags())
    return run


def logged_models(client: mlflow.MlflowClient, run_id: str) -> list[LoggedModel]:
    """Return all logged models of a run."""
    experiment_id = client.get_run(run_id).info.experiment_id
    models: list[LoggedModel] = []
    token = None
    while True:
        page = client.search_logged_models(
            [experiment_id], filter_string=f"source_run_id = '{run_id}'", page_token=token
        )
        models += page
        token = page.token
        if not token:
            return models


def add_to_run(paths: ProjectPaths, run_id: str, log: Callable[[MlflowRun], None]) -> bool:
    """Call `log` with a run that has ended; return False if the store lacks it."""
    try:
        client = store.connect_existing(paths)
        run = MlflowRun(client.get_run(run_id).info.run_id, "", paths)
    except (MissingFileError, MlflowException):
        return False
    with environment.suppress_stderr():
        log(run)
    return True


def _dataset_input(dataset: Dataset) -> DatasetInput:
    # The digest is our own: MLflow's covers only a part of the rows.
    source = CodeDatasetSource(tags=dataset.source).to_json()
    entity = entities.Dataset(dataset.name, dataset.digest[:16], "code", source)
    return DatasetInput(entity, [InputTag("mlflow.data.context", dataset.context)])


def _shorten(value: Any) -> str:
    """Return a parameter as text that MLflow accepts."""
    text = str(value)
    return text if len(text) <= _MAX_PARAMETER else f"{text[: _MAX_PARAMETER - 1]}…"
