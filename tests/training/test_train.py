"""Whole trainings on the sample reviews."""

import dataclasses
import itertools

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
from sentiment.utils.progress import Progress

SMALL = ModelSettings(units=4, embedding=4, bidirectional=False)


class Listener(Progress):
    """Collects the metrics of batches and epochs."""

    def __init__(self):
        self.batches, self.epochs = [], []

    def batch(self, metrics):
        self.batches.append(metrics)

    def epoch(self, metrics):
        self.epochs.append(metrics)


def run(sample, paths, model=SMALL, name=None, **settings):
    train_settings = TrainSettings(**{"own_labels": 0} | settings)
    return train(sample, model, train_settings, paths, name=name, track=False)


def bundle_loss(sample, result, calibrated=False):
    """Return the mean cross-entropy of the bundle on the validation reviews, without Keras."""
    split = sample.split("train")
    order = np.random.default_rng(0).permutation(len(split))
    rows = np.sort(order[: round(len(split) * 0.1)])
    classifier = Classifier(bundle.read(result.folder))
    logits = classifier.logits(
        classifier.final_states(classifier.encode([split.text(row) for row in rows]))
    )
    if calibrated:
        logits = logits / classifier.bundle.temperature
    return np.logaddexp(0, np.where(split.labels[rows] == 1, -logits, logits)).mean()


def test_the_same_seed_gives_the_same_metrics_and_weights(sample, paths):
    results = [
        run(sample, paths, epochs=2, seed=seed, name=f"seeds-{i}")
        for i, seed in enumerate((1, 1, 2))
    ]
    losses = [[(m.train_loss, m.validation_loss) for m in result.epochs] for result in results]
    assert losses[0] == losses[1] != losses[2]
    first, second = (bundle.read(result.folder) for result in results[:2])
    np.testing.assert_array_equal(first.embedding, second.embedding)
    for name, array in first.weights.items():
        np.testing.assert_array_equal(array, second.weights[name])


def test_training_learns_the_sample(sample, paths):
    result = run(sample, paths, epochs=12, learning_rate=0.02, prior=0.0, patience=12)
    assert result.epochs[-1].train_accuracy > 0.95 > 0.7 > result.epochs[0].train_accuracy


def test_the_best_epoch_by_validation_loss_is_the_one_saved(sample, paths):
    result = run(sample, paths, epochs=40, learning_rate=0.1, patience=3, name="best")
    losses = [metrics.validation_loss for metrics in result.epochs]
    assert result.best.validation_loss == min(losses)
    # It stopped after three epochs without a better one, and not because it had finished.
    assert len(losses) == result.best.epoch + 3 < 40
    assert bundle.read(result.folder).manifest.metrics["validation/loss"] == min(losses)
    # Not to the last digit: a bundle's vectors have half precision.
    assert bundle_loss(sample, result) == pytest.approx(min(losses), abs=2e-3)


def test_the_temperature_is_fitted_to_the_validation_reviews(sample, paths):
    result = run(sample, paths, epochs=40, learning_rate=0.1, patience=3)
    assert bundle.read(result.folder).temperature != 1.0
    assert bundle_loss(sample, result, calibrated=True) < bundle_loss(sample, result)


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
def test_networks_of_every_shape_train_and_their_bundles_give_the_same_loss(sample, paths, changes):
    model = dataclasses.replace(SMALL, **changes)
    result = run(sample, paths, model, epochs=1, learning_rate=0.05)
    assert bundle.read(result.folder).settings == model
    assert bundle_loss(sample, result) == pytest.approx(result.best.validation_loss, abs=2e-3)


def test_validation_reviews_are_not_trained_on(sample):
    tokenizer = sample.tokenizer
    split = split_training_reviews(
        sample.split("train"), tokenizer, SMALL, TrainSettings(validation_share=0.25)
    )
    assert (len(split.validation), len(split.train)) == (60, 180)
    validation, train_reviews = (
        {
            examples.features[start:end].tobytes()
            for start, end in itertools.pairwise(examples.offsets)
        }
        for examples in (split.validation, split.train)
    )
    assert len(validation | train_reviews) == 240
    assert not validation & train_reviews


def test_progress_shows_every_batch_and_epoch(sample, paths):
    listener = Listener()
    settings = TrainSettings(epochs=2, batch_size=32, own_labels=0)
    train(sample, SMALL, settings, paths, track=False, progress=listener)
    assert len(listener.batches) == 2 * -(-216 // 32)
    assert [metrics.epoch for metrics in listener.epochs] == [1, 2]
    last = listener.batches[-1]
    assert (last.batch, last.batches, last.seconds_left) == (7, 7, 0)
    assert last.accuracy == listener.epochs[-1].train_accuracy


def test_every_setting_can_be_read_back_from_the_bundle(sample, paths):
    settings = TrainSettings(epochs=1, learning_rate=0.004, seed=5)
    result = train(sample, SMALL, settings, paths, track=False)
    manifest = bundle.read(result.folder).manifest
    assert ModelSettings(**manifest.settings["model"]) == SMALL
    assert TrainSettings(**manifest.settings["train"]) == settings
    assert manifest.settings["prepare"] == sample.settings
    assert manifest.data.digests == {name: stats.digest for name, stats in sample.splits.items()}


@pytest.mark.parametrize(
    "name", ["", ".hidden", "-x", "a/b", "a\\b", "a\x1b[2Jb", "a\nb", "é" * 101]
)
def test_a_run_name_that_is_no_plain_file_name_is_refused(sample, paths, name):
    with pytest.raises(InputError, match="plain file name"):
        run(sample, paths, name=name)


def test_a_run_name_that_is_taken_is_refused_before_any_work(sample, paths):
    result = run(sample, paths, epochs=1, name="taken")
    before = result.folder.joinpath("bundle.json").read_bytes()
    with pytest.raises(InputError, match="taken already exists"):
        run(sample, paths, epochs=1, name="taken")
    assert result.folder.joinpath("bundle.json").read_bytes() == before


def test_settings_out_of_range_are_refused():
    with pytest.raises(InputError, match="--units must be from 1 to 1024, got 0"):
        dataclasses.replace(SMALL, units=0)


def test_a_later_round_learns_from_unlabelled_reviews_with_predicted_labels(
    sample, paths, monkeypatch
):
    started = []

    class RecordedLoop(TrainingLoop):
        def __init__(self, context, **options):
            started.append((context.split.train, context.settings))
            super().__init__(context, **options)

    monkeypatch.setattr(self_training, "TrainingLoop", RecordedLoop)
    first = run(sample, paths, epochs=2, name="one-round")
    result = run(sample, paths, epochs=2, own_labels=1, name="two-rounds")
    (_, _), (labelled, _), (both, settings) = started
    assert [metrics.epoch for metrics in result.epochs] == [1, 2, 3, 4]
    assert result.epochs[-1].epochs == 4 and settings.label_smoothing == 0.0
    np.testing.assert_array_equal(both.labels[: len(labelled)], labelled.labels)
    classifier = Classifier(bundle.read(first.folder))
    split = sample.split("unsupervised")
    texts = [split.text(row) for row in range(len(split))]
    logits = classifier.logits(classifier.final_states(classifier.encode(texts)))
    probabilities = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(both.labels[len(labelled) :], probabilities, atol=1e-3)


def test_the_round_with_the_lowest_validation_loss_is_the_one_saved(sample, paths):
    result = run(sample, paths, epochs=3, learning_rate=0.3, own_labels=2)
    losses = [metrics.validation_loss for metrics in result.epochs]
    assert len(losses) == 9 and result.best.validation_loss == min(losses)
    assert [metrics.best for metrics in result.epochs] == [
        loss < min(losses[:epoch], default=float("inf")) for epoch, loss in enumerate(losses)
    ]
    assert sum(metrics.best for metrics in result.epochs[3:]) < 6  # else this shows nothing
    assert bundle_loss(sample, result) == pytest.approx(min(losses), abs=2e-3)


def test_balanced_classes_change_what_an_undecided_text_is(paths):
    # One text in ten is negative, and no word says which.
    file = paths.root / "uneven.csv"
    names = [f"{first}{second}" for first in "abcdefghij" for second in "klmnopqrst"]
    texts = [
        f"{name} {again} film,{int(i % 10 > 0)}"
        for again in "uvwxyz"
        for i, name in enumerate(names)
    ]
    file.write_text("text,label\n" + "\n".join(texts), "utf-8")
    data, _ = prepare(PrepareSettings(dataset=str(file)), paths)
    probabilities = {}
    for class_weight in ("none", "balanced"):
        result = run(
            data,
            paths,
            epochs=6,
            learning_rate=0.02,
            name=f"u-{class_weight}",
            class_weight=class_weight,
        )
        classifier = Classifier(bundle.read(result.folder))
        states = classifier.final_states(classifier.encode(["film"]))
        probabilities[class_weight] = classifier.probabilities(states)[0]
        settings = classifier.bundle.manifest.settings["train"]
        assert settings["class_weight"] == class_weight
        assert result.majority > 0.8
    assert probabilities["none"] > 0.7
    assert probabilities["balanced"] == pytest.approx(0.5, abs=0.1)
