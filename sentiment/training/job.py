"""The settings of one training, as its checkpoints and bundles record them."""

from dataclasses import asdict, dataclass
from typing import Any

from sentiment.config import ModelSettings, TrainSettings
from sentiment.data.prepared import PreparedDataset
from sentiment.data.split import SPLIT_RULE
from sentiment.inference.manifest import DataInfo, Manifest, RunInfo
from sentiment.training.checkpoint import Checkpoint
from sentiment.utils import names
from sentiment.utils.timestamps import utc_timestamp


@dataclass(frozen=True)
class TrainingJob:
    """What is trained on which data, and under which names it is recorded.

    recipe: the name of the recipe that the settings came from; track: log to MLflow; snapshots:
    how often hidden states are logged, as `SnapshotSchedule` reads it; workers: how many processes
    train together; created: ISO 8601, UTC; run_id: MLflow's, empty if there is none; prepare: the
    settings that the data was prepared with; folder: the name of the data's folder; digests: of
    the data's splits, by name; reviews: how many training reviews the data has, None in older
    checkpoints; split_rule: how validation reviews are chosen, see `split_training_reviews`.
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
        """Return the job that a checkpoint belongs to."""
        return cls.from_json(checkpoint.state["job"])

    @classmethod
    def from_json(cls, job: dict[str, Any]) -> "TrainingJob":
        """Return the job that `as_json` was taken from."""
        record = job["record"]
        settings, data, run = record["settings"], record["data"], record["run"]
        return cls(
            name=names.check_name(run["name"], "a run name", hint="sentiment train"),
            experiment=run["experiment"],
            recipe=job["recipe"],
            track=job["track"],
            snapshots=job["snapshots"],
            workers=job.get("workers", 1),  # absent in the oldest checkpoints
            created=record["created"],
            prepare=settings["prepare"],
            model=ModelSettings(**settings["model"]),
            train=TrainSettings(**settings["train"]),
            dataset=data["dataset"],
            folder=data["folder"],
            digests=data["digests"],
            reviews=data.get("reviews"),
            run_id=run["id"],
            split_rule=job.get("split_rule", 1),  # absent before there was a second
        )

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
        }

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """All settings, by kind and then by name."""
        return {
            "prepare": self.prepare,
            "model": asdict(self.model),
            "train": asdict(self.train),
        }

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
