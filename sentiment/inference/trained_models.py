"""List the trained models of a project by their manifests, without opening the models."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sentiment.errors import SentimentError
from sentiment.inference.manifest import damage_hint
from sentiment.tracking.metric_names import TEST_ACCURACY
from sentiment.tracking.run_names import bare_name
from sentiment.utils import files
from sentiment.utils.names import is_plain_name

# With fewer training reviews, a model does not replace the bundled one unless it is named. On 5,000
# IMDB reviews held out of training, models of 1,000, 5,000 and 10,000 reviews are right in 79.1 %,
# 87.9 % and 89.5 %; the bundled one is in 90.9 % of its validation reviews.
MIN_REVIEWS = 10_000
BUNDLED = "pretrained"  # the name of the model in the package
MANIFEST = "bundle.json"
_MIN_ID = 4  # characters of the beginning of a run's id
_SAMPLE = "sample"  # the dataset of the sample, whose oldest models do not say how large it is


@dataclass(frozen=True)
class TrainedModel:
    """A trained model, by its manifest.

    created: ISO 8601, UTC; name and run_id: those of its run; reviews: how many it was trained on,
    None in models of older versions; cell: empty if the manifest does not say; test_accuracy: 0-1,
    None if it was not measured; size: bytes of its files.
    """

    folder: Path
    created: str
    name: str
    run_id: str
    dataset: str
    reviews: int | None
    cell: str
    test_accuracy: float | None
    size: int

    @property
    def is_small(self) -> bool:
        """True if it learnt from the sample or from fewer than MIN_REVIEWS reviews."""
        return self.dataset == _SAMPLE or (self.reviews is not None and self.reviews < MIN_REVIEWS)


class _OfRun(Protocol):
    """A model that is found by the name or the id of its run."""

    @property
    def name(self) -> str: ...
    @property
    def run_id(self) -> str: ...


Found = TypeVar("Found", bound=_OfRun)


def read_model(folder: Path) -> TrainedModel:
    """Return the model in `folder`; raise DamagedFileError if its manifest was changed."""
    path = folder / MANIFEST
    hint = damage_hint(folder)
    content = files.read_json(path, hint=hint)
    files.verify_checksum(path, content, hint=hint)
    run, data = _table(content, "run"), _table(content, "data")
    network = _table(_table(content, "settings"), "model")
    reviews, accuracy = data.get("reviews"), _table(content, "metrics").get(TEST_ACCURACY)
    return TrainedModel(
        folder=folder,
        created=str(content.get("created", "")),
        name=str(run.get("name", "")),
        run_id=str(run.get("id", "")),
        dataset=str(data.get("dataset", "")),
        reviews=reviews if isinstance(reviews, int) else None,
        cell=str(network.get("cell", "")),
        test_accuracy=accuracy if isinstance(accuracy, float) else None,
        size=sum(_size(record) for record in _table(content, "files").values()),
    )


def newest_model(models: Path, *, small: bool) -> TrainedModel | None:
    """Return the newest model in `models`, by the time it was created; None if there is none.

    small: small ones count too. Raises DamagedFileError if a manifest was changed: its time may be
    wrong.
    """
    found = [read_model(folder) for folder in _folders(models)]
    chosen = [model for model in found if small or not model.is_small]
    return max(chosen, key=lambda model: (model.created, model.folder), default=None)


def healthy_models(models: Path) -> Iterator[TrainedModel]:
    """Yield the models in `models` whose manifests can be read."""
    for folder in _folders(models):
        with suppress(SentimentError):
            yield read_model(folder)


def names(models: Path) -> list[str]:
    """Return the names of the folders in `models` that hold a model, in alphabetical order."""
    return [folder.name for folder in _folders(models) if is_plain_name(folder.name)]


def match_models(models: Iterable[Found], named: str) -> list[Found]:
    """Return the models whose run has the id or the name `named`, else an id that begins so.

    The accuracy before a name, as MLflow's list shows it, may be there or not.
    """
    models, bare = list(models), bare_name(named)
    same = [model for model in models if named == model.run_id or model.name in (named, bare)]
    if same or len(named) < _MIN_ID:
        return same
    return [model for model in models if model.run_id.startswith(named)]


def _folders(models: Path) -> list[Path]:
    return sorted(path.parent for path in models.glob(f"[!.]*/{MANIFEST}"))


def _size(record: Any) -> int:
    size = record.get("bytes") if isinstance(record, dict) else None
    return size if isinstance(size, int) else 0


def _table(content: dict[str, Any], name: str) -> dict[str, Any]:
    table = content.get(name)
    return table if isinstance(table, dict) else {}
