"""`sentiment models`."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sentiment.cli._options import JsonOption
from sentiment.cli._terminal import print_json, print_message
from sentiment.errors import SentimentError
from sentiment.inference import trained_models
from sentiment.inference.trained_models import MIN_REVIEWS, TrainedModel
from sentiment.tracking import database, versions
from sentiment.tracking.versions import RegisteredVersion
from sentiment.utils.paths import ProjectPaths, find_project
from sentiment.utils.text import escape_control

EXAMPLES = {
    "sentiment models": "list the models; a star marks the one that answers",
    'sentiment predict -m pretrained "A dull film."': "let another one answer",
    "sentiment models --json": "the same list, for a script",
}
_COMMAND = "`sentiment predict`"
_UNKNOWN = "–"
_MAX_DATASET = 24  # characters of its name in the table
_MAX_SIZE = 10**15  # bytes; a forged manifest may name more than a float can hold


@dataclass(frozen=True)
class Model:
    """A row of the list.

    model: what `--model` takes; source: bundled, trained or registered; name and run_id: those of
    its run; created: ISO 8601, UTC; test_accuracy: 0-1; size: bytes; versions: its numbers and
    aliases in MLflow.
    """

    model: str
    source: str
    name: str
    run_id: str
    created: str
    dataset: str
    test_accuracy: float | None
    cell: str
    size: int | None
    folder: str | None
    versions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """The row of the model that `predict` uses without `--model`, None if it is none, and why.

    reason: a whole sentence.
    """

    model: Model | None
    reason: str


def command(as_json: JsonOption = False) -> None:
    """List the models, and say which one answers and why.

    Trained models are folders in data/models; registered ones are in MLflow. A model that is both
    has one row. With a tracking server (MLFLOW_TRACKING_URI) the list takes some seconds.
    """
    paths = find_project()
    models = list(_local(paths))
    models = list(_with_versions(models, _registered(paths)))
    choice = _choose(paths, models)
    if as_json:
        default = choice.model.model if choice.model else None
        listed = [asdict(model) for model in models]
        print_json({"default": default, "reason": choice.reason, "models": listed})
        return
    _show(models, choice)


def _local(paths: ProjectPaths) -> Iterator[Model]:
    """Yield the bundled model and the trained ones, the newest first."""
    from sentiment.inference import resolve  # here, as `--help` does without NumPy

    if (resolve.PRETRAINED / trained_models.MANIFEST).is_file():
        bundled = trained_models.read_model(resolve.PRETRAINED)
        yield _model(bundled, trained_models.BUNDLED, "bundled")
    found = list(trained_models.healthy_models(paths.models))
    for model in sorted(found, key=lambda model: model.created, reverse=True):
        yield _model(model, model.folder.name, "trained")
    for name in sorted(
        {*trained_models.names(paths.models)} - {each.folder.name for each in found}
    ):
        print_message(f"not listed, since it is damaged: {paths.models / name}")


def _model(model: TrainedModel, name: str, source: str) -> Model:
    return Model(
        name, source, model.name, model.run_id, model.created, model.dataset, model.test_accuracy,
        model.cell, model.size, str(model.folder),
    )  # fmt: skip


def _registered(paths: ProjectPaths) -> list[RegisteredVersion]:
    """Return the versions in MLflow; none, and a message, if they can't be read."""
    if database.database_path(paths) is None:
        print_message("asking the tracking server for registered models")
    try:
        return versions.list_versions(paths)
    except SentimentError as error:
        print_message(f"Registered models are not listed: {error.fact}.")
        if error.hint:
            print_message(f"Try: {error.hint}")
        return []


def _with_versions(models: list[Model], registered: list[RegisteredVersion]) -> Iterator[Model]:
    """Yield the models with their versions in MLflow, then the versions that are nothing else."""
    run_ids = {model.run_id for model in models if model.run_id}
    for model in models:
        own = [version for version in registered if model.run_id and version.run_id == model.run_id]
        yield replace(model, versions=tuple(map(_version, own)))
    for version in registered:
        if version.run_id not in run_ids:
            yield Model(
                version.address, "registered", version.run, version.run_id, version.created,
                version.dataset, version.test_accuracy, version.cell, _size_of(version), None,
                (_version(version),),
            )  # fmt: skip


def _size_of(version: RegisteredVersion) -> int | None:
    """Return the bytes of a version that is on this machine."""
    if version.folder is not None:
        with suppress(SentimentError):
            return trained_models.read_model(version.folder).size
    return None


def _version(version: RegisteredVersion) -> str:
    return " ".join((str(version.number), *version.aliases))


def _choose(paths: ProjectPaths, models: list[Model]) -> Choice:
    """Return the model that `resolve_model` opens if none is named."""
    from sentiment.inference import resolve

    try:
        named = resolve.requested_model(None)
        folder = resolve.local_folder(named, paths) if named else resolve.default_folder(paths)
    except SentimentError as error:
        return Choice(None, f"{_COMMAND} finds no model: {error.fact}. Try: {error.hint}")
    if named:
        reason = f"{resolve.MODEL_VARIABLE} names it"
        for model in models:
            if _is_named(model, named, folder):
                return Choice(model, f"{_COMMAND} uses {model.model}: {reason}.")
        return Choice(None, f"{_COMMAND} looks for {named}, which is not listed: {reason}.")
    chosen = next(model for model in models if model.folder == str(folder))
    reason = f"no trained model has learnt from {MIN_REVIEWS:,} reviews"
    if chosen.source == "trained":
        reason = f"it is the newest trained model of at least {MIN_REVIEWS:,} reviews"
    return Choice(chosen, f"{_COMMAND} uses {chosen.model}: {reason}.")


def _is_named(model: Model, named: str, folder: Path | None) -> bool:
    if folder is not None:
        return model.folder is not None and Path(model.folder).resolve() == folder.resolve()
    return model.model == named or bool(trained_models.match_models([model], named))


def _dataset_name(dataset: str) -> str:
    """Return the name of a dataset for the table: that of a file without its digest."""
    name = re.sub(r":[0-9a-f]{64}$", "", dataset) or _UNKNOWN
    return name if len(name) <= _MAX_DATASET else f"{name[: _MAX_DATASET - 1]}…"


def _show(models: list[Model], choice: Choice) -> None:
    from sentiment.cli import _console

    columns = {"": "left", "model": "left", "dataset": "left", "test\naccuracy": "right"}
    columns |= {"created": "left", "size": "right", "cell": "left", "version": "left"}
    rows = [
        (
            "*" if model == choice.model else "",
            model.model,
            _dataset_name(model.dataset),
            _UNKNOWN if model.test_accuracy is None else _console.percent(model.test_accuracy, 2),
            model.created[:10],
            _UNKNOWN if model.size is None else f"{min(model.size, _MAX_SIZE) / 1e6:.1f} MB",
            model.cell or _UNKNOWN,
            ", ".join(model.versions),
        )
        for model in models
    ]
    target = _console.console()
    target.print(_console.table(None, columns, rows, lines=False))
    target.print(escape_control(choice.reason), markup=False)
