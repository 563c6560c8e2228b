"""Log and register models in MLflow, and fetch their bundles."""

import re
import shutil
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from sentiment.errors import MissingFileError
from sentiment.tracking import description, locations, store, tags
from sentiment.utils import environment, files, names
from sentiment.utils.paths import ProjectPaths

with environment.suppress_stderr():
    import mlflow
    import pandas  # type: ignore[import-untyped]
    from mlflow.entities import model_registry
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model, ModelSignature
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
    from mlflow.types import ColSpec, Schema

NAME, CHAMPION = "sentiment", "champion"  # the registered model, and the alias of its best version
STEP = "step"  # the tag of a logged model that holds its epoch
_BUNDLE = "bundle"  # the folder of the bundle among a model's artifacts
BUNDLE_FILES = ("bundle.json", "words.txt", "ngrams.npy", "embedding.npy", "weights.npz")
_HINT = "unset MLFLOW_TRACKING_URI, to use the store in mlruns/"
_PACKAGE = Path(__file__).parents[1]
# A logged model carries what `inference/pyfunc.py` imports of this package, directly or not.
_CODE_FILES = (
    "__init__.py",
    "config.py",
    "errors.py",
    "data/__init__.py",
    "data/encoded_texts.py",
    "data/key_table.py",
    "data/large_arrays.py",
    "data/negation.py",
    "data/ngram_keys.py",
    "data/plain_tokens.py",
    "data/token_rules.py",
    "data/tokenizer.py",
    "data/word_table.py",
    "inference/__init__.py",
    "inference/bundle.py",
    "inference/cells.py",
    "inference/classifier.py",
    "inference/evidence.py",
    "inference/manifest.py",
    "inference/texts.py",
    "inference/weights.py",
    "utils/__init__.py",
    "utils/credentials.py",
    "utils/files.py",
    "utils/npz.py",
    "utils/text.py",
    "utils/typed_json.py",
)
_NOT_IN_NAMES = re.compile(r"""[/:.%"']""")
# For an alias that does not exist MLflow reports an invalid parameter.
_NOT_FOUND = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True)
class ModelVersion:
    """A version of the registered model: its number, the run that trained it, its logged model."""

    number: int
    run_id: str
    model_id: str


def log_model(run_id: str, bundle: Path, step: int) -> str:
    """Log the bundle in the folder `bundle` as a run's model of epoch `step`; return its id.

    It is a "model from code" with the files that it needs of this package: beside MLflow it needs
    only NumPy.
    """
    if bundle.name != _BUNDLE:
        raise ValueError(f"expected a folder called {_BUNDLE}, got {bundle}")
    with tempfile.TemporaryDirectory() as tmp, environment.suppress_stderr():
        # Model.log would create it in the experiment of the active run, and there is none.
        client = mlflow.MlflowClient()
        run = client.get_run(run_id)
        name = _model_name(run.data.tags.get(tags.MODEL, run.info.run_name or run_id), step)
        created = client.create_logged_model(
            run.info.experiment_id, name, run_id, {STEP: str(step)}, params=run.data.params
        )
        with locations.own_folder(bundle):
            logged = Model.log(
                artifact_path=None,
                flavor=mlflow.pyfunc,
                run_id=run_id,
                model_id=created.model_id,
                step=step,
                **_model_arguments(bundle, Path(tmp)),
            )
    return logged.model_id


def _model_name(run_name: str, step: int) -> str:
    """Return a name for the model of an epoch, without what MLflow allows in no such name."""
    return f"{_NOT_IN_NAMES.sub('-', run_name)}-epoch-{step}"


def _model_arguments(bundle: Path, tmp: Path) -> dict[str, Any]:
    """Return what MLflow makes a model from; its code is copied to a folder in `tmp`."""
    code = tmp / _PACKAGE.name
    for name in _CODE_FILES:
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_PACKAGE / name, code / name)  # without its permissions
    script = tmp / "pyfunc.py"
    shutil.copyfile(_PACKAGE / "inference" / script.name, script)
    return {
        "python_model": str(script),
        "artifacts": {_BUNDLE: str(bundle)},
        "code_paths": [str(code)],
        # No schema of the inputs: MLflow would refuse lists, and drop columns before the model can
        # see that two are called `text`. The model checks its inputs itself.
        "signature": ModelSignature(outputs=Schema([ColSpec("double")])),
        "input_example": pandas.DataFrame({"text": ["An unforgettable film."]}),
        # Otherwise MLflow infers them, which takes longer than an epoch.
        "pip_requirements": [f"{name}=={metadata.version(name)}" for name in ("mlflow", "numpy")],
    }


def register(model_id: str) -> ModelVersion:
    """Register a logged model as the newest version."""
    with environment.suppress_stderr():
        version = _version(mlflow.register_model(f"models:/{model_id}", NAME))
    client = mlflow.MlflowClient()
    if not client.get_registered_model(NAME).description:
        client.update_registered_model(NAME, description.REGISTERED_MODEL)
    return version


def describe(run_id: str, text: str) -> None:
    """Write a description of the versions that a run has registered."""
    client = mlflow.MlflowClient()
    for version in _versions_of_run(client, run_id):
        client.update_model_version(NAME, str(version.number), text)


def is_registered(run_id: str, model_id: str) -> bool:
    """Return True if a run's logged model is a registered version."""
    versions = _versions_of_run(mlflow.MlflowClient(), run_id)
    return any(version.model_id == model_id for version in versions)


def delete_duplicates(run_id: str) -> None:
    """Delete all but the first of the versions that one logged model of a run has."""
    client = mlflow.MlflowClient()
    seen: set[str] = set()
    for version in _versions_of_run(client, run_id):
        if version.model_id in seen:
            client.delete_model_version(NAME, str(version.number))
        seen.add(version.model_id)


def get_champion(paths: ProjectPaths) -> ModelVersion | None:
    """Return the version with the alias `champion`, or None."""
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        try:
            return _version(client.get_model_version_by_alias(NAME, CHAMPION))
        except MlflowException as error:
            if error.error_code in _NOT_FOUND:
                return None
            raise


def get_or_register_version(
    paths: ProjectPaths, run_id: str, model_id: str | None, *, name: str
) -> ModelVersion:
    """Return a run's newest version; if it has none, register its best model, `model_id`.

    name: the run's name, for the error. Raises MissingFileError if the store has neither.
    """
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        if versions := _versions_of_run(client, run_id):
            return versions[-1]
        try:
            if model_id is not None:
                return register(client.get_logged_model(model_id).model_id)
        except MlflowException as error:
            if error.error_code not in _NOT_FOUND:
                raise
    raise MissingFileError(f"the run {name} has no model in the store", hint="sentiment train")


def promote(paths: ProjectPaths, version: ModelVersion) -> None:
    """Give a version the alias `champion`."""
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        client.set_registered_model_alias(NAME, CHAMPION, str(version.number))


def download_bundle(paths: ProjectPaths, address: str) -> Path:
    """Return the folder of the bundle in a model.

    address: its address in MLflow, such as models:/sentiment@champion. A model from a server is
    saved in data/registry under its id, and downloaded only once: the files of a bundle, whatever
    else it has. Raises MissingFileError if there is no such model, and InputError if its id is no
    plain name.
    """
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        try:
            model_id = _model_id(client, address.removeprefix("models:/"))
            saved = names.path_inside(paths.registry, model_id, "the id of a model", hint=_HINT)
            if saved.is_dir():
                return saved
            location = client.get_logged_model(model_id).artifact_location
            repository = get_artifact_repository(location)
            if store.tracking_uri(paths).startswith("sqlite"):
                # Not by the model's address: MLflow then writes a file into the model.
                return Path(repository.download_artifacts(f"artifacts/{_BUNDLE}"))
            with tempfile.TemporaryDirectory() as tmp:
                for name in BUNDLE_FILES:
                    # By name, not by the server's list of files, which may hold any path.
                    repository._download_file(f"artifacts/{_BUNDLE}/{name}", f"{tmp}/{name}")
                with files.atomic_dir(saved) as folder:
                    shutil.copytree(tmp, folder, dirs_exist_ok=True)
            return saved
        except MlflowException as error:
            if error.error_code not in _NOT_FOUND:
                raise
            raise MissingFileError(
                f"no model {address} in {store.shown_uri(paths)}",
                hint="sentiment promote" if CHAMPION in address else "sentiment runs",
            ) from error


def _model_id(client: mlflow.MlflowClient, name: str) -> str:
    """Return the id of the logged model of NAME@ALIAS, NAME/VERSION, NAME/latest or the id."""
    if "@" in name:
        registered, alias = name.split("@", 1)
        return _version(client.get_model_version_by_alias(registered, alias)).model_id
    if "/" in name:
        registered, number = name.split("/", 1)
        if number == "latest":
            number = _latest_version(client, registered)
        return _version(client.get_model_version(registered, number)).model_id
    return client.get_logged_model(name).model_id


def _latest_version(client: mlflow.MlflowClient, name: str) -> str:
    """Return the highest version of a registered model; "1" if it has none, which is not found."""
    quoted = name.replace("'", "''")
    found = client.search_model_versions(f"name = '{quoted}'")
    return str(max((int(version.version) for version in found), default=1))


def _versions_of_run(client: mlflow.MlflowClient, run_id: str) -> list[ModelVersion]:
    """Return the versions that a run has registered, the oldest first."""
    found = client.search_model_versions(f"name = '{NAME}' and run_id = '{run_id}'")
    return sorted(map(_version, found), key=lambda version: version.number)


def _version(version: model_registry.ModelVersion) -> ModelVersion:
    # A search leaves `model_id` empty, but the source contains it.
    return ModelVersion(
        int(version.version), version.run_id or "", version.source.removeprefix("models:/")
    )
