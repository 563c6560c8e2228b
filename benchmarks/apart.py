"""Compare recipes on validation reviews whose films the training does not know.

Run by `make bench-apart RECIPES="default mine.toml"`. The films of IMDB's test split are not those
of its training split, so a random tenth of the training reviews flatters a recipe that remembers
names. Here a training review is left out if it shares many rare words with a validation review:
if the sum of log(N / n) over their shared words exceeds 15, for words in n = 2 to 50 of the N
reviews. Prints loss and accuracy on the validation reviews for seeds 0 to 2, to choose by. The
accuracy on the test reviews is for reporting only.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
from scipy import sparse

from sentiment.config import ModelSettings
from sentiment.data.examples import Examples
from sentiment.data.prepare import prepare
from sentiment.data.prepared import Split
from sentiment.data.split import TrainingSplit, split_training_reviews
from sentiment.data.tokenizer import Tokenizer
from sentiment.evaluation.evaluate import evaluate, load_test_split
from sentiment.inference import bundle
from sentiment.recipe import load_recipe
from sentiment.utils import environment
from sentiment.utils.paths import ProjectPaths

environment.configure_libraries()
with environment.suppress_stderr():
    from sentiment.training import context, train

RARE = (2, 50)  # a rare word is in so many reviews
MAX_SHARED = 15.0  # sum of log(N / n) over the rare words that two reviews share
CHUNK = 250  # validation reviews that are compared with all others at a time


def unrelated(split: Split, validation: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return the rows in `train` that share little with all rows in `validation`."""
    encoded = split.encoded
    rows = np.repeat(np.arange(len(encoded)), encoded.lengths)
    contains = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, encoded.tokens)))
    contains.data[:] = 1
    frequency = np.asarray(contains.sum(axis=0)).ravel()
    is_rare = (frequency >= RARE[0]) & (frequency <= RARE[1])
    weights = np.where(is_rare, np.log(len(encoded) / np.maximum(frequency, 1)), 0)
    weighted = contains[validation] @ sparse.diags(weights.astype(np.float32))
    others = contains[train].T.tocsr()
    shared = np.zeros(len(train), np.float32)
    for start in range(0, len(validation), CHUNK):
        chunk = (weighted[start : start + CHUNK] @ others).max(axis=0)
        shared = np.maximum(shared, chunk.toarray().ravel())
    return train[shared <= MAX_SHARED]


def split_apart(
    split: Split, tokenizer: Tokenizer, model: ModelSettings, share: float
) -> TrainingSplit:
    """Split as training does, and leave out training reviews that are close to validation ones."""
    parts = split_training_reviews(split, tokenizer, model, share)
    validation = parts.validation_rows
    rows = unrelated(split, validation, np.setdiff1d(np.arange(len(split)), validation))
    encoded = split.encoded.last(model.longest_review).take(rows)
    features = tokenizer.features(encoded, model.ngrams)
    labels = split.labels[rows].astype(np.float32)
    return replace(parts, train=Examples(features, encoded.offsets, labels))


def measure(recipe_name: str, seed: int, paths: ProjectPaths) -> str:
    """Train a recipe with a seed and return its row of the table."""
    recipe = load_recipe(recipe_name)
    data, _ = prepare(recipe.prepare, paths)
    settings = replace(recipe.train, seed=seed)
    result = train.train(data, recipe.model, settings, paths, track=False)
    model = bundle.read(result.folder)
    scores = evaluate(model, load_test_split(model, paths)).scores
    return (
        f"| {recipe.name} | {seed} | {result.best.validation_loss:.4f} | "
        f"{result.best.validation_accuracy:.2%} | {scores.accuracy:.2%} |"
    )


def main() -> None:
    """Train each recipe with each seed, in turn."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recipes", nargs="+", help="names or files")
    recipes = parser.parse_args().recipes
    print("| recipe | seed | validation loss | validation accuracy | test accuracy |")
    print("|---|---|---|---|---|")
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(context, "split_training_reviews", split_apart),
    ):
        for seed in range(3):
            for name in recipes:
                print(measure(name, seed, ProjectPaths(Path(folder))), flush=True)


if __name__ == "__main__":
    main()
