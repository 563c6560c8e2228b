"""What a spool holds, said to a store: each operation once, however often sending was broken off.

Knows spools and MLflow's runs; knows nothing of when or by whom a spool is sent.

A request may be lost on its way there or back, and whoever sent it may be killed, so that nobody
knows whether it was heard. What makes something is therefore looked for before it is sent again: a
run by the tag that names its spool, a model by its run and its epoch, a version by its model, rows
and pictures by their path; metrics, parameters and tags may be said twice. A server that hears a
request late may even so make a second one; at the end of the run such doubles are taken away.
"""

from pathlib import Path
from typing import Any

from sentiment.errors import SentimentError, UnavailableError
from sentiment.tracking import registry, store
from sentiment.tracking import run as runs
from sentiment.tracking.offline import connection
from sentiment.tracking.offline.queue import OfflineQueue, Operation
from sentiment.tracking.run import Dataset, MlflowRun
from sentiment.utils import environment
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress

with environment.suppress_stderr():
    import mlflow
    from mlflow.entities import LoggedModel
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository


class RunMissingError(UnavailableError):
    """The store does not know the run."""


def send(
    paths: ProjectPaths,
    spool: OfflineQueue,
    *,
    seconds: int | None = None,
    most: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Send what `spool` holds, the oldest first, or its first `most` operations.

    seconds: that each call may take. Raises AwayError where the store does not answer and another
    UnavailableError where it refuses: that operation and those after it stay.
    """
    count, header = 0, spool.header
    try:
        with connection.connection(paths, header["uri"], seconds=seconds):
            sender = _Sender(paths, spool, header)
            waiting = spool.operations()
            if progress:
                waiting = progress.track(waiting, f"sending {header['name']}", spool.pending())
            for operation in waiting:
                getattr(sender, f"_{operation.kind}")(operation)
                spool.sent(operation)
                spool.trouble = ""
                count += 1
                if count == most:
                    break
    except SentimentError as error:
        spool.trouble = error.fact
        raise


def models(
    paths: ProjectPaths, spool: OfflineQueue, steps: list[int], *, seconds: int
) -> dict[int, Path]:
    """Return for each of these epochs that the store has whole the folder of its bundle."""
    header = spool.header
    with connection.connection(paths, header["uri"], seconds=seconds):
        found = _Sender(paths, spool, header).run().models(steps)
        return {step: folder for step, (_, folder) in found.items() if folder is not None}


class _Sender:
    """Sends operations, each by the method of its kind."""

    def __init__(self, paths: ProjectPaths, spool: OfflineQueue, header: dict[str, Any]):
        self._paths, self._spool = paths, spool
        self._id, self._name, self._uri = header["id"], header["name"], header["uri"]
        self._client = mlflow.MlflowClient()

    def run(self) -> MlflowRun:
        """Return the run; raise RunMissingError where the store has none, or no more."""
        known = self._spool.run_id or self._id
        try:
            info = self._client.get_run(known).info
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            # Of a run that was sent before, another spool knows it by the id it had here.
            if not (found := self._tagged(self._id)):
                raise RunMissingError(f"the run {self._name} is not in {self._uri}") from error
            info = self._client.get_run(found[0]).info
        if info.lifecycle_stage == "deleted":
            store.check_not_deleted(self._client.get_experiment(info.experiment_id), self._uri)
            raise UnavailableError(
                f"the run {self._name} has been deleted in {self._uri}",
                hint=store.mlflow_command(self._uri, f"runs restore --run-id {info.run_id}"),
            )
        self._spool.run_id = info.run_id
        return MlflowRun(info.run_id, self._name, self._paths)

    def _tagged(self, spool_id: str) -> list[str]:
        """Return the ids of the runs that came from a spool, of whatever experiment."""
        kept = [experiment.experiment_id for experiment in self._client.search_experiments()]
        if not kept:
            return []
        found = self._client.search_runs(kept, f"tags.`{runs.QUEUE_TAG}` = '{spool_id}'")
        return sorted(
            (run.info.run_id for run in found), key=lambda run_id: run_id != self._spool.run_id
        )

    def _start(self, operation: Operation) -> None:
        said = operation.said
        if operation.begin() and (found := self._tagged(self._id)):
            self._spool.run_id = found[0]
            return
        tags = said["tags"] | {runs.QUEUE_TAG: self._id}
        made = runs.create_run(self._paths, said["experiment"], self._name, tags, operation.time)
        self._spool.run_id = made.id

    def _begin(self, operation: Operation) -> None:
        said = operation.said
        self.run().begin(said["settings"], [Dataset(**one) for one in said["datasets"]])

    def _again(self, operation: Operation) -> None:
        self.run().again(operation.said["tags"])

    def _epoch(self, operation: Operation) -> None:
        run, said, step = self.run(), operation.said, operation.said["step"]
        model = self._model(run, step)
        if model and operation.said["again"] and _is_measured(model, step):
            return  # the process before has logged it, which the one that goes on could not know
        model_id = model.model_id if model else registry.log_model(run.id, operation.bundle, step)
        values = {name: float(value) for name, value in said["metrics"].items()}
        run.metrics(values, step, model_id, operation.time)

    def _model(self, run: MlflowRun, step: int) -> LoggedModel | None:
        """Return the model of an epoch that is whole; take away what is not, and any second."""
        whole: LoggedModel | None = None
        # Of two the one that is measured comes first: others may know it.
        found = runs.logged_models(self._client, run.id)
        for model in sorted(found, key=lambda model: not _is_measured(model, step)):
            if model.tags.get(registry.STEP) != str(step):
                continue
            if str(model.status) == "READY" and whole is None:
                whole = model
            else:
                self._client.delete_logged_model(model.model_id)
        return whole

    def _best(self, operation: Operation) -> None:
        run, named = self.run(), operation.said["model"]
        if named.isdecimal():  # an epoch, else the id of a model that the store had at once
            model = self._model(run, int(named))
            if model is None:
                return  # it was lost to a full disk
            named = model.model_id
        run.best(named)

    def _arrays(self, operation: Operation) -> None:
        self.run().arrays(operation.arrays(), operation.said["path"])

    def _image(self, operation: Operation) -> None:
        run, said = self.run(), operation.said
        if operation.begin():
            self._remove(run, f"images/{said['key'].replace('/', '~')}+step+{said['step']}+")
        run.image(operation.arrays()["pixels"], said["key"], said["step"], operation.time)

    def _table(self, operation: Operation) -> None:
        run, said = self.run(), operation.said
        if operation.begin():
            self._remove(run, said["path"])  # MLflow would add the rows once more
        run.table(_cells(said["columns"], operation), said["path"])

    def _text(self, operation: Operation) -> None:
        self.run().text(operation.said["text"], operation.said["path"])

    def _tag(self, operation: Operation) -> None:
        self.run().tag(operation.said["name"], operation.said["text"])

    def _evaluation(self, operation: Operation) -> None:
        run, said = self.run(), operation.said
        if operation.begin():
            self._remove(run, f"evaluation/{said['dataset']['name']}_mistakes.json")
        run.evaluation(
            metrics={name: float(value) for name, value in said["metrics"].items()},
            mistakes=said["mistakes"],
            predictions=operation.arrays(),
            dataset=Dataset(**said["dataset"]),
            when=operation.time,
        )

    def _end(self, operation: Operation) -> None:
        run = self.run()
        self._take_doubles_away(run)
        run.end(operation.said["status"], operation.time)

    def _take_doubles_away(self, run: MlflowRun) -> None:
        """Leave one of all that requests heard late have made twice."""
        for run_id in self._tagged(self._id):
            if run_id != run.id:
                self._client.delete_run(run_id)
        for step in {
            model.tags.get(registry.STEP) for model in runs.logged_models(self._client, run.id)
        }:
            if step is not None:
                self._model(run, int(step))
        registry.delete_duplicates(run.id)

    def _remove(self, run: MlflowRun, beginning: str) -> None:
        """Remove a run's artifacts whose paths begin so: what a broken-off attempt has left."""
        artifacts = get_artifact_repository(self._client.get_run(run.id).info.artifact_uri)
        for item in self._client.list_artifacts(run.id, beginning.rpartition("/")[0]):
            if item.path.startswith(beginning):
                artifacts.delete_artifacts(item.path)


def _is_measured(model: LoggedModel, step: int) -> bool:
    return any(metric.step == step for metric in model.metrics or ())


def _cells(columns: dict[str, list[Any]], operation: Operation) -> dict[str, list[Any]]:
    """Return the columns with the arrays in the place of their names."""
    if not any(isinstance(cell, dict) for cells in columns.values() for cell in cells):
        return columns
    arrays = operation.arrays()
    return {
        name: [arrays[cell["array"]] if isinstance(cell, dict) else cell for cell in cells]
        for name, cells in columns.items()
    }
