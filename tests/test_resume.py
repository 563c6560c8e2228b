"""Training that is interrupted and goes on, beside the training that never was."""

import numpy as np
import pytest

from sentiment import bundle, checkpoint
from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.errors import InputError
from sentiment.folders import Folders
from sentiment.prepare import prepare
from sentiment.progress import Watcher
from sentiment.train import resume, train

# Every way in which chance enters a training: dropout of units, words and n-grams.
SMALL = ModelSettings(units=4, embedding=4, dropout=0.3, word_dropout=0.2, ngram_dropout=0.7)
# Two rounds of two epochs.
SETTINGS = TrainSettings(epochs=2, own_labels=1, learning_rate=0.02, batch_size=32)


class Stopper(Watcher):
    """Stops training after an epoch, or within the one that follows."""

    def __init__(self, epoch, within=False):
        self._epoch, self._within = epoch, within
        self.notes = []

    def note(self, text):
        self.notes.append(text)

    def epoch(self, report):
        if report.epoch == self._epoch and not self._within:
            raise KeyboardInterrupt

    def batch(self, report):
        if report.epoch == self._epoch + 1 and self._within and report.batch == 3:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return Folders(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def sample(folders):
    return prepare(PrepareSettings(dataset="sample"), folders)[0]


@pytest.fixture(scope="module")
def whole(sample, folders):
    """Train without a break."""
    return train(sample, SMALL, SETTINGS, folders, name="whole", track=False)


def assert_same(made, whole):
    """Compare weights to the last bit, and all that was measured but for the seconds."""
    one, other = bundle.read(made.folder), bundle.read(whole.folder)
    np.testing.assert_array_equal(one.embedding, other.embedding)
    assert one.weights.keys() == other.weights.keys()
    for name, array in one.weights.items():
        np.testing.assert_array_equal(array, other.weights[name])
    assert one.temperature == other.temperature
    measured = [
        [(r.epoch, r.epochs, r.train_loss, r.validation_loss, r.best) for r in run.epochs]
        for run in (made, whole)
    ]
    assert measured[0] == measured[1]


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("epoch", [1, 2, 3, 4])
def test_a_training_stopped_anywhere_ends_as_the_one_that_never_was(
    sample, folders, whole, epoch, within
):
    if epoch == 4 and within:
        pytest.skip("there is no fifth epoch to be stopped in")
    name = f"stopped-{epoch}-{within}"
    stopper = Stopper(epoch, within)
    with pytest.raises(KeyboardInterrupt):
        train(sample, SMALL, SETTINGS, folders, name=name, track=False, watcher=stopper)
    assert f"sentiment train --resume {name}" in stopper.notes[-1]
    found = checkpoint.newest(folders.checkpoints / name, pytest.fail)
    assert found.epoch == epoch
    assert_same(resume(sample, found, folders), whole)
    assert not (folders.checkpoints / name).exists()
