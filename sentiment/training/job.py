"""The settings of one training, as its checkpoints and bundles record them."""

import shlex
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from sentiment.config import ModelSettings, TrainSettings
from sentiment.data.prepared import PreparedDataset
from sentiment.data.split import SPLIT_RULE
from sentiment.errors import DamagedFileError, InputError
from sentiment.inference.manifest import DataInfo, Manifest, RunInfo
from sentiment.training.checkpoint import Checkpoint
from sentiment.utils import names
from sentiment.utils.timestamps import utc_timestamp
from sentiment.utils.typed_json import check_keys, check_line, typed


@dataclass(frozen=True)
class TrainingJob:
    """What is trained on which data, and under which names it is recorded.

    recipe: the name of the recipe that the settings came from; track: log to MLflow; snapshots:
    how often hidden states are logged, as `SnapshotSchedule` reads it; workers: how many processes
    train together; created: ISO 8601, UTC; run_id: MLflow's, empty if there is none; prepare: the
    settings that the data was prepared with; folder: the name of the data's folder; digests: of
    the data's splits, by name; reviews: how many training reviews the data has, None in older
    checkpoints; system_metrics: log the use of processor and memory; split_rule: how validation
    reviews are chosen, see `split_training_reviews`.
    """

    name: str
    experiment: str
    recipe: str
    track: bool
    snapshots: str
    workers: int
    created: str
    prepare: dict[str, Any]
    model: ModelSettings
    train: TrainSettings
    dataset: str
    folder: str
    digests: dict[str, str]
    reviews: int | None = None
    run_id: str = ""
    system_metrics: bool = True
    split_rule: int = SPLIT_RULE

    @classmethod
    def create(
        cls, data: PreparedDataset, model: ModelSettings, train: TrainSettings, **names: Any
    ) -> "TrainingJob":
        """Return a new job on `data`; `names` are the other fields."""
        return cls(
            created=utc_timestamp(),
            prepare=data.settings,
            model=model,
            train=train,
            dataset=data.settings["dataset"],
            folder=data.folder.name,
            digests=_digests(data),
            reviews=data.splits["train"].reviews,
            **names,
        )

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> "TrainingJob":
        """Return the job that a checkpoint belongs to; raise DamagedFileError if it has none."""
        try:
            return cls.from_json(typed(dict[str, Any], checkpoint.state.get("job"), "job"))
        except (InputError, KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(
                f"state.json of epoch {checkpoint.epoch} has no training to resume: {error}",
                hint="sentiment train",
            ) from error

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "TrainingJob":
        """Return the job that `as_json` was taken from."""
        record = content["record"]
        settings, data, run = record["settings"], record["data"], record["run"]
        for name, kind in (("model", ModelSettings), ("train", TrainSettings)):
            check_keys(kind, settings[name], name)
        job = cls(
            name=run["name"],
            experiment=run["experiment"],
            recipe=content["recipe"],
            track=content["track"],
            snapshots=content["snapshots"],
            workers=content.get("workers", 1),  # absent in the oldest checkpoints
            created=record["created"],
            prepare=settings["prepare"],
            model=ModelSettings(**settings["model"]),
            train=TrainSettings(**settings["train"]),
            dataset=data["dataset"],
            folder=data["folder"],
            digests=data["digests"],
            reviews=data.get("reviews"),
            run_id=run["id"],
            system_metrics=content.get("system_metrics", True),  # likewise
            split_rule=content.get("split_rule", 1),  # absent before there was a second
        )
        for field in fields(cls):
            if not is_dataclass(value := getattr(job, field.name)):
                typed(get_type_hints(cls)[field.name], value, field.name)
        for name in ("name", "experiment", "run_id"):
            check_line(getattr(job, name), name)
        names.check_name(job.name, "a run name")
        if Path(job.folder).name != job.folder:
            raise ValueError("folder is not the name of a folder")
        return job

    def as_json(self) -> dict[str, Any]:
        """Return the job as a checkpoint stores it."""
        return {
            "recipe": self.recipe,
            "track": self.track,
            "snapshots": self.snapshots,
            "record": {
                "created": self.created,
                "settings": self.settings,
                "data": {
                    "dataset": self.dataset,
                    "folder": self.folder,
                    "digests": self.digests,
                    "reviews": self.reviews,
                },
                "run": {"id": self.run_id, "name": self.name, "experiment": self.experiment},
            },
            "workers": self.workers,
            "split_rule": self.split_rule,
            "system_metrics": self.system_metrics,
        }

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """All settings, by kind and then by name."""
        return {
            "prepare": self.prepare,
            "model": asdict(self.model),
            "train": asdict(self.train),
        }

    @property
    def resume_command(self) -> str:
        """The command that resumes the training."""
        workers = f" --workers {self.workers}" if self.workers > 1 else ""
        return f"sentiment train --resume {shlex.quote(self.name)}{workers}"

    def manifest(self) -> Manifest:
        """Return the manifest of a bundle of this job, without what differs between epochs."""
        return Manifest(
            created=self.created,
            settings=self.settings,
            run=RunInfo(self.run_id, self.name, self.experiment),
            data=DataInfo(self.dataset, self.folder, self.digests, self.reviews),
        )

    def uses(self, data: PreparedDataset) -> bool:
        """Return True if `data` is the data set of this job."""
        return self.folder == data.folder.name and self.digests == _digests(data)


def _digests(data: PreparedDataset) -> dict[str, str]:
    return {name: statistics.digest for name, statistics in data.splits.items()}
