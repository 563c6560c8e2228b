"""What a training needs before it begins: a free name, a checkpoint, and its reviews."""

import shlex

from sentiment.config import PrepareSettings
from sentiment.data import stored
from sentiment.data.prepare import prepare
from sentiment.data.prepared import PreparedDataset
from sentiment.data.trainable import check_dataset
from sentiment.errors import InputError
from sentiment.inference.trained_models import BUNDLED
from sentiment.training import checkpoint, run_name
from sentiment.training.checkpoint import Checkpoint
from sentiment.training.job import TrainingJob
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress


def check_name(paths: ProjectPaths, name: str) -> None:
    """Raise InputError if the model could not be called by `name`, or it is taken."""
    if name == BUNDLED:
        raise InputError(f"{name} is the name of the bundled model", hint="choose another --name")
    run_name.check_run_name(paths, name)


def find_checkpoint(paths: ProjectPaths, run: str, progress: Progress) -> Checkpoint:
    """Return the newest undamaged checkpoint of a run, or of the newest one for `last`.

    Raises MissingFileError if there is none, and InputError if the run has finished.
    """
    model = paths.models / run
    if (model / "bundle.json").is_file() and not checkpoint.exists(paths.checkpoints / run):
        raise InputError(
            f"{run} has nothing left to train: its model is in {model}",
            hint=f"sentiment evaluate --model {shlex.quote(str(model))}",
        )
    return checkpoint.newest(checkpoint.find(paths.checkpoints, run), progress.note)


def training_data(
    settings: PrepareSettings, resumed: Checkpoint | None, paths: ProjectPaths, progress: Progress
) -> PreparedDataset:
    """Return the reviews of a checkpoint, or those of `settings`, prepared if necessary.

    Raises InputError if a classifier can't learn from them.
    """
    if resumed:
        # By its folder: the settings record only the digest of a user's file, not its path.
        job = TrainingJob.from_checkpoint(resumed)
        data, is_new = stored.open_exactly(paths.prepared / job.folder, job.prepare), False
    else:
        data, is_new = prepare(settings, paths, progress=progress)
        check_dataset(data)
    progress.note(f"{'prepared' if is_new else 'using'} {data.folder}")
    for line in data.describe():
        progress.note(line)
    return data
