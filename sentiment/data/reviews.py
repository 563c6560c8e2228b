"""Reviews with their labels, and the request that data sources load them for."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sentiment.config import PrepareSettings
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress


@dataclass(frozen=True)
class Reviews:
    """Texts and their labels, int8 (N,): 1 positive, 0 negative, -1 unlabelled.

    notes: sentences about how they were read, such as which rows were left out.
    """

    texts: list[str]
    labels: np.ndarray
    notes: tuple[str, ...] = ()

    def take(self, rows: np.ndarray) -> "Reviews":
        """Return the reviews `rows`, int (M,), in that order."""
        return Reviews([self.texts[row] for row in rows], self.labels[rows])


@dataclass(frozen=True)
class SourceRequest:
    """Everything that a data source may need to load its splits."""

    settings: PrepareSettings
    paths: ProjectPaths
    archive: Path | None = None  # of IMDB, downloaded by hand
    progress: Progress = field(default_factory=Progress)


Splits = dict[str, Reviews]
