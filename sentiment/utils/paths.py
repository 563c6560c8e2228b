"""Find the folders of a project; nothing is created here.

A project of another user is not used unless SENTIMENT_HOME names it: his model would answer, and
what is written could be replaced. The rule is that of Git's safe.directory: the folder itself and
what makes it a project must belong to the user, to root, or, under sudo, to the user who typed it.
"""

import os
import shlex
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from sentiment.errors import InputError, MissingFileError, MovedError

HOME_VARIABLE = "SENTIMENT_HOME"
_ROOT = 0  # the user id of the administrator, who could change every file anyway


@dataclass(frozen=True)
class ProjectPaths:
    """The folders of one project, below its absolute root."""

    root: Path
    # What tells the root from every other folder, also after a move; None: it may be any.
    identity: tuple[int, int] | None = field(default=None, compare=False, repr=False)

    def held(self) -> "ProjectPaths":
        """Return the same paths for a long command, which calls `check_place` before it writes."""
        return replace(self, identity=self.identity or _identity(self.root))

    def check_place(self, command: str = "the same command") -> None:
        """Raise MovedError if the root is no longer the folder that it was for `held`.

        command: what to type in the project's new place.
        """
        if self.identity is not None and _identity(self.root) != self.identity:
            raise MovedError(
                f"the project in {self.root} was moved or removed meanwhile, so nothing more is "
                "written there",
                hint=f"{command}, in the project's new place",
            )

    @property
    def prepared(self) -> Path:
        """Prepared datasets, one folder each."""
        return self.root / "data" / "prepared"

    @property
    def models(self) -> Path:
        """Trained models, one folder each."""
        return self.root / "data" / "models"

    @property
    def exports(self) -> Path:
        """Models exported at the end of their training, one folder each."""
        return self.root / "data" / "exports"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints of unfinished trainings, one folder each."""
        return self.root / "data" / "checkpoints"

    @property
    def sweeps(self) -> Path:
        """Sweeps, one folder each."""
        return self.root / "data" / "sweeps"

    @property
    def registry(self) -> Path:
        """Registered models downloaded from a tracking server, one folder each."""
        return self.root / "data" / "registry"

    @property
    def spool(self) -> Path:
        """Runs that still wait to be sent to a tracking server, one folder each."""
        return self.root / "data" / "spool"

    @property
    def evaluations(self) -> Path:
        """Measures of models that are not the project's own, one JSON file each."""
        return self.root / "data" / "evaluations"

    @property
    def tfds(self) -> Path:
        """Datasets of TFDS: TFDS_DATA_DIR if it is set, else a folder of the project."""
        override = os.environ.get("TFDS_DATA_DIR")
        return (
            expand_user(override, "TFDS_DATA_DIR")
            if override
            else self.root / "data" / "tensorflow_datasets"
        )

    @property
    def mlruns(self) -> Path:
        """The MLflow store: its database and artifacts."""
        return self.root / "mlruns"


def find_project() -> ProjectPaths:
    """Return the folders of the project that the working directory belongs to.

    The root is SENTIMENT_HOME if it is set, else the nearest folder, from the working directory
    upwards, that holds both `data` and `mlruns`, else the working directory. So a command typed in
    a subfolder finds the same runs. Raises InputError if the project found belongs to another user,
    and MissingFileError if the working directory is gone.
    """
    if home := os.environ.get(HOME_VARIABLE):
        return ProjectPaths(absolute(expand_user(home, HOME_VARIABLE)))
    folder = working_folder()
    for root in (folder, *folder.parents):
        if all(map(os.path.isdir, (root / "data", root / "mlruns"))):
            folder = root
            break
    _check_owner(folder)
    return ProjectPaths(folder)


def working_folder() -> Path:
    """Return the working directory; raise MissingFileError if it no longer exists."""
    try:
        return Path.cwd()
    except OSError as error:
        raise MissingFileError("the working folder no longer exists", hint="cd") from error


def expand_user(path: str, what: str) -> Path:
    """Return `path` with the folder of a user for `~`; raise InputError if there is no such user.

    what: what the path is, for the message, such as the name of a variable.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        user = path.partition("/")[0]
        raise InputError(
            f"{what} begins with {user}, and the home folder of that user is unknown",
            hint=f"write the folder in full in place of {user}",
        ) from error


def absolute(path: Path) -> Path:
    """Return `path` with all links resolved; raise InputError if they lead in a circle."""
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # the second for a circle, before Python 3.13
        reason = getattr(error, "strerror", None) or "its links lead in a circle"
        raise InputError(f"{path} can't be found: {reason}") from error


def _identity(root: Path) -> tuple[int, int] | None:
    """Return the numbers by which the system knows a folder; None if there is none."""
    try:
        status = root.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _check_owner(root: Path) -> None:
    """Raise InputError if `root` is a project, or a part of one, that another user owns."""
    parts = [path for path in (root / "data", root / "mlruns") if os.path.lexists(path)]
    if not parts or not hasattr(os, "geteuid"):  # Windows has no such owners
        return
    trusted = _trusted_users()
    for path in (root, *parts):
        if others := _owners(path) - trusted:
            raise InputError(
                f"the project in {root} is another user's: {path} belongs to "
                f"{_user_name(min(others))}",
                hint=f"export {HOME_VARIABLE}={shlex.quote(str(root))}, if you trust that user; "
                "or work in another folder",
            )


def _owners(path: Path) -> set[int]:
    """Return who decides what is at `path`: of a link, its owner and that of its target."""
    owners = {path.lstat().st_uid}
    with suppress(OSError):  # a link that leads nowhere
        owners.add(path.stat().st_uid)
    return owners


def _trusted_users() -> set[int]:
    """Return the ids of the users whose projects are used unasked."""
    trusted = {_ROOT, os.geteuid()}
    sudo_user = os.environ.get("SUDO_UID", "")
    if os.geteuid() == _ROOT and sudo_user.isdecimal():  # nobody but root can make use of it
        trusted.add(int(sudo_user))
    return trusted


def _user_name(number: int) -> str:
    import pwd  # here: Windows has none

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
