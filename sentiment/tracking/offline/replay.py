"""Send the operations of a queue to the store: each once, however often sending is interrupted.

A request or its answer may be lost, and the process that sends may be killed; then nobody knows
whether the store has the operation. Before something is created once more it is therefore looked
for: a run by the tag that names its queue, a model by its run and epoch, a version by its model,
rows and images by their path. Metrics, parameters and tags may be sent twice. A server that handles
a request late may still create a duplicate; duplicates are deleted at the end of the run.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sentiment.errors import DamagedFileError, SentimentError, UnavailableError
from sentiment.tracking import registry, store, tags
from sentiment.tracking import run as runs
from sentiment.tracking.offline import connection
from sentiment.tracking.offline.operations import (
    Arrays,
    Begin,
    Best,
    End,
    Epoch,
    Evaluation,
    Files,
    Image,
    Payload,
    Resume,
    Start,
    Table,
    Tag,
    Text,
)
from sentiment.tracking.offline.queue import OfflineQueue
from sentiment.tracking.offline.stored_operation import Operation
from sentiment.tracking.run import MlflowRun
from sentiment.utils import environment
from sentiment.utils.credentials import mask
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress

with environment.suppress_stderr():
    import mlflow
    from mlflow.entities import LoggedModel
    from mlflow.exceptions import MlflowException


class RunMissingError(UnavailableError):
    """The store does not have the run."""


def send(
    paths: ProjectPaths,
    queue: OfflineQueue,
    *,
    seconds: int | None = None,
    max_operations: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Send the operations of `queue`, the oldest first, all or the first `max_operations`.

    One that is damaged is set aside, and those behind it are sent.

    seconds: the time limit of each call. Raises StoreUnreachableError if the store does not answer
    and another UnavailableError if it refuses: that operation and those after it stay queued.
    """
    sent, header = 0, queue.header
    try:
        with connection.connection(paths, _uri(paths, queue), seconds=seconds):
            sender = _Sender(paths, queue)
            operations = queue.operations()
            if progress:
                text = f"sending {header.name}"
                operations = progress.track(operations, text, queue.pending())
            for operation in operations:
                try:
                    sender.send(operation)
                except DamagedFileError:  # its arrays or its model
                    queue.set_aside(operation.number)
                    continue
                queue.mark_sent(operation)
                queue.last_error = ""
                sent += 1
                if sent == max_operations:
                    break
    except SentimentError as error:
        queue.last_error = error.fact
        raise


def stored_bundles(
    paths: ProjectPaths, queue: OfflineQueue, steps: list[int], *, seconds: int
) -> dict[int, Path]:
    """Return the folder of each model that the store has whole, by epoch, of the epochs `steps`."""
    with connection.connection(paths, _uri(paths, queue), seconds=seconds):
        models = _Sender(paths, queue).run().models(steps)
        return {step: model.bundle for step, model in models.items() if model.bundle is not None}


def end_run(paths: ProjectPaths, queue: OfflineQueue, *, seconds: int) -> None:
    """End the run in the store, if its end is queued behind operations that the store refuses."""
    last = queue.last()
    if last is None or not isinstance(last.payload, End):
        return
    with connection.connection(paths, _uri(paths, queue), seconds=seconds):
        _Sender(paths, queue).run().end(last.payload.status, last.time)


def _uri(paths: ProjectPaths, queue: OfflineQueue) -> str:
    """Return the address of the store that a queue is sent to."""
    return store.uri_of_queue(paths, queue.header.uri, queue.run_id)


class _Sender:
    """Sends operations, each by the method for its payload."""

    def __init__(self, paths: ProjectPaths, queue: OfflineQueue):
        self._paths, self._queue, self._header = paths, queue, queue.header
        self._client = mlflow.MlflowClient()
        self._methods: dict[type[Payload], Callable[[Any, Operation], None]] = {
            Start: self._start,
            Begin: self._begin,
            Resume: self._resume,
            Epoch: self._epoch,
            Best: self._best,
            Arrays: self._arrays,
            Image: self._image,
            Table: self._table,
            Text: self._text,
            Files: self._files,
            Tag: self._tag,
            Evaluation: self._evaluation,
            End: self._end,
        }

    def send(self, operation: Operation) -> None:
        """Send an operation."""
        self._methods[type(operation.payload)](operation.payload, operation)

    def run(self) -> MlflowRun:
        """Return the run; raise RunMissingError if the store does not have it."""
        name, uri = self._header.name, _uri(self._paths, self._queue)
        try:
            info = self._client.get_run(self._queue.run_id or self._header.id).info
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            # A run that an earlier queue has created is known here by that queue's id.
            created = self._created_runs()
            if not created:
                raise RunMissingError(f"the run {name} is not in {mask(uri)}") from error
            info = self._client.get_run(created[0]).info
        if info.lifecycle_stage == "deleted":
            store.check_not_deleted(self._client.get_experiment(info.experiment_id), uri)
            raise UnavailableError(
                f"the run {name} has been deleted in {mask(uri)}",
                hint=store.mlflow_command(uri, f"runs restore --run-id {info.run_id}"),
            )
        self._queue.run_id = info.run_id
        return MlflowRun(info.run_id, name, self._paths)

    def _created_runs(self) -> list[str]:
        """Return the ids of the runs created from the queue, in any experiment, its own first."""
        experiments = [item.experiment_id for item in self._client.search_experiments()]
        if not experiments:
            return []
        ids = [
            run.info.run_id
            for name in (tags.QUEUE, tags.FORMER[tags.QUEUE])
            for run in self._client.search_runs(experiments, f"tags.`{name}` = '{self._header.id}'")
        ]
        return sorted(ids, key=lambda run_id: run_id != self._queue.run_id)

    def _start(self, start: Start, operation: Operation) -> None:
        if operation.begin() and (created := self._created_runs()):
            self._queue.run_id = created[0]
            return
        with_queue = tags.with_present_names(start.tags) | {tags.QUEUE: self._header.id}
        name = self._header.name
        run = runs.create_run(self._paths, start.experiment, name, with_queue, operation.time)
        self._queue.run_id = run.id

    def _begin(self, begin: Begin, _: Operation) -> None:
        self.run().begin(begin.settings, begin.datasets)

    def _resume(self, resume: Resume, _: Operation) -> None:
        self.run().resume(resume.tags)

    def _epoch(self, epoch: Epoch, operation: Operation) -> None:
        operation.check_bundle()
        run = self.run()
        model = self._model(run, epoch.step)
        if model and epoch.resumed and _has_metrics(model, epoch.step):
            return  # logged before the training was resumed, which could not know that
        model_id = (
            model.model_id if model else registry.log_model(run.id, operation.bundle, epoch.step)
        )
        run.log_metrics(epoch.metrics, epoch.step, model_id, operation.time)

    def _model(self, run: MlflowRun, step: int) -> LoggedModel | None:
        """Return the complete model of an epoch; delete incomplete ones and duplicates."""
        complete: LoggedModel | None = None
        # One that has metrics comes first: its id may be in use.
        models = runs.logged_models(self._client, run.id)
        for model in sorted(models, key=lambda model: not _has_metrics(model, step)):
            if model.tags.get(registry.STEP) != str(step):
                continue
            if str(model.status) == "READY" and complete is None:
                complete = model
            else:
                self._client.delete_logged_model(model.model_id)
        return complete

    def _best(self, best: Best, operation: Operation) -> None:
        run, model_id = self.run(), best.model
        if model_id.isdecimal():  # an epoch
            model = self._model(run, int(model_id))
            if model is None:
                return  # a full disk has kept it out of the queue
            model_id = model.model_id
        run.register_best(model_id, best.metrics, best.step, operation.time)

    def _arrays(self, arrays: Arrays, operation: Operation) -> None:
        self.run().log_arrays(operation.arrays(), arrays.path)

    def _image(self, image: Image, operation: Operation) -> None:
        run = self.run()
        if operation.begin():
            # MLflow adds a random end to the name, so that a second image would not replace it.
            run.delete_artifacts(f"images/{image.key.replace('/', '~')}+step+{image.step}+")
        run.log_image(operation.arrays()["pixels"], image.key, image.step, operation.time)

    def _table(self, table: Table, operation: Operation) -> None:
        run = self.run()
        if operation.begin():
            run.delete_artifacts(table.path)  # MLflow would append the rows
        run.log_table(
            table.joined(operation.arrays()) if table.has_arrays else table.columns, table.path
        )

    def _text(self, text: Text, _: Operation) -> None:
        self.run().log_text(text.text, text.path)

    def _files(self, files: Files, operation: Operation) -> None:
        self.run().log_files(operation.arrays(), files.path)

    def _tag(self, tag: Tag, _: Operation) -> None:
        self.run().set_tag(tag.name, tag.text)

    def _evaluation(self, evaluation: Evaluation, operation: Operation) -> None:
        self.run().log_evaluation(evaluation.record(operation.arrays()), operation.time)

    def _end(self, end: End, operation: Operation) -> None:
        run = self.run()
        self._delete_duplicates(run)
        run.end(end.status, operation.time)

    def _delete_duplicates(self, run: MlflowRun) -> None:
        """Leave one of whatever late requests have created twice."""
        for run_id in self._created_runs():
            if run_id != run.id:
                self._client.delete_run(run_id)
        models = runs.logged_models(self._client, run.id)
        for step in {model.tags.get(registry.STEP, "") for model in models}:
            if step.isdecimal():
                self._model(run, int(step))
        registry.delete_duplicates(run.id)


def _has_metrics(model: LoggedModel, step: int) -> bool:
    return any(metric.step == step for metric in model.metrics or ())
