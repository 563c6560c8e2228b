"""Find the folders of a project; nothing is created here."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProjectPaths:
    """The folders of one project, below its absolute root."""

    root: Path

    @property
    def prepared(self) -> Path:
        """Prepared datasets, one folder each."""
        return self.root / "data" / "prepared"

    @property
    def models(self) -> Path:
        """Trained models, one folder each."""
        return self.root / "data" / "models"

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
    def tfds(self) -> Path:
        """Datasets of TFDS: TFDS_DATA_DIR if it is set, else a folder of the project."""
        override = os.environ.get("TFDS_DATA_DIR")
        return (
            Path(override).expanduser() if override else self.root / "data" / "tensorflow_datasets"
        )

    @property
    def mlruns(self) -> Path:
        """The MLflow store: its database and artifacts."""
        return self.root / "mlruns"


def find_project() -> ProjectPaths:
    """Return the folders of the project that the working directory belongs to.

    The root is SENTIMENT_HOME if it is set, else the nearest folder, from the working directory
    upwards, that holds both `data` and `mlruns`, else the working directory. So a command typed in
    a subfolder finds the same runs.
    """
    if home := os.environ.get("SENTIMENT_HOME"):
        return ProjectPaths(Path(home).expanduser().resolve())
    working_dir = Path.cwd()
    for folder in (working_dir, *working_dir.parents):
        if (folder / "data").is_dir() and (folder / "mlruns").is_dir():
            return ProjectPaths(folder)
    return ProjectPaths(working_dir)
