"""Measure how time and accuracy grow with the number of reviews and of units.

Run by `make bench-growth`; writes docs/benchmarks/growth.md and growth.png. 12,500 reviews
are half of the training split. 75,000 are the training split and the 50,000 unlabelled reviews,
labelled with the probabilities that the model of 25,000 gives them. The test reviews are always the
official ones. A tenth of the training split is always left out for validation.

Up to 600,000 reviews, these 75,000 are read again and again: dropout makes them different each
time. What this measures is time and memory, see `volume`.
"""

import argparse
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import volume
from matplotlib.figure import Figure

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data.examples import Examples
from sentiment.data.prepare import prepare
from sentiment.data.prepared import PreparedDataset
from sentiment.data.split import TrainingSplit, add_unlabelled, split_training_reviews
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
    from sentiment.training.reviews import TrainingReviews

UNITS = (32, 64, 128, 256)
NOTE = (
    "`make bench-growth`; one seed each. The first training with a number of units also compiles, "
    "which takes about 10 s; the second and third with 16 units do not."
)
VOLUME_NOTE = (
    "One epoch of the default recipe's network over IMDB's 75,000 reviews, again and again. Each "
    "training is a process of its own. The time is that from the prepared reviews on disk to the "
    "end of the epoch, without compiling. Peak memory is the process's own; pages of mapped files, "
    "in the last column, go back to the system if it needs them."
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
        reviews = TrainingReviews(self.data, model, TrainSettings())
        loop = TrainingLoop(
            TrainingContext(reviews, split, model, TrainSettings()),
            ratios=reviews.count(split.train).ratios,
        )
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

    def label(self, model: bundle.Bundle) -> np.ndarray:
        """Return the probabilities that `model` gives the unlabelled reviews, float32 (U,)."""
        encoded = self.data.split("unsupervised").encoded.last(model.settings.longest_review)
        classifier = Classifier(model)
        return classifier.probabilities(classifier.final_states(encoded))

    def with_unlabelled(
        self, split: TrainingSplit, model: ModelSettings, labels: np.ndarray
    ) -> TrainingSplit:
        """Return `split` with the unlabelled reviews added; labels: float32 (U,)."""
        tokenizer = self.data.tokenizer.up_to(model.ngrams)
        unlabelled = self.data.split("unsupervised")
        examples = add_unlabelled(split.train, unlabelled, tokenizer, model)
        all_labels = np.concatenate([split.train.labels, labels])
        return replace(split, train=replace(examples, labels=all_labels))


def _take(examples: Examples, rows: np.ndarray) -> Examples:
    slices = [slice(*examples.offsets[row : row + 2]) for row in rows]
    lengths = [tokens.stop - tokens.start for tokens in slices]
    return Examples(
        np.concatenate([examples.features[tokens] for tokens in slices]),
        np.cumsum([0, *lengths]),
        examples.labels[rows],
    )


def draw(points: list[Point], volumes: list[volume.Volume], path: Path) -> None:
    """Draw seconds and accuracy against reviews and units, and seconds and memory of `volumes`."""
    figure = Figure(figsize=(13, 6), layout="constrained")
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
            axes = figure.add_subplot(2, 3, 1 + column + 3 * row)
            axes.plot(x, y, marker="o")
            axes.set_xscale("log", base=2)
            axes.set_xticks(x, [f"{value:,}" for value in x])
            axes.set_xlabel(name)
            axes.set_ylabel(label)
            axes.grid(alpha=0.3)
    draw_volumes(figure, volumes)
    figure.savefig(path, dpi=100)


def draw_volumes(figure: Figure, volumes: list[volume.Volume]) -> None:
    """Draw seconds against tokens, with their line, and memory against reviews, in column 3."""
    tokens = np.array([0, *(point.tokens for point in volumes)])
    line = volume.Line.fit(volumes)
    axes = figure.add_subplot(2, 3, 3)
    axes.plot(tokens / 1e6, line.fixed + line.per_token * tokens, color="gray", label="line")
    axes.plot(tokens[1:] / 1e6, [point.seconds for point in volumes], "o", label="measured")
    axes.set(xlabel="million tokens", ylabel="time of an epoch, s", xlim=(0, None), ylim=(0, None))
    memory = figure.add_subplot(2, 3, 6)
    reviews = [point.reviews for point in volumes]
    for field, label in (("resident", "with pages of files"), ("memory", "its own")):
        mebibytes = [getattr(point, field) / 2**20 for point in volumes]
        memory.plot(reviews, mebibytes, marker="o", label=label)
    memory.set(xlabel="reviews", ylabel="peak memory, MiB", ylim=(0, None))
    memory.set_xscale("log", base=2)
    memory.set_xticks(reviews, [f"{count:,}" for count in reviews])
    for part in (axes, memory):
        part.grid(alpha=0.3)
        part.legend()


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
        labels = growth.label(trained)
        growth.train(growth.with_unlabelled(split, model, labels), model, 75_000)
        for units in UNITS:
            growth.train(split, replace(model, units=units), 25_000)
    kinds = (labels > 0.5).astype(np.int8)
    volumes = [volume.measure(data, kinds, count) for count in volume.COUNTS]
    lines = ["# Time and accuracy against reviews and units", ""]
    lines += ["| reviews | units | training time | test accuracy |", "|---|---|---|---|"]
    lines += [
        f"| {point.reviews:,} | {point.units} | {point.seconds:.0f} s | {point.accuracy:.2%} |"
        for point in growth.points
    ]
    lines += ["", NOTE, "", "## Many reviews", "", VOLUME_NOTE, "", *volume.lines(volumes)]
    text = "\n".join(lines) + "\n"
    path = Path(__file__).parents[1] / "docs" / "benchmarks" / "growth"
    path.with_suffix(".md").write_text(text, "utf-8")
    draw(growth.points, volumes, path.with_suffix(".png"))
    print(text)


if __name__ == "__main__":
    main()
