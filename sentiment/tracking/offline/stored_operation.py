"""An operation that waits in a queue: a folder with its fields, its arrays and its model."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentiment.errors import DamagedFileError
from sentiment.tracking.offline.operations import (
    Arrays,
    Files,
    Payload,
    Table,
    Text,
    payload_from_json,
)
from sentiment.utils import files, names, npz

HINT = "remove that folder; what it holds of its run is lost"
BEGUN = "begun"
_MAX_ARRAYS = 1 << 28  # bytes of an operation's arrays; ours need a hundredth of that


@dataclass(frozen=True)
class Operation:
    """A queued operation, in its folder. time: when it was logged, in ms since 1970."""

    number: int
    folder: Path
    payload: Payload
    time: int

    @property
    def bundle(self) -> Path:
        """The folder of the model that belongs to it."""
        return bundle_folder(self.folder.parent, self.number)

    def check_bundle(self) -> None:
        """Raise DamagedFileError if the model is not whole."""
        manifest = self.bundle / "bundle.json"
        content = files.read_json(manifest, hint=HINT)
        files.verify_checksum(manifest, content, hint=HINT)
        with files.read_errors(manifest, hint=HINT):
            recorded = {
                names.path_inside(self.bundle, name, "a file of a model"): entry
                for name, entry in content["files"].items()
            }
        for path, entry in recorded.items():
            files.verify_file(path, entry, hint=HINT)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that belong to it."""
        return npz.read_arrays(self.folder / "arrays.npz", hint=HINT, max_bytes=_MAX_ARRAYS)

    def begin(self) -> bool:
        """Mark it as begun; return True if it was before: a part of it may be in the store."""
        mark = self.folder / BEGUN
        if mark.exists():
            return True
        with mark.open("wb") as file:
            os.fsync(file.fileno())
        return False


def bundle_folder(queue: Path, number: int) -> Path:
    """Return the folder of the model that belongs to an operation of the queue in `queue`."""
    return queue / "bundles" / f"{number:06d}" / "bundle"


def read_operation(number: int, folder: Path) -> Operation:
    """Return the operation in `folder`; raise DamagedFileError if it is not one."""
    path = folder / "operation.json"
    content = files.read_json(path, hint=HINT)
    with files.read_errors(path, hint=HINT):
        payload, time = payload_from_json(content)
        if isinstance(payload, Arrays | Files | Table | Text):
            for part in payload.path.split("/"):
                names.check_name(part, "a part of the path of an artifact")
        return Operation(number, folder, payload, time)


def try_read_operation(item: tuple[int, Path]) -> Operation | None:
    """Return an operation, or None if it can't be read."""
    with suppress(DamagedFileError):
        return read_operation(*item)
    return None
