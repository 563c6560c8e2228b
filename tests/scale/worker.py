"""One worker of a cluster, or a process alone: trains on the sample and keeps all its weights."""

import sys
from pathlib import Path

import numpy as np

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data.prepare import prepare
from sentiment.data.split import split_training_reviews
from sentiment.training import distributed, tf_config
from sentiment.training.callbacks import Callback
from sentiment.training.self_training import SelfTraining
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress, Stopwatch


class Kept(Callback):
    """Keeps how the network looks after each epoch."""

    def epoch(self, report, look):
        self.moment, self.report = look(), report


def main(root, output, batch, dropout):
    joined = distributed.join_workers(tf_config.current_worker())
    data, _ = prepare(PrepareSettings(dataset="sample"), ProjectPaths(Path(root)))
    model = ModelSettings(units=4, embedding=8, dropout=dropout, word_dropout=dropout,
                          ngram_dropout=dropout)  # fmt: skip
    settings = TrainSettings(epochs=3, batch_size=batch, own_labels=1, clip=0.5, patience=9)
    tokenizer = data.tokenizer.up_to(model.ngrams)
    parts = split_training_reviews(data.split("train"), tokenizer, model, 0.1)
    kept = Kept()
    rounds = SelfTraining(
        data, parts, tokenizer, model, settings, kept, Progress(), Stopwatch(), joined
    )
    rounds.run(lambda: None)
    losses = [[report.train_loss, report.validation_loss] for report in rounds.reports]
    weights = kept.moment.weights
    np.savez(output, embedding=kept.moment.embedding, losses=np.array(losses), **weights)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
