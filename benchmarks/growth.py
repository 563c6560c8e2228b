"""Measure how time and accuracy grow with the number of reviews and of units.

Run by `make bench-growth`; writes docs/benchmarks/growth.md and growth.png. 12,500 reviews
are half of the training split. 75,000 are the training split and the 50,000 unlabelled reviews,
labelled with the probabilities that the model of 25,000 gives them. The test reviews are always the
official ones. A tenth of the training split is always left out for validation.
"""

import argparse
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data.examples import Examples
from sentiment.data.prepare import prepare
from sentiment.data.prepared import PreparedDataset
from sentiment.data.split import TrainingSplit, split_training_reviews, unlabelled_examples
from sentiment.evaluation import evaluate
from sentiment.evaluation.evaluate import LabelledTexts
from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.manifest import DataInfo, Manifest, RunInfo
from sentiment.utils import environment
from sentiment.utils.paths import find_project

environment.configure_libraries()
with environment.suppress_stderr():
    from sentiment.training.context import TrainingContext
    from sentiment.training.loop import TrainingLoop

UNITS = (32, 64, 128, 256)
NOTE = (
    "`make bench-growth`; one seed each. The first training with a number of units also compiles, "
    "which takes about 10 s; the second and third with 16 units do not."
)


@dataclass(frozen=True)
class Point:
    """One training. seconds: from the prepared dataset to the best weights."""

    reviews: int
    units: int
    seconds: float
    accuracy: float


class Growth:
    """Trains on more and more reviews or units. `points` has the trainings so far."""

    def __init__(self, data: PreparedDataset, folder: Path):
        self.data, self._folder = data, folder
        split = data.split("test")
        texts = [split.text(row) for row in range(len(split))]
        self._test = LabelledTexts("test", texts, split.labels, "")
        self.points: list[Point] = []

    def split(self, model: ModelSettings) -> TrainingSplit:
        """Return the training split, divided into reviews for training and for validation."""
        tokenizer = self.data.tokenizer.up_to(model.ngrams)
        return split_training_reviews(self.data.split("train"), tokenizer, model, TrainSettings())

    def train(self, split: TrainingSplit, model: ModelSettings, reviews: int) -> bundle.Bundle:
        """Train a model, measure it on the test reviews, and return it."""
        tokenizer = self.data.tokenizer.up_to(model.ngrams)
        started = time.perf_counter()
        loop = TrainingLoop(TrainingContext(self.data, tokenizer, split, model, TrainSettings()))
        loop.run_epochs()
        best = loop.result.best
        seconds = time.perf_counter() - started
        name = f"{reviews}-{model.units}"
        manifest = Manifest(
            created="",
            settings={"model": asdict(model)},
            run=RunInfo("", name),
            data=DataInfo("imdb", self.data.folder.name),
        )
        trained = bundle.write(
            self._folder / name,
            tokenizer=tokenizer,
            embedding=best.embedding,
            weights=best.weights,
            manifest=manifest,
        )
        accuracy = evaluate.evaluate(trained, self._test, worst=0).scores.accuracy
        self.points.append(Point(reviews, model.units, seconds, accuracy))
        print(f"{reviews:,} reviews, {model.units} units: {accuracy:.2%} in {seconds:.0f} s")
        return trained

    def half(self, split: TrainingSplit) -> TrainingSplit:
        """Return `split` with every second training review."""
        train = split.train
        return replace(split, train=_take(train, np.arange(0, len(train), 2)))

    def with_unlabelled(self, split: TrainingSplit, model: bundle.Bundle) -> TrainingSplit:
        """Return `split` with the unlabelled reviews added, labelled by `model`."""
        unlabelled = self.data.split("unsupervised")
        encoded = unlabelled.encoded.last(model.settings.longest_review)
        classifier = Classifier(model)
        labels = classifier.probabilities(classifier.final_states(encoded))
        examples = unlabelled_examples(unlabelled, model.tokenizer, model.settings)
        return replace(split, train=split.train + replace(examples, labels=labels))


def _take(examples: Examples, rows: np.ndarray) -> Examples:
    slices = [slice(*examples.offsets[row : row + 2]) for row in rows]
    lengths = [tokens.stop - tokens.start for tokens in slices]
    return Examples(
        np.concatenate([examples.features[tokens] for tokens in slices]),
        np.cumsum([0, *lengths]),
        examples.labels[rows],
    )


def draw(points: list[Point], path: Path) -> None:
    """Draw seconds and accuracy against reviews and against units."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    model = ModelSettings()
    series = {
        "reviews": [point for point in points if point.units == model.units],
        "units": [point for point in points if point.reviews == 25_000],
    }
    for column, (name, selected) in enumerate(series.items()):
        ordered = sorted(selected, key=lambda point: getattr(point, name))
        x = [getattr(point, name) for point in ordered]
        curves = {
            "training time, s": [point.seconds for point in ordered],
            "test accuracy, %": [100 * point.accuracy for point in ordered],
        }
        for row, (label, y) in enumerate(curves.items()):
            axes = figure.add_subplot(2, 2, 1 + column + 2 * row)
            axes.plot(x, y, marker="o")
            axes.set_xscale("log", base=2)
            axes.set_xticks(x, [f"{value:,}" for value in x])
            axes.set_xlabel(name)
            axes.set_ylabel(label)
            axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


def main() -> None:
    """Train, and write the table and the figure."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    data, _ = prepare(PrepareSettings(), find_project())
    model = ModelSettings()
    with tempfile.TemporaryDirectory() as folder:
        growth = Growth(data, Path(folder))
        split = growth.split(model)
        growth.train(growth.half(split), model, 12_500)
        trained = growth.train(split, model, 25_000)
        growth.train(growth.with_unlabelled(split, trained), model, 75_000)
        for units in UNITS:
            growth.train(split, replace(model, units=units), 25_000)
    lines = ["# Time and accuracy against reviews and units", ""]
    lines += ["| reviews | units | training time | test accuracy |", "|---|---|---|---|"]
    lines += [
        f"| {point.reviews:,} | {point.units} | {point.seconds:.0f} s | {point.accuracy:.2%} |"
        for point in growth.points
    ]
    text = "\n".join([*lines, "", NOTE]) + "\n"
    path = Path(__file__).parents[1] / "docs" / "benchmarks" / "growth"
    path.with_suffix(".md").write_text(text, "utf-8")
    draw(growth.points, path.with_suffix(".png"))
    print(text)


if __name__ == "__main__":
    main()
