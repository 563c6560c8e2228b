"""Recipes compared on validation reviews that training knows little of.

Run by `make bench-apart RECIPES="default mine.toml"`. The films of IMDB's test split are others
than those of its training split, so that a tenth of the training reviews drawn at random flatters a
recipe that remembers names. Here every training review that shares many rare words with one of the
validation reviews is left out: where the sum of log(N / n) over the shared words that are in n = 2
to 50 of the N reviews exceeds 15. Prints loss and accuracy on the validation reviews, seeds 0 to 2,
to choose by; the accuracy on the test reviews is for reporting.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import sparse

from sentiment import recipe as recipes
from sentiment.config import ModelSettings
from sentiment.data.prepare import prepare
from sentiment.data.prepared import Split
from sentiment.data.tokenizer import Tokenizer
from sentiment.evaluation.evaluate import evaluate, load_test_split
from sentiment.inference import bundle
from sentiment.utils import environment, paths

environment.configure_libraries()
with environment.suppress_stderr():
    from sentiment.data import split as partition
    from sentiment.data.examples import Examples
    from sentiment.data.split import TrainingSplit
    from sentiment.training import context, train

RARE, MOST = (2, 50), 15.0
AT_ONCE = 250  # validation reviews compared with all others at a time


def strangers(split: Split, held: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return those of the reviews `learnt` that share little with any of `held`."""
    read = split.encoded
    rows = np.repeat(np.arange(len(read)), read.lengths)
    counts = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, read.tokens)))
    counts.data[:] = 1
    among = np.asarray(counts.sum(axis=0)).ravel()
    rare = (among >= RARE[0]) & (among <= RARE[1])
    weights = np.where(rare, np.log(len(read) / np.maximum(among, 1)), 0).astype(np.float32)
    theirs, others = counts[held] @ sparse.diags(weights), counts[train].T.tocsr()
    shared = np.zeros(len(train), np.float32)
    for start in range(0, len(held), AT_ONCE):
        part = (theirs[start : start + AT_ONCE] @ others).max(axis=0)
        shared = np.maximum(shared, part.toarray().ravel())
    return train[shared <= MOST]


def divide(split: Split, tokenizer: Tokenizer, model: ModelSettings, share: float) -> TrainingSplit:
    """Divide as training does, and leave out of what is learnt from all that is too near."""
    parts = partition.split_training_reviews(split, tokenizer, model, share)
    rows = strangers(
        split, parts.validation_rows, np.setdiff1d(np.arange(len(split)), parts.validation_rows)
    )
    chosen = split.encoded.last(model.longest_review).take(rows)
    features = tokenizer.features(chosen, model.ngrams)
    labels = split.labels[rows].astype(np.float32)
    return replace(parts, train=Examples(features, chosen.offsets, labels))


def main() -> None:
    """Train each recipe with each seed, in turns."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recipes", nargs="+", help="names or files")
    names, context.split_training_reviews = parser.parse_args().recipes, divide
    with tempfile.TemporaryDirectory() as name:
        place = paths.ProjectPaths(Path(name))
        print("| recipe | seed | validation loss | validation accuracy | test accuracy |")
        print("|---|---|---|---|---|")
        for seed in range(3):
            for named in names:
                recipe = recipes.load_recipe(named)
                settings = replace(recipe.train, seed=seed)
                data, _ = prepare(recipe.prepare, place)
                made = train.train(data, recipe.model, settings, place, track=False)
                opened = bundle.read(made.folder)
                scores = evaluate(opened, load_test_split(opened, place)).scores
                print(
                    f"| {recipe.name} | {seed} | {made.best.validation_loss:.4f} | "
                    f"{made.best.validation_accuracy:.2%} | {scores.accuracy:.2%} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
