"""One of several workers, or a process alone: trains on the sample and saves all its weights."""

import sys
from pathlib import Path

import numpy as np

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data.prepare import prepare
from sentiment.training import distributed, tf_config
from sentiment.training.callbacks import Callback
from sentiment.training.context import TrainingContext
from sentiment.training.reviews import TrainingReviews
from sentiment.training.self_training import SelfTraining
from sentiment.utils.paths import ProjectPaths


class LastState(Callback):
    """Keeps the weights after the last epoch."""

    def on_epoch_end(self, metrics, get_state):
        self.state = get_state()


def main(root, output, batch, dropout):
    # Before anything else in TensorFlow is used.
    workers = distributed.join_workers(tf_config.current_worker())
    data, _ = prepare(PrepareSettings(dataset="sample"), ProjectPaths(Path(root)))
    model = ModelSettings(units=4, embedding=8, dropout=dropout, word_dropout=dropout,
                          ngram_dropout=dropout)  # fmt: skip
    settings = TrainSettings(epochs=3, batch_size=batch, own_labels=1, clip=0.5, patience=9)
    last = LastState()
    reviews = TrainingReviews(data, model, settings)
    context = TrainingContext.create(reviews, callback=last, workers=workers)
    rounds = SelfTraining(context)
    rounds.run()
    losses = [[metrics.train_loss, metrics.validation_loss] for metrics in rounds.epochs]
    weights = last.state.weights
    np.savez(output, embedding=last.state.embedding, losses=np.array(losses), **weights)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
