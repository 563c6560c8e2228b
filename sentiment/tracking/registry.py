"""Models as MLflow keeps them: logged ones, versions of `sentiment`, and the champion among them.

Knows MLflow's models and where in one the bundle lies; knows nothing of what a bundle holds.
"""

import shutil
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from sentiment.errors import MissingFileError
from sentiment.tracking import store
from sentiment.utils import environment, files
from sentiment.utils.paths import ProjectPaths

with environment.suppress_stderr():
    import mlflow
    from mlflow.entities import model_registry
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

NAME, CHAMPION = "sentiment", "champion"
_PACKAGE = Path(__file__).parent.parent
# What `pyfunc.py` imports of this package, and what those import.
_CODE = (
    *("__init__.py", "errors.py", "config.py", "utils/__init__.py", "utils/files.py"),
    "utils/npz.py",
    *("data/__init__.py", "data/tokenizer.py"),
    *("inference/__init__.py", "inference/bundle.py", "inference/classifier.py"),
    *("inference/cells.py", "inference/manifest.py", "inference/weights.py"),
)
_BUNDLE = "bundle"  # the name of its folder among a model's artifacts
STEP = "step"  # the tag of a logged model that names its epoch


@dataclass(frozen=True)
class ModelVersion:
    """A version of the registered model: its number, the run that made it, its logged model."""

    number: int
    run_id: str
    model_id: str


def log_model(run_id: str, bundle: Path, step: int) -> str:
    """Log the bundle in `bundle` as the model of a run at `step`, which a tag names; return its id.

    It is a model from code, over the bundle and six modules of this package: NumPy is all that it
    needs beside MLflow.
    """
    if bundle.name != _BUNDLE:
        raise ValueError(f"expected a folder called {_BUNDLE}, got {bundle}")
    with tempfile.TemporaryDirectory() as aside, environment.suppress_stderr():
        # Made by hand: MLflow would make it in the experiment of the active run.
        client = mlflow.MlflowClient()
        run = client.get_run(run_id)
        tags = {STEP: str(step)}
        made = client.create_logged_model(
            run.info.experiment_id, "model", run_id, tags, params=run.data.params
        )
        logged = Model.log(
            artifact_path=None,
            flavor=mlflow.pyfunc,
            run_id=run_id,
            model_id=made.model_id,
            step=step,
            **_model(bundle, Path(aside)),
        )
    return logged.model_id


def save_model(bundle: Path, target: Path) -> None:
    """Write the bundle in `bundle` as a model of MLflow's to the new folder `target`."""
    with tempfile.TemporaryDirectory() as aside, environment.suppress_stderr():
        kept = Path(aside) / _BUNDLE
        shutil.copytree(bundle, kept)
        mlflow.pyfunc.save_model(path=str(target), **_model(kept, Path(aside)))


def _model(bundle: Path, aside: Path) -> dict[str, Any]:
    """Return what MLflow makes a model of, its code copied to a folder in `aside`."""
    code = aside / _PACKAGE.name
    for name in _CODE:
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_PACKAGE / name, code / name)
    return {
        "python_model": str(_PACKAGE / "inference" / "pyfunc.py"),
        "artifacts": {_BUNDLE: str(bundle)},
        "code_paths": [str(code)],
        "input_example": ["An unforgettable film."],
        # Inferring them would take longer than an epoch.
        "pip_requirements": [f"{name}=={metadata.version(name)}" for name in ("mlflow", "numpy")],
    }


def register(model_id: str) -> ModelVersion:
    """Make a logged model the newest version of the registered one."""
    with environment.suppress_stderr():
        return _version(mlflow.register_model(f"models:/{model_id}", NAME))


def is_registered(run_id: str, model_id: str) -> bool:
    """Tell whether a logged model of a run is a version of the registered one."""
    found = mlflow.MlflowClient().search_model_versions(f"name = '{NAME}' and run_id = '{run_id}'")
    return any(_version(version).model_id == model_id for version in found)


def delete_duplicates(run_id: str) -> None:
    """Leave the first where a run's model is several versions."""
    client = mlflow.MlflowClient()
    found = map(_version, client.search_model_versions(f"name = '{NAME}' and run_id = '{run_id}'"))
    kept: set[str] = set()
    for version in sorted(found, key=lambda version: version.number):
        if version.model_id in kept:
            client.delete_model_version(NAME, str(version.number))
        kept.add(version.model_id)


def get_champion(paths: ProjectPaths) -> ModelVersion | None:
    """Return the version that the alias `champion` points to, where there is one."""
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        try:
            return _version(client.get_model_version_by_alias(NAME, CHAMPION))
        except MlflowException as error:
            if error.error_code in _NOT_THERE:
                return None
            raise


def get_or_register_version(
    paths: ProjectPaths, run_id: str, model_id: str | None, *, name: str
) -> ModelVersion:
    """Return the newest version that a run has made; where none is left, register its best model.

    name: the run's, for people. Raises MissingFileError where there is neither.
    """
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        found = client.search_model_versions(f"name = '{NAME}' and run_id = '{run_id}'")
        if found:
            return max(map(_version, found), key=lambda version: version.number)
        try:
            if model_id is not None:
                return register(client.get_logged_model(model_id).model_id)
        except MlflowException as error:
            if error.error_code not in _NOT_THERE:
                raise
    raise MissingFileError(f"the run {name} has no model in the store", hint="sentiment train")


def promote(paths: ProjectPaths, version: ModelVersion) -> None:
    """Point the alias `champion` to a version."""
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        client.set_registered_model_alias(NAME, CHAMPION, str(version.number))


def download_bundle(paths: ProjectPaths, address: str) -> Path:
    """Return the folder of the bundle in a model, such as models:/sentiment@champion.

    What comes from a server is kept in data/registry, by the model's id, and is not fetched again.
    Raises MissingFileError where there is no such model.
    """
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        try:
            model_id = _model_id(client, address.removeprefix("models:/"))
            kept = paths.registry / model_id
            if kept.is_dir():
                return kept
            source = f"models:/{model_id}"
            if store.tracking_uri(paths).startswith("sqlite:"):
                return Path(mlflow.artifacts.download_artifacts(source)) / "artifacts" / _BUNDLE
            with tempfile.TemporaryDirectory() as aside:
                fetched = Path(mlflow.artifacts.download_artifacts(source, dst_path=aside))
                with files.atomic_dir(kept) as folder:
                    shutil.copytree(fetched / "artifacts" / _BUNDLE, folder, dirs_exist_ok=True)
            return kept
        except MlflowException as error:
            if error.error_code not in _NOT_THERE:
                raise
            raise MissingFileError(
                f"no model {address} in {store.tracking_uri(paths)}",
                hint="sentiment promote" if CHAMPION in address else "sentiment runs",
            ) from error


# An alias that does not exist is an invalid parameter to MLflow, a version a missing resource.
_NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def _model_id(client: mlflow.MlflowClient, name: str) -> str:
    """Return the id of the logged model behind NAME@ALIAS, NAME/VERSION or the id itself."""
    if "@" in name:
        registered, alias = name.split("@", 1)
        return _version(client.get_model_version_by_alias(registered, alias)).model_id
    if "/" in name:
        registered, number = name.split("/", 1)
        return _version(client.get_model_version(registered, number)).model_id
    return client.get_logged_model(name).model_id


def _version(found: model_registry.ModelVersion) -> ModelVersion:
    # A search leaves `model_id` empty; the source says the same.
    return ModelVersion(
        int(found.version), found.run_id or "", found.source.removeprefix("models:/")
    )
