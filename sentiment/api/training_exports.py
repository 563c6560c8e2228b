"""Export the model of a training, and add the files to its run."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sentiment.errors import SentimentError
from sentiment.exporting.formats import FORMATS
from sentiment.inference import bundle
from sentiment.inference.bundle import Bundle
from sentiment.utils import files
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress
from sentiment.utils.text import first_line


def export_trained(
    folder: Path, formats: Iterable[str], paths: ProjectPaths, progress: Progress, *, track: bool
) -> list[Path]:
    """Write the model in `folder` in each of `formats`; return the files and folders.

    They replace those of an earlier model of that name. A format that fails is reported, and is no
    error: the model is saved.
    """
    model, exports = bundle.read(folder), []
    home = paths.exports / folder.name
    paths.check_place()
    files.remove_dir(home)
    for name in formats:
        target = home / (f"{folder.name}.html" if name == "html" else name)
        progress.note(f"exporting to {target}")
        try:
            home.mkdir(parents=True, exist_ok=True)
            FORMATS[name](model, target)
            if track and model.manifest.run.id:
                _log(model, target, paths, progress)
        except Exception as error:  # of any library: hours of training must not end in it
            fact = error.fact if isinstance(error, SentimentError) else first_line(error)
            progress.note(
                f"the export failed: {fact}\n"
                f"Try: sentiment export --format {name} --model {folder.name} --output PATH"
            )
        else:
            exports.append(target)
    return exports


def _log(model: Bundle, target: Path, paths: ProjectPaths, progress: Progress) -> None:
    from sentiment.tracking.offline import additions

    parts = sorted(target.iterdir()) if target.is_dir() else [target]
    additions.log_files(
        paths,
        model.manifest.run.id,
        model.name,
        contents={part.name: np.frombuffer(part.read_bytes(), np.uint8) for part in parts},
        path=f"exports/{target.name}" if target.is_dir() else "exports",
        say=progress.note,
    )
