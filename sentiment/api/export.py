"""Write a trained model for use elsewhere."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from sentiment.api.options import open_model
from sentiment.exporting.formats import FORMATS, check_format
from sentiment.model import Model


@dataclass(frozen=True)
class ExportedModel:
    """A model that was written to `path`. size: bytes of the file, or of all files of the folder.

    model: its name.
    """

    path: Path
    format: str
    model: str
    size: int


def export(
    model: Model | str | PathLike[str] | None,
    path: str | PathLike[str],
    format: str = "html",
    *,
    project: str | PathLike[str] | None = None,
) -> ExportedModel:
    """Write a model to `path` in one of `FORMATS`, see docs/export.md.

    `html` writes one file; the others write a folder, which must be new or empty. model: an open
    model, or any name that `sentiment.load` takes; project: see `stages`. Raises InputError if
    there is no such format or `path` can't be written, MissingFileError if there is no such model,
    DamagedFileError if it is damaged, and UnavailableError if a library that the format needs is
    not installed.
    """
    check_format(format)
    bundle = open_model(model, project).classifier.bundle
    target = Path(path)
    FORMATS[format](bundle, target)
    return ExportedModel(target, format, bundle.name, _size(target))


def _size(path: Path) -> int:
    parts = path.rglob("*") if path.is_dir() else [path]
    return sum(part.stat().st_size for part in parts if part.is_file())
