"""The model that a worker serves, and the change to another one."""

import os
import stat
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sentiment.inference import bundle
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.predict import LabelRule, predict
from sentiment.serving.schemas import ModelResponse
from sentiment.serving.settings import RenderPage
from sentiment.utils import files
from sentiment.utils.timestamps import utc_timestamp

_CARD = "MODEL_CARD.md"
_MAX_CARD = 64 << 10  # bytes
_PROBE = "An unforgettable film, and not a bad word about it."
# Windows lacks these. A model may come from a stranger, and a link may lead to any file.
_NO_LINKS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK"))


@dataclass(frozen=True)
class ServedModel:
    """An opened model. digest: SHA-256 of its bundle.json; loaded: ISO 8601, UTC."""

    bundle: Bundle
    classifier: Classifier
    digest: str
    loaded: str
    _page: list[bytes] = field(default_factory=list, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def name(self) -> str:
        """The name of the run that trained it."""
        return self.bundle.name

    def page(self, render: RenderPage) -> bytes:
        """Return the model's page, UTF-8. It takes seconds the first time, and is kept."""
        with self._lock:
            if not self._page:
                self._page.append(render(self.bundle).encode("utf-8"))
            return self._page[0]


def open_model(folder: Path) -> ServedModel:
    """Open the model in `folder`, and try it on one text.

    Raises MissingFileError if there is none, and DamagedFileError if it is not whole or does not
    answer with a number.
    """
    digest = manifest_digest(folder)
    opened = bundle.read(folder)
    classifier = Classifier(opened)
    predict(classifier, LabelRule(), [_PROBE])
    return ServedModel(opened, classifier, digest, utc_timestamp())


def manifest_digest(folder: Path) -> str:
    """Return the SHA-256 of a model's bundle.json, which has the digests of all its files.

    Empty if it can't be read.
    """
    try:
        return files.sha256(folder / "bundle.json")
    except OSError:
        return ""


def describe(model: ServedModel) -> ModelResponse:
    """Return what the model's manifest says, and its card."""
    manifest = model.bundle.manifest
    band: Any = manifest.neutral_band
    run, data = asdict(manifest.run), asdict(manifest.data)
    return ModelResponse(
        name=model.name,
        created=manifest.created,
        loaded=model.loaded,
        digest=model.digest,
        files=manifest.files,
        run={key: run[key] for key in ("id", "name", "experiment")},
        data={key: data[key] for key in ("dataset", "folder", "digests", "reviews")},
        settings=manifest.settings,
        temperature=manifest.temperature,
        neutral_band=band and asdict(band),
        metrics=manifest.metrics,
        measured_on=manifest.measured_on,
        card=_read_card(model.bundle.folder / _CARD),
    )


def _read_card(path: Path) -> str | None:
    """Return a model's card; None if it has none, or something else in its place."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_LINKS)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return file.read(_MAX_CARD).decode("utf-8", "replace")
