"""Check the names that become paths.

A name that somebody typed, or that a server, an archive, a manifest, a tag or a queue holds,
becomes a path here and nowhere else.
"""

import os
from pathlib import Path
from typing import Any

from sentiment.errors import InputError

MAX_BYTES = 200  # a temporary file has a longer name, which must still be a file name


def is_plain_name(name: Any) -> bool:
    """Return True if `name` is a printable file name that leads to no other folder.

    Names appear in terminals, pages and commands: no control characters and no leading dash or dot.
    """
    return (
        isinstance(name, str)
        and name.isprintable()
        and name[:1] not in {"", ".", "-"}
        and not {"/", "\\"} & set(name)
        and len(os.fsencode(name)) <= MAX_BYTES
    )


def check_name(name: Any, what: str, *, hint: str | None = None) -> str:
    """Return `name` if it is a plain name; raise InputError if it is not.

    what: what the name is, for the message, such as "a run name".
    """
    if is_plain_name(name):
        return name
    text = name if isinstance(name, str) else repr(name)
    shown = ascii(text) if len(text) <= MAX_BYTES else f"{len(text):,} characters"
    raise InputError(
        f"{what} is a plain file name of up to {MAX_BYTES} bytes, got {shown}", hint=hint
    )


def path_inside(folder: Path, name: Any, what: str, *, hint: str | None = None) -> Path:
    """Return `folder / name`, which is directly inside `folder` and no link to another place.

    The path need not exist. Raises InputError if the name is not plain, or the path is a link.
    """
    path = folder / check_name(name, what, hint=hint)
    if path.is_symlink():
        raise InputError(f"{path} is a link, which may lead to any place", hint=hint)
    return path
