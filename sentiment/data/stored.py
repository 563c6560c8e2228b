"""Find the prepared dataset that a model or a checkpoint names, or another one with its reviews."""

import re
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from sentiment.config import PrepareSettings
from sentiment.data import prepare, prepared, sources
from sentiment.data.prepared import PreparedDataset
from sentiment.errors import DamagedFileError, InputError, MissingFileError

_DIGEST = re.compile(r":[0-9a-f]{64}$")  # of a file or folder, after its name
_OWN_FILE = "sentiment evaluate --data FILE"


def find_reviews(folder: Path, split: str, digest: str | None) -> PreparedDataset | None:
    """Return the dataset in `folder`, or another beside it with the same reviews in a split.

    The other one may have another vocabulary or other token rules: only texts and labels are the
    same. digest: that of the split; None if it is unknown, so that no other one is looked for.
    """
    if folder.is_dir():
        return prepared.open_dataset(folder)
    if digest is None:
        return None
    for other in sorted(folder.parent.glob("[!.]*")):
        with suppress(DamagedFileError):  # it may be that of any model
            data = prepared.open_dataset(other)
            if split in data.splits and data.splits[split].digest == digest:
                return data
    return None


def open_reviews(
    folder: Path, split: str, digest: str | None, settings: dict[str, Any]
) -> PreparedDataset:
    """Return what `find_reviews` does; raise MissingFileError, whose hint leads out, if it is None.

    settings: those that the dataset was prepared with, as manifests record them.
    """
    if data := find_reviews(folder, split, digest):
        return data
    hint, dataset = prepared.prepare_command(settings), str(settings.get("dataset", ""))
    if not dataset or (digest is None and not _is_name_of(folder, settings)):
        hint = _OWN_FILE  # the command would prepare something that nobody could recognise
    elif _DIGEST.search(dataset):
        hint += f", where that file is as it was; or {_OWN_FILE}"
    raise MissingFileError(f"no prepared dataset {folder}", hint=hint)


def open_exactly(folder: Path, settings: dict[str, Any]) -> PreparedDataset:
    """Return the dataset in `folder`; raise MissingFileError if there is none.

    The hint prepares it again, with `settings`, if the present token rules give the same tokens.
    """
    if folder.is_dir():
        return prepared.open_dataset(folder)
    if _is_name_of(folder, settings):
        hint = prepared.prepare_command(settings)
        raise MissingFileError(f"no prepared dataset {folder}", hint=hint)
    raise MissingFileError(
        f"no prepared dataset {folder}, and this version would prepare another one",
        hint="sentiment train",
    )


def _is_name_of(folder: Path, settings: dict[str, Any]) -> bool:
    """Return True if a dataset that is prepared with `settings` today goes to `folder`."""
    known = {field.name for field in fields(PrepareSettings)} & settings.keys()
    given = {name: settings[name] for name in known}
    try:
        usual = PrepareSettings(**given | {"dataset": _DIGEST.sub("", str(given["dataset"]))})
    except (InputError, KeyError):
        return False
    recorded = asdict(usual) | given  # settings that came later have their default
    source = sources.find_source(usual.dataset)
    return folder.name == prepare.folder_name(usual.name, source, recorded)
