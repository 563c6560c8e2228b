"""Where things lie on disk.

Knows the standard library only; creates nothing.
"""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProjectPaths:
    """The folders of one project, all below its absolute root."""

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
        """Trainings that have not ended well yet, one folder each."""
        return self.root / "data" / "checkpoints"

    @property
    def sweeps(self) -> Path:
        """Sweeps, one folder each."""
        return self.root / "data" / "sweeps"

    @property
    def registry(self) -> Path:
        """Registered models that came from a tracking server, one folder each."""
        return self.root / "data" / "registry"

    @property
    def spool(self) -> Path:
        """What could not be sent to a tracking server yet, one folder a run."""
        return self.root / "data" / "spool"

    @property
    def tfds(self) -> Path:
        """Datasets as TFDS keeps them; TFDS_DATA_DIR wins."""
        named = os.environ.get("TFDS_DATA_DIR")
        return Path(named).expanduser() if named else self.root / "data" / "tensorflow_datasets"

    @property
    def mlruns(self) -> Path:
        """The MLflow store and its files."""
        return self.root / "mlruns"


def find_project() -> ProjectPaths:
    """Return the folders of the project that the working directory belongs to.

    The root is SENTIMENT_HOME, or the nearest folder upwards that holds both `data` and `mlruns`,
    or else the working directory: so that a command typed in a subfolder finds the same runs.
    """
    if named := os.environ.get("SENTIMENT_HOME"):
        return ProjectPaths(Path(named).expanduser().resolve())
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "data").is_dir() and (folder / "mlruns").is_dir():
            return ProjectPaths(folder)
    return ProjectPaths(here)
