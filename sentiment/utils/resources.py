"""Read text files by name: files that ship with the package, or files of the user."""

from importlib import resources
from pathlib import Path

from sentiment.errors import MissingFileError
from sentiment.utils import files


def shipped_names(package: str, folder: str) -> list[str]:
    """Return the names, without suffix, of the files in `folder` of `package`, sorted."""
    entries = resources.files(package).joinpath(folder).iterdir()
    return sorted(Path(entry.name).stem for entry in entries)


def read_shipped_or_file(package: str, folder: str, name: str, *, what: str, hint: str) -> str:
    """Return the text of the TOML file `name` that ships in `folder`, else of the file at `name`.

    what: "recipe", for example, for messages. Raises MissingFileError if there is neither.
    """
    shipped = shipped_names(package, folder)
    if name in shipped:
        return resources.files(package).joinpath(folder, f"{name}.toml").read_text("utf-8")
    try:
        return files.read_text(Path(name))
    except (OSError, ValueError) as error:
        raise MissingFileError(
            f"no {what} {name}: it is neither a readable file nor one of {', '.join(shipped)}",
            hint=hint,
        ) from error
