"""Write a trained model for use elsewhere; `FORMATS` has the formats."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from os import PathLike
from pathlib import Path

from sentiment.api.options import open_model
from sentiment.errors import InputError
from sentiment.inference.bundle import Bundle
from sentiment.model import Model
from sentiment.utils import files, opening

# Writes the model to a path, which is free or may be replaced.
Exporter = Callable[[Bundle, Path], None]


def _write_html(bundle: Bundle, path: Path) -> None:
    """Write one page that holds the model, runs it and needs no network."""
    from sentiment.reports.model_page import render_model_page

    files.write_text(path, render_model_page(bundle))


# To add a format, write a function that imports what it needs when it is called.
FORMATS: dict[str, Exporter] = {"html": _write_html}


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
    """Write a model to `path` in one of `FORMATS`.

    model: an open model, or any name that `sentiment.load` takes; project: see `stages`. Raises
    InputError if there is no such format or `path` can't be written, MissingFileError if there is
    no such model, DamagedFileError if it is damaged, and UnavailableError if a library that the
    format needs is not installed.
    """
    if format not in FORMATS:
        close = get_close_matches(format, FORMATS)
        raise InputError(
            f"there is no format {format!r}; there is {', '.join(FORMATS)}",
            hint=f"--format {(close or [*FORMATS])[0]}",
        )
    bundle = open_model(model, project).classifier.bundle
    target = opening.output_path(Path(path))
    FORMATS[format](bundle, target)
    return ExportedModel(target, format, bundle.name, _size(target))


def _size(path: Path) -> int:
    parts = path.rglob("*") if path.is_dir() else [path]
    return sum(part.stat().st_size for part in parts if part.is_file())
