"""Read folders of text files in the layout of aclImdb.

The folder has `pos/` and `neg/` with one text per `.txt` file, or it has `train/` and `test/` with
such folders, and `unsup/` beside them if there are unlabelled texts.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from sentiment.data.labelled_rows import PART_NAMES, LabelledRow, RowErrors
from sentiment.data.readers import LONGEST_ROW
from sentiment.errors import InputError

_LABELS = ("pos", "neg", "positive", "negative")


def is_labelled_folder(path: Path) -> bool:
    """Return True if `path` is a folder with folders of positive and negative texts."""
    try:
        return path.is_dir() and any(
            (folder / label).is_dir() for folder, _ in _parts(path) for label in _LABELS
        )
    except OSError:  # such as a name that is too long
        return False


def read_folder(path: Path, errors: RowErrors) -> list[LabelledRow]:
    """Return all texts, in order of their paths; a file that is not UTF-8 goes to `errors`."""
    rows = []
    for file, label, part in _files(path):
        try:
            with file.open("rb") as stream:
                raw = stream.read(LONGEST_ROW + 1)
            if len(raw) > LONGEST_ROW:
                errors.add(InputError(f"{file}: longer than {LONGEST_ROW >> 20} MiB"))
                continue
            text = raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError as error:
            errors.add(InputError(f"{file}: not UTF-8 text (byte {error.start})"))
            continue
        except OSError as error:
            raise InputError(f"{file} can't be read: {error.strerror}") from error
        errors.held.add(text, label, path)
        rows.append(LabelledRow(text, label, part))
    return rows


def folder_digest(path: Path) -> str:
    """Return the SHA-256 of the paths and contents of all texts."""
    digest = hashlib.sha256()
    for file, _, _ in _files(path):
        try:
            with file.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise InputError(f"{file} can't be read: {error.strerror}") from error
        digest.update(f"{file.relative_to(path).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()


def _files(path: Path) -> Iterator[tuple[Path, str, str | None]]:
    """Yield each text file with its label, the name of its folder, and its part."""
    for folder, part in _parts(path):
        for labelled in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
            name = labelled.name.lower()
            unsupervised = PART_NAMES.get(name) == "unsupervised"
            if part is None and name in PART_NAMES and not unsupervised:
                continue  # a part, which has folders of its own
            for file in sorted(labelled.glob("*.txt")):
                yield file, name, "unsupervised" if unsupervised else part


def _parts(path: Path) -> list[tuple[Path, str | None]]:
    """Return the folders that may have folders of labels, each with its part."""
    folders = sorted(entry for entry in path.iterdir() if entry.is_dir())
    parts = [
        (entry, PART_NAMES[entry.name.lower()])
        for entry in folders
        if entry.name.lower() in PART_NAMES
    ]
    split = [(folder, part) for folder, part in parts if part != "unsupervised"]
    return [*split, (path, None)]
