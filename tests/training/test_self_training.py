"""Several networks with a teacher: what is saved, and a resumed training."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from sentiment.config import ModelSettings, TrainSettings
from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.manifest import NeutralBand
from sentiment.training import checkpoint
from sentiment.training import train as train_module
from sentiment.training.callbacks import Callback
from sentiment.training.train import resume, train
from sentiment.utils.progress import Progress

SMALL = ModelSettings(units=4, embedding=4, repeats=False, negation=True)
# Two rounds of two networks, and one that reads single sentences.
SETTINGS = TrainSettings(
    epochs=2,
    own_labels=1,
    learning_rate=0.02,
    batch_size=32,
    teacher="regression",
    members=2,
    sentence_members=1,
)


class Notes(Progress):
    """Keeps the notes; interrupts the training after an epoch, if one is named."""

    def __init__(self, stop=None):
        self.notes, self._stop = [], stop

    def note(self, text):
        self.notes.append(text)

    def epoch(self, metrics):
        if metrics.epoch == self._stop:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def notes():
    return Notes()


@pytest.fixture(scope="module")
def whole(sample, paths, notes):
    return train(sample, SMALL, SETTINGS, paths, name="whole", track=False, progress=notes)


def test_all_networks_are_merged_and_a_unit_adds_up(whole, notes):
    model = bundle.read(whole.folder)
    # Five networks of four units, and the unit of the teacher.
    assert (model.settings.units, model.settings.embedding) == (21, 5)
    assert len(whole.epochs) == 10
    assert any("labelled by a regression" in note for note in notes.notes)
    assert any("labelled by the networks so far" in note for note in notes.notes)
    networks = [note for note in notes.notes if note.startswith("network ")]
    expected = [f"network {number} of 5" for number in (1, 2, 3, 4)]
    assert networks == [*expected, "network 5 of 5, which reads single sentences"]
    assert [metrics.network for metrics in whole.epochs] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert any(note.startswith("merged into one network of 21 units: ") for note in notes.notes)
    # The networks begin with weights of their own.
    forward = model.weights["rnn_1.forward.recurrent_kernel"]
    blocks = [forward[start : start + 4, start : start + 4] for start in range(0, 16, 4)]
    assert not np.allclose(blocks[0], blocks[1], atol=1e-3)


def test_the_saved_metrics_are_those_of_the_merged_network(whole, sample):
    model = bundle.read(whole.folder)
    assert whole.best.epoch == 11 and whole.best.is_merged
    assert model.manifest.metrics["validation/loss"] == whole.best.validation_loss
    classifier, test = Classifier(model), sample.split("test")
    texts = [test.text(row) for row in range(len(test))]
    right = (classifier.predict(texts) >= 0.5) == (test.labels == 1)
    assert right.mean() > 0.85


def test_networks_that_do_not_learn_are_reported_once(sample, paths):
    notes, settings = Notes(), replace(SETTINGS, learning_rate=1e-7, prior=0.0, own_labels=0)
    train(sample, SMALL, settings, paths, track=False, progress=notes)
    assert sum("is not clearly above" in note for note in notes.notes) == 1


SLOW_EPOCHS = [pytest.param(epoch, marks=pytest.mark.slow) for epoch in (4, 9)]


@pytest.mark.parametrize("epoch", [1, 5, *SLOW_EPOCHS])
def test_a_resumed_training_ends_with_the_same_weights(whole, sample, paths, epoch):
    name = f"stopped-{epoch}"
    with pytest.raises(KeyboardInterrupt):
        train(
            sample, SMALL, SETTINGS, paths, name=name, track=False, progress=Notes(stop=epoch)
        )  # fmt: skip
    assert bundle.read(paths.models / name).settings.units > 4  # what was there is saved
    found = checkpoint.newest(checkpoint.find(paths.checkpoints, name), print)
    resumed = bundle.read(resume(sample, found, paths).folder)
    expected = bundle.read(whole.folder)
    np.testing.assert_array_equal(resumed.embedding, expected.embedding)
    for array, weights in expected.weights.items():
        np.testing.assert_array_equal(resumed.weights[array], weights)


def test_the_saved_and_the_logged_model_have_the_band_of_the_validation_reviews(
    sample, paths, monkeypatch
):
    band, asked, logged = NeutralBand(0.3, 0.7, 40, 0.5, 0.9), [], []

    def measure_band(classifier, reviews):
        asked.append((classifier.bundle.settings.units, dict(reviews)))
        return band

    class Recorder(Callback):
        def on_epoch_end(self, metrics, get_state):
            logged.append(get_state().neutral_band)

    @contextmanager
    def open_callback(*_):
        yield Recorder()

    monkeypatch.setattr(train_module, "measure_band", measure_band)
    monkeypatch.setattr(train_module, "open_callback", open_callback)
    settings = replace(SETTINGS, own_labels=0, epochs=1)
    result = train(sample, SMALL, settings, paths, name="banded")
    assert bundle.read(result.folder).manifest.neutral_band == band
    assert logged == [None, None, None, band]  # three networks, and the merged one
    split = sample.split("train")
    labels = {split.text(row): split.labels[row] for row in range(len(split))}
    [(units, reviews)] = asked
    assert units == 13 and len(reviews) == round(0.1 * len(split))
    assert all(labels[text] == label for text, label in reviews.items())
