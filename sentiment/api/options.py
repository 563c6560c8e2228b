"""Parameters that the stages share, and those made from settings."""

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import fields
from os import PathLike, fspath
from typing import Any, TypeVar

from sentiment.model import Model
from sentiment.utils.paths import ProjectPaths, absolute, expand_user, find_project
from sentiment.utils.progress import LineProgress, Progress

AnyPath = str | PathLike[str]
ShowProgress = bool | Callable[[str], None] | Progress
Stage = TypeVar("Stage", bound=Callable)
_EXPERIMENT = "sentiment"


def takes_settings(*defaults: Any) -> Callable[[Stage], Stage]:
    """Show settings, with their defaults, in the signature of a function that takes `**settings`.

    defaults: instances of dataclasses.
    """

    def decorate(stage: Stage) -> Stage:
        signature = inspect.signature(stage)
        own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        own += [
            inspect.Parameter(
                setting.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=getattr(each, setting.name),
                annotation=setting.type,
            )
            for each in defaults
            for setting in fields(each)
        ]
        stage.__signature__ = signature.replace(parameters=own)  # type: ignore[attr-defined]
        return stage

    return decorate


def open_model(model: Model | AnyPath | None, project: AnyPath | None = None) -> Model:
    """Return an open model as it is; open any other, as `sentiment.load` does."""
    if isinstance(model, Model):
        return model
    from sentiment.inference import resolve
    from sentiment.inference.classifier import Classifier

    name = None if model is None else fspath(model)
    return Model(Classifier(resolve.resolve_model(name, project_paths(project))))


def project_paths(project: AnyPath | None) -> ProjectPaths:
    """Return the folders of the project in a folder, by default of the usual one."""
    if project is None:
        return find_project()
    return ProjectPaths(absolute(expand_user(fspath(project), "the project")))


def to_progress(progress: ShowProgress) -> Progress:
    """Return where the progress of a stage goes; see `stages`."""
    if isinstance(progress, Progress):
        return progress
    if callable(progress):
        return LineProgress(progress)
    return LineProgress(lambda line: print(line, file=sys.stderr)) if progress else Progress()


def store_address(tracking: bool | str) -> str | None:
    """Return the address of the tracking store if one is given."""
    return tracking if isinstance(tracking, str) else None


def experiment_name(name: str | None) -> str:
    """Return the name of the experiment, by default the usual one."""
    return name or os.environ.get("MLFLOW_EXPERIMENT_NAME") or _EXPERIMENT
