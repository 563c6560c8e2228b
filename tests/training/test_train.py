"""Training as a stage, on the sample reviews."""

import dataclasses

import numpy as np
import pytest

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data.prepare import prepare
from sentiment.data.split import split_training_reviews
from sentiment.errors import InputError
from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier
from sentiment.training import self_training
from sentiment.training.loop import TrainingLoop
from sentiment.training.train import train
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress

SMALL = ModelSettings(units=4, embedding=4, bidirectional=False)


class Listener(Progress):
    def __init__(self):
        self.batches, self.epochs = [], []

    def batch(self, report):
        self.batches.append(report)

    def epoch(self, report):
        self.epochs.append(report)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return ProjectPaths(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def sample(folders):
    return prepare(PrepareSettings(dataset="sample"), folders)[0]


def run(sample, folders, model=SMALL, name=None, **settings):
    chosen = TrainSettings(**{"own_labels": 0} | settings)
    return train(sample, model, chosen, folders, name=name, track=False)


def runtime_loss(sample, made, calibrated=False):
    """Return the mean cross-entropy of the bundle on the reviews held back, by NumPy alone."""
    split = sample.split("train")
    order = np.random.default_rng(0).permutation(len(split))
    held = np.sort(order[: round(len(split) * 0.1)])
    classifier = Classifier(bundle.read(made.folder))
    logits = classifier.logits(
        classifier.final_states(classifier.encode([split.text(row) for row in held]))
    )
    if calibrated:
        logits = logits / classifier.bundle.temperature
    return np.logaddexp(0, np.where(split.labels[held] == 1, -logits, logits)).mean()


def test_the_same_seed_gives_the_same_metrics_and_weights(sample, folders):
    runs = [
        run(sample, folders, epochs=2, seed=seed, name=f"seeds-{i}")
        for i, seed in enumerate((1, 1, 2))
    ]
    losses = [[(r.train_loss, r.validation_loss) for r in made.epochs] for made in runs]
    assert losses[0] == losses[1] != losses[2]
    first, again = (bundle.read(made.folder) for made in runs[:2])
    np.testing.assert_array_equal(first.embedding, again.embedding)
    for name, array in first.weights.items():
        np.testing.assert_array_equal(array, again.weights[name])


def test_training_learns_the_sample(sample, folders):
    made = run(sample, folders, epochs=12, learning_rate=0.02, prior=0.0, patience=12)
    assert made.epochs[-1].train_accuracy > 0.95 > 0.7 > made.epochs[0].train_accuracy


def test_the_best_epoch_by_validation_loss_is_the_one_saved(sample, folders):
    made = run(sample, folders, epochs=40, learning_rate=0.1, patience=3, name="best")
    losses = [report.validation_loss for report in made.epochs]
    assert made.best.validation_loss == min(losses)
    # It stopped because three epochs had gone by without a better one, and not at the end.
    assert len(losses) == made.best.epoch + 3 < 40
    assert bundle.read(made.folder).record["metrics"]["validation/loss"] == min(losses)
    # Not to the last digit: a bundle's vectors are of half precision.
    assert runtime_loss(sample, made) == pytest.approx(min(losses), abs=2e-3)


def test_the_temperature_is_fitted_to_the_reviews_held_back(sample, folders):
    made = run(sample, folders, epochs=40, learning_rate=0.1, patience=3)
    assert bundle.read(made.folder).temperature != 1.0
    assert runtime_loss(sample, made, calibrated=True) < runtime_loss(sample, made)


@pytest.mark.parametrize(
    "changes",
    [
        {"ngrams": 1},
        {"layers": 2, "bidirectional": True},
        {"readout": "mean"},
        {"readout": "max"},
        {"readout": "max", "bidirectional": True},
    ],
)
def test_every_shape_of_network_trains_and_its_bundle_gives_the_same_loss(sample, folders, changes):
    model = dataclasses.replace(SMALL, **changes)
    made = run(sample, folders, model, epochs=1, learning_rate=0.05)
    assert bundle.read(made.folder).settings == model
    assert runtime_loss(sample, made) == pytest.approx(made.best.validation_loss, abs=2e-3)


def test_reviews_held_back_are_not_learnt_from_and_do_not_depend_on_the_seed(sample):
    tokenizer = sample.tokenizer
    parts = split_training_reviews(sample.split("train"), tokenizer, SMALL, share=0.25)
    assert (len(parts.validation), len(parts.train)) == (60, 180)
    rows = {
        name: {
            part.features[a:b].tobytes()
            for a, b in zip(part.offsets, part.offsets[1:], strict=False)
        }
        for name, part in (("held", parts.validation), ("learnt", parts.train))
    }
    assert len(rows["held"] | rows["learnt"]) == 240
    assert not rows["held"] & rows["learnt"]


def test_watchers_are_told_of_every_batch_and_epoch(sample, folders):
    listener = Listener()
    settings = TrainSettings(epochs=2, batch_size=32, own_labels=0)
    train(sample, SMALL, settings, folders, track=False, progress=listener)
    assert len(listener.batches) == 2 * -(-216 // 32)
    assert [report.epoch for report in listener.epochs] == [1, 2]
    last = listener.batches[-1]
    assert (last.batch, last.batches, last.seconds_left) == (7, 7, 0)
    assert last.accuracy == listener.epochs[-1].train_accuracy


def test_every_setting_can_be_read_back_from_the_bundle(sample, folders):
    settings = TrainSettings(epochs=1, learning_rate=0.004, seed=5)
    made = train(sample, SMALL, settings, folders, track=False)
    record = bundle.read(made.folder).record
    assert ModelSettings(**record["settings"]["model"]) == SMALL
    assert TrainSettings(**record["settings"]["train"]) == settings
    assert record["settings"]["prepare"] == sample.settings
    assert record["data"]["digests"] == {
        name: stats.digest for name, stats in sample.splits.items()
    }


@pytest.mark.parametrize(
    "name", ["", ".hidden", "-x", "a/b", "a\\b", "a\x1b[2Jb", "a\nb", "é" * 101]
)
def test_a_run_name_that_is_no_file_name_is_refused(sample, folders, name):
    with pytest.raises(InputError, match="plain file name"):
        run(sample, folders, name=name)


def test_a_run_name_that_is_taken_is_refused_before_any_work(sample, folders):
    made = run(sample, folders, epochs=1, name="taken")
    before = made.folder.joinpath("bundle.json").read_bytes()
    with pytest.raises(InputError, match="there already"):
        run(sample, folders, epochs=1, name="taken")
    assert made.folder.joinpath("bundle.json").read_bytes() == before


def test_settings_out_of_range_are_refused():
    with pytest.raises(InputError, match="--units must be from 1 to 1024, got 0"):
        dataclasses.replace(SMALL, units=0)


def test_a_later_round_learns_from_unlabelled_reviews_by_the_labels_of_the_first(
    sample, folders, monkeypatch
):
    begun = []

    class Watched(TrainingLoop):
        def __init__(self, parts, model, settings, **others):
            begun.append((parts.train, settings))
            super().__init__(parts, model, settings, **others)

    monkeypatch.setattr(self_training, "TrainingLoop", Watched)
    first = run(sample, folders, epochs=2, name="one-round")
    made = run(sample, folders, epochs=2, own_labels=1, name="two-rounds")
    (_, _), (train, _), (both, settings) = begun
    assert [report.epoch for report in made.epochs] == [1, 2, 3, 4]
    assert made.epochs[-1].epochs == 4 and settings.label_smoothing == 0.0
    np.testing.assert_array_equal(both.labels[: len(train)], train.labels)
    classifier = Classifier(bundle.read(first.folder))
    split = sample.split("unsupervised")
    texts = [split.text(row) for row in range(len(split))]
    logits = classifier.logits(classifier.final_states(classifier.encode(texts)))
    said = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(both.labels[len(train) :], said, atol=1e-3)


def test_the_round_with_the_lowest_validation_loss_is_the_one_saved(sample, folders):
    made = run(sample, folders, epochs=3, learning_rate=0.3, own_labels=2)
    losses = [report.validation_loss for report in made.epochs]
    assert len(losses) == 9 and made.best.validation_loss == min(losses)
    assert runtime_loss(sample, made) == pytest.approx(min(losses), abs=2e-3)
