"""Runs, metrics, snapshots and models in MLflow.

Knows MLflow; with `pyfunc.py` it is its only importer. Knows nothing of Keras. `NullRun` stands in
where nothing is tracked, so that nobody else asks whether anything is.
"""

import fcntl
import os
import signal
import socket
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

from sentiment import quiet
from sentiment.errors import UnavailableError
from sentiment.folders import Folders
from sentiment.snapshots import Snapshot, picture

EXPERIMENT = "sentiment"
_VERSIONS = ("sentiment", "tensorflow", "keras", "tensorflow-datasets", "mlflow", "numpy")

quiet.set_environment()
with quiet.hushed():
    import mlflow
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.exceptions import MlflowException
    from mlflow.models.signature import ModelSignature
    from mlflow.types.schema import ColSpec, Schema


@dataclass(frozen=True)
class Dataset:
    """A split that a run has used: `context` is training or testing."""

    name: str
    context: str
    digest: str
    source: dict[str, Any]


class NullRun:
    """A run that is not tracked."""

    id = ""

    def metrics(self, values: dict[str, float], step: int) -> None:
        """Log metrics by name at `step`."""

    def snapshot(self, snapshot: Snapshot, epoch: int) -> None:
        """Log the hidden states of the probes after an epoch."""

    def tag(self, name: str, text: str) -> None:
        """Say something of the run."""

    def model(self, folder: Path) -> None:
        """Log the bundle in `folder` as a model."""


class Run(NullRun):
    """The MLflow run that is under way."""

    def __init__(self, run_id: str):
        self.id = run_id

    def metrics(self, values: dict[str, float], step: int) -> None:
        """Log metrics in one call. A NumPy step would be stored as a blob: hence int()."""
        mlflow.log_metrics({name: float(value) for name, value in values.items()}, step=int(step))

    def snapshot(self, snapshot: Snapshot, epoch: int) -> None:
        """Log array file, table and picture under names that are the same in every run."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"epoch_{epoch:02d}.npz"
            np.savez(path, **snapshot.arrays())  # type: ignore[arg-type]
            mlflow.log_artifact(str(path), "hidden_states")
        mlflow.log_table(snapshot.table(), f"hidden_states/epoch_{epoch:02d}.json")
        drawn = picture(snapshot, f"final hidden states after epoch {epoch}")
        mlflow.log_image(drawn, key="hidden_states", step=int(epoch))

    def tag(self, name: str, text: str) -> None:
        """Say something of the run, shown beside its name."""
        mlflow.set_tag(name, text)

    def model(self, folder: Path) -> None:
        """Log the bundle as a model that needs NumPy and this package's code, not TensorFlow."""
        package = Path(__file__).parent
        with quiet.hushed():
            mlflow.pyfunc.log_model(
                name="model",
                python_model=str(package / "pyfunc.py"),
                artifacts={"bundle": str(folder)},
                code_paths=[str(package)],
                signature=ModelSignature(
                    inputs=Schema([ColSpec("string")]), outputs=Schema([ColSpec("double")])
                ),
                input_example=["An unforgettable film."],
                pip_requirements=[
                    f"{name}=={metadata.version(name)}" for name in ("mlflow", "numpy")
                ],
            )


def store_uri(folders: Folders) -> str:
    """Return the tracking store: MLFLOW_TRACKING_URI, or SQLite below the project's root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folders.mlruns}/mlflow.db"


def _connect(folders: Folders) -> str:
    """Point MLflow at the store, making its folder where it is missing; return its address."""
    uri = store_uri(folders)
    if uri.startswith("sqlite:"):
        folders.mlruns.mkdir(parents=True, exist_ok=True)
    else:
        # MLflow's own bounds keep a terminal waiting for four minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
    named = "MLFLOW_TRACKING_URI" in os.environ
    mlflow.set_tracking_uri(uri)
    if not named:
        # MLflow has put it there, where it would pass for the user's wish for other folders too.
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    return uri


def _open_store(folders: Folders, experiment: str) -> str:
    """Connect to the store and return the experiment's id, making it where it is missing.

    Two processes that create the database at once break it: a lock lets one go first.
    """
    uri = _connect(folders)
    own = uri == f"sqlite:///{folders.mlruns}/mlflow.db"
    location = (folders.mlruns / "artifacts").as_uri() if own else None
    try:
        with _first_use_lock(folders), quiet.hushed():
            found = mlflow.get_experiment_by_name(experiment)
            if found is None:
                return mlflow.create_experiment(experiment, artifact_location=location)
    except (MlflowException, OSError) as error:
        first = str(error).splitlines()[0][:200]
        raise UnavailableError(
            f"the tracking store {uri} can't be used: {first}",
            remedy="unset MLFLOW_TRACKING_URI for the store in mlruns/, or train with --no-track",
        ) from error
    if found.lifecycle_stage == "deleted":
        raise UnavailableError(
            f"the experiment {experiment!r} has been deleted",
            remedy=f"mlflow experiments restore --experiment-id {found.experiment_id}, "
            "or train with --experiment NAME",
        )
    return found.experiment_id


@contextmanager
def _first_use_lock(folders: Folders) -> Iterator[None]:
    if not folders.mlruns.is_dir():
        yield
        return
    with (folders.mlruns / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def tracked(
    folders: Folders,
    *,
    experiment: str,
    name: str,
    settings: dict[str, Any],
    datasets: list[Dataset],
) -> Iterator[Run]:
    """Run the body in an MLflow run: FINISHED at its end, KILLED by an interrupt, else FAILED.

    The tag `failure` then says why.
    """
    experiment_id = _open_store(folders, experiment)
    mlflow.start_run(experiment_id=experiment_id, run_name=name, tags=_origin(folders))
    status = "FAILED"
    try:
        mlflow.log_params(settings)
        for dataset in datasets:
            _log_dataset(dataset)
        yield Run(mlflow.active_run().info.run_id)
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    except Exception as error:
        mlflow.set_tag("failure", str(error) or type(error).__name__)
        raise
    finally:
        mlflow.end_run(status)


def _log_dataset(dataset: Dataset) -> None:
    # The digest is our own: MLflow's would cover a part of the rows only.
    source = CodeDatasetSource(tags=dataset.source)
    described = MetaDataset(source, name=dataset.name, digest=dataset.digest[:16])
    mlflow.log_input(described, context=dataset.context)


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
    dataset: Dataset,
) -> bool:
    """Add an evaluation to the run that made the model; return False where the store lacks it."""
    _connect(folders)
    try:
        run = mlflow.get_run(run_id)
    except MlflowException:
        return False
    with quiet.hushed(), mlflow.start_run(run_id=run_id):
        # With the model's id they show on its page and among the models as well.
        outputs = run.outputs.model_outputs if run.outputs else []
        mlflow.log_metrics(metrics, model_id=outputs[0].model_id if outputs else None)
        _log_dataset(dataset)
        mlflow.log_table(mistakes, f"evaluation/{dataset.name}_mistakes.json")
    # Resuming a run leaves it FINISHED, whatever it had come to.
    mlflow.MlflowClient().set_terminated(run_id, run.info.status)
    return True


def ui_address(folders: Folders, experiment: str, base: str) -> str:
    """Return the page that compares the runs of `experiment`; MLflow opens another by default."""
    number = _open_store(folders, experiment)
    return f"{base}/#/experiments/{number}/runs?workflowType=machine_learning&compareRunsMode=CHART"


def start_ui(folders: Folders, port: int) -> subprocess.Popen:
    """Start MLflow's server on 127.0.0.1 in its light form: one worker, no job execution."""
    command = [sys.executable, "-m", "mlflow", "server", "-w", "1", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--backend-store-uri", store_uri(folders)]
    command += ["--artifacts-destination", str(folders.mlruns / "artifacts")]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def stop_ui(server: subprocess.Popen) -> None:
    """End the server and the worker that it has started."""
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def free_port(wanted: int) -> int:
    """Return `wanted` where nothing listens on it, else a port that is free."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
