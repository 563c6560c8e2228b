"""The job of a training, as checkpoints store it."""

import json

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data.prepare import prepare
from sentiment.data.split import SPLIT_RULE
from sentiment.training.checkpoint import Checkpoint
from sentiment.training.job import TrainingJob
from sentiment.utils.paths import ProjectPaths

# As a checkpoint had it when jobs were dictionaries.
STORED = {
    "recipe": "default",
    "track": True,
    "snapshots": "batch:5",
    "record": {
        "created": "2026-11-26T18:02:41.222808+00:00",
        "settings": {
            "prepare": {"dataset": "sample", "vocabulary": 80000},
            "model": {"units": 4, "readout": "mean"},
            "train": {"epochs": 3, "seed": 7},
        },
        "data": {"dataset": "sample", "folder": "sample-9caa42a4", "digests": {"train": "79"}},
        "run": {"id": "4678", "name": "first", "experiment": "tries"},
    },
    "workers": 2,
}


def test_a_job_stored_as_a_dictionary_can_be_read():
    job = TrainingJob.from_checkpoint(Checkpoint(3, {"job": STORED}, {}))
    assert (job.name, job.experiment, job.run_id) == ("first", "tries", "4678")
    assert (job.recipe, job.track, job.snapshots, job.workers) == ("default", True, "batch:5", 2)
    assert job.model == ModelSettings(units=4, readout="mean")
    assert job.train == TrainSettings(epochs=3, seed=7)
    assert (job.dataset, job.folder) == ("sample", "sample-9caa42a4")
    assert job.digests == {"train": "79"}


def test_without_a_number_of_workers_there_is_one():
    stored = {name: value for name, value in STORED.items() if name != "workers"}
    assert TrainingJob.from_json(stored).workers == 1


def test_a_job_of_before_keeps_its_validation_reviews():
    job = TrainingJob.from_json(STORED)
    assert job.split_rule == 1
    assert TrainingJob.from_json(job.as_json()).split_rule == 1


def test_a_job_is_stored_under_the_same_keys_in_the_same_order():
    job = TrainingJob.from_json(STORED)
    stored = job.as_json()
    assert list(stored) == [*STORED, "split_rule", "system_metrics"]
    assert list(stored["record"]) == list(STORED["record"])
    for part in ("data", "run"):
        unknown = {"reviews": None} if part == "data" else {}
        assert stored["record"][part] == STORED["record"][part] | unknown
    assert TrainingJob.from_json(json.loads(json.dumps(stored))) == job


def test_a_job_knows_its_data(tmp_path):
    data, _ = prepare(PrepareSettings(dataset="sample"), ProjectPaths(tmp_path))
    names = {"name": "a", "experiment": "b", "recipe": "c", "track": False, "snapshots": "off"}
    job = TrainingJob.create(data, ModelSettings(), TrainSettings(), workers=1, **names)
    assert job.uses(data)
    assert TrainingJob.from_json(job.as_json()).split_rule == SPLIT_RULE == 2
    assert job.manifest().settings["prepare"] == data.settings
    assert not TrainingJob.from_json(STORED).uses(data)
