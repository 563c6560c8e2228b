"""Compare recipes on validation reviews whose films the training does not know.

Run by `make bench-apart RECIPES="default mine.toml"`. The films of IMDB's test split are not those
of its training split, so a random tenth of the training reviews flatters a recipe that remembers
names. `--validation apart` leaves out training reviews that share many rare words with a validation
review. Prints loss and accuracy on the validation reviews of each of three folds, which have no
review in common: 7,500 reviews to choose by. Nothing is measured on the test reviews.
"""

import argparse
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

from sentiment.data.prepare import prepare
from sentiment.recipe import load_recipe
from sentiment.utils import environment
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import EpochMetrics

environment.configure_libraries()
with environment.suppress_stderr():
    from sentiment.training.train import train

FOLDS = (0, 1, 2)


def measure(recipe_name: str, fold: int, paths: ProjectPaths) -> EpochMetrics:
    """Train a recipe, with the fold's number as seed, and return what it reached."""
    recipe = load_recipe(recipe_name)
    data, _ = prepare(recipe.prepare, paths)
    settings = replace(recipe.train, validation="apart", validation_share=0.1, fold=fold, seed=fold)
    return train(data, recipe.model, settings, paths, track=False).best


def main() -> None:
    """Train each recipe on each fold, in turn."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recipes", nargs="+", help="names or files")
    recipes = parser.parse_args().recipes
    print("| recipe | fold | validation loss | validation accuracy |")
    print("|---|---|---|---|")
    results: dict[str, list[EpochMetrics]] = {name: [] for name in recipes}
    with tempfile.TemporaryDirectory() as folder:
        for fold in FOLDS:
            for name in recipes:
                best = measure(name, fold, ProjectPaths(Path(folder)))
                results[name].append(best)
                print(
                    f"| {name} | {fold} | {best.validation_loss:.4f} "
                    f"| {best.validation_accuracy:.2%} |",
                    flush=True,
                )
    for name, reached in results.items():
        loss = statistics.mean(best.validation_loss for best in reached)
        accuracy = statistics.mean(best.validation_accuracy for best in reached)
        print(f"| {name} | mean | {loss:.4f} | {accuracy:.2%} |")


if __name__ == "__main__":
    main()
