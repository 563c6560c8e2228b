"""Resolve which trained model to load."""

import os
import shlex
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from importlib import resources
from pathlib import Path

from sentiment.errors import InputError, MissingFileError
from sentiment.inference import bundle, trained_models
from sentiment.inference.bundle import Bundle
from sentiment.inference.trained_models import BUNDLED, Found
from sentiment.utils.names import is_plain_name, path_inside
from sentiment.utils.paths import ProjectPaths, expand_user

MODEL_VARIABLE = "SENTIMENT_MODEL"
_MAX_NAMES = 3  # that a message lists
_ADDRESSES = _REGISTERED, _OF_RUN = ("models:/", "runs:/")  # in MLflow
PRETRAINED = Path(str(resources.files("sentiment"))) / "pretrained"


def resolve_model(name: str | None, paths: ProjectPaths) -> Bundle:
    """Open the model `name`, else that in SENTIMENT_MODEL, else the default model.

    A name is `pretrained`, a folder, the name, id or start of the id of a run, or an address in
    MLflow: models:/NAME@ALIAS, models:/NAME/VERSION, models:/NAME/latest or runs:/ID/model. Raises
    MissingFileError, with the nearest names, if there is no such model, and InputError if there are
    several. A damaged model is never skipped: the answer would come from another model than the
    one asked for.
    """
    requested = requested_model(name)
    return bundle.read(_folder(requested, paths) if requested else default_folder(paths))


def default_folder(paths: ProjectPaths) -> Path:
    """Return the folder of the newest trained model that is not small, else the bundled one.

    A small model, see `TrainedModel.is_small`, is the default only if there is no bundled one.
    """
    bundled = (PRETRAINED / trained_models.MANIFEST).is_file()
    newest = trained_models.newest_model(paths.models, small=not bundled)
    if newest is not None:
        return newest.folder
    if not bundled:
        raise MissingFileError(f"no trained model in {paths.models}", hint="sentiment train")
    return PRETRAINED


def model_argument(folder: Path, paths: ProjectPaths) -> str | None:
    """Return what `--model` needs for the trained model in `folder`; None if it is the default."""
    if not os.environ.get(MODEL_VARIABLE) and default_folder(paths) == folder:
        return None
    return folder.name if _folder(folder.name, paths) == folder else str(folder)


def requested_model(name: str | None) -> str | None:
    """Return `name`, else the model in SENTIMENT_MODEL, else None."""
    return name or os.environ.get(MODEL_VARIABLE)


def local_folder(name: str, paths: ProjectPaths) -> Path | None:
    """Return the folder of the model `name` if it is a folder, or that of one in the project.

    None if it may be the name of something in MLflow, whose import takes seconds and memory.
    """
    if name == BUNDLED:
        return PRETRAINED
    if name.startswith(_ADDRESSES):
        return None
    folder = expand_user(name, "the model")
    if (folder / trained_models.MANIFEST).is_file():
        return folder
    if is_plain_name(name) and path_inside(paths.models, name, "a model name").is_dir():
        return paths.models / name
    return None


def _folder(name: str, paths: ProjectPaths) -> Path:
    """Return the folder of the model `name`."""
    if (local := local_folder(name, paths)) is not None:
        return local
    if name.startswith(_REGISTERED):
        return _registered(name, paths)
    if name.startswith(_OF_RUN):
        return _of_run(name.removeprefix(_OF_RUN).partition("/")[0], paths)
    folder = expand_user(name, "the model")
    if folder.exists() or Path(name).name != name:
        beside = [str(folder.parent / each) for each in trained_models.names(folder.parent)]
        if folder.exists() or not beside:
            return folder  # reading it says what is missing
        raise _no_model(name, beside)
    return _of_run(name, paths)


def _of_run(named: str, paths: ProjectPaths) -> Path:
    """Return the folder of the model of a run, by the name, the id or the start of the id."""
    local = list(trained_models.healthy_models(paths.models))
    known = [BUNDLED, *trained_models.names(paths.models)]
    if found := trained_models.match_models(local, named):
        return _only(found, named, lambda model: model.folder.name).folder
    if not (os.environ.get("MLFLOW_TRACKING_URI") or (paths.mlruns / "mlflow.db").is_file()):
        raise _no_model(named, known)
    from sentiment.tracking import model_lookup, registry  # here, as importing MLflow takes seconds

    runs = model_lookup.list_run_models(paths)
    if matching := trained_models.match_models(runs, named):
        model = _only(matching, named, lambda model: model.run_id)
        return registry.download_bundle(paths, f"models:/{model.model_id}")
    raise _no_model(named, [*known, *(run.name for run in runs)])


def _registered(address: str, paths: ProjectPaths) -> Path:
    """Return the folder of a model in MLflow's registry."""
    from sentiment.tracking import model_lookup, registry  # here, as importing MLflow takes seconds

    try:
        return registry.download_bundle(paths, address)
    except MissingFileError as error:
        known = model_lookup.list_addresses(paths)
        if not known or ("@" in address and "@" not in known[0]):  # no champion yet
            raise
        raise _no_model(address, known, fact=error.fact) from error


def _only(found: list[Found], named: str, label: Callable[[Found], str]) -> Found:
    """Return the single model in `found`; raise InputError, with their labels, if there are more.

    label: returns what `--model` needs for a model.
    """
    if len(found) > 1:
        labels = sorted(map(label, found))
        raise InputError(
            f"{len(found)} models are called {named!r}: {', '.join(labels[:_MAX_NAMES])}"
            + " …" * (len(found) > _MAX_NAMES),
            hint=f"--model {shlex.quote(labels[0])}",
        )
    return found[0]


def _no_model(name: str, known: Iterable[str], *, fact: str | None = None) -> MissingFileError:
    """Return the error that there is no model `name`, with those of the `known` names nearest it.

    If none resembles it, the first known ones are listed. fact: what the message says before them.
    """
    known = list(dict.fromkeys(known))
    near = get_close_matches(name, known, n=_MAX_NAMES)
    found = f"is it {' or '.join(near)}" if near else f"there is {', '.join(known[:_MAX_NAMES])}"
    return MissingFileError(
        f"{fact or f'no model is called {name!r}'}; {found}",
        hint=f"--model {shlex.quote((near or known)[0])}",
    )
