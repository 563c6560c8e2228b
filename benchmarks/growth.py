"""How time and accuracy grow with the number of reviews and with the number of units.

Run by `make bench-growth`; writes benchmarks/growth.md and benchmarks/growth.png. 12,500 reviews
are half of the training split; 75,000 are the training split and the 50,000 unlabelled reviews,
with the probabilities that the model of 25,000 gives them as labels. The test reviews are always
the official ones. A tenth of the training split is held back each time.
"""

import argparse
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data.prepare import prepare
from sentiment.data.prepared import PreparedDataset
from sentiment.evaluation import evaluate
from sentiment.evaluation.evaluate import LabelledTexts
from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier
from sentiment.utils import environment
from sentiment.utils.paths import find_project

environment.configure_libraries()
with environment.suppress_stderr():
    from sentiment.data.examples import Examples
    from sentiment.data.split import TrainingSplit, split_training_reviews, unlabelled_examples
    from sentiment.training.context import TrainingContext
    from sentiment.training.loop import TrainingLoop

UNITS = (32, 64, 128, 256)
COMPILED = (
    "The first training with so many units also compiles, for 10 s or so; "
    "at 16 units the later two find its programs ready."
)


@dataclass(frozen=True)
class Point:
    """One training: `seconds` from prepared data to the best weights."""

    reviews: int
    units: int
    seconds: float
    accuracy: float


class Growth:
    """The data, and one training after another."""

    def __init__(self, data: PreparedDataset, folder: Path):
        self.data, self._folder = data, folder
        split = data.split("test")
        texts = [split.text(row) for row in range(len(split))]
        self._test = LabelledTexts("test", texts, split.labels, "")
        self.points: list[Point] = []

    def parts(self, model: ModelSettings) -> TrainingSplit:
        """Return the training split in two."""
        tokenizer = self.data.tokenizer.up_to(model.ngrams)
        return split_training_reviews(
            self.data.split("train"), tokenizer, model, TrainSettings().validation_share
        )

    def train(self, parts: TrainingSplit, model: ModelSettings, reviews: int) -> bundle.Bundle:
        """Train once, measure on the test reviews, and return the model."""
        tokenizer = self.data.tokenizer.up_to(model.ngrams)
        started = time.perf_counter()
        loop = TrainingLoop(TrainingContext(self.data, tokenizer, parts, model, TrainSettings()))
        loop.run_epochs()
        best = loop.result.best
        seconds = time.perf_counter() - started
        name = f"{reviews}-{model.units}"
        record = {
            "created": "",
            "settings": {"model": asdict(model)},
            "run": {"id": "", "name": name},
            "data": {"dataset": "imdb", "folder": self.data.folder.name},
            "temperature": 1.0,
            "metrics": {},
        }
        made = bundle.write(
            self._folder / name,
            tokenizer=tokenizer,
            embedding=best.embedding,
            weights=best.weights,
            record=record,
        )
        accuracy = evaluate.evaluate(made, self._test, worst=0).scores.accuracy
        self.points.append(Point(reviews, model.units, seconds, accuracy))
        print(f"{reviews:,} reviews, {model.units} units: {accuracy:.2%} in {seconds:.0f} s")
        return made

    def half(self, parts: TrainingSplit) -> TrainingSplit:
        """Return `parts` with every second review to learn from."""
        train = parts.train
        return replace(parts, train=_rows(train, np.arange(0, len(train), 2)))

    def tripled(self, parts: TrainingSplit, made: bundle.Bundle) -> TrainingSplit:
        """Return `parts` with the unlabelled reviews added, labelled by `made`."""
        split = self.data.split("unsupervised")
        encoded = split.encoded.last(made.settings.longest_review)
        classifier = Classifier(made)
        labels = classifier.probabilities(classifier.final_states(encoded))
        extra = unlabelled_examples(split, made.tokenizer, made.settings)
        both = parts.train + replace(extra, labels=labels)
        return replace(parts, train=both)


def _rows(examples: Examples, rows: np.ndarray) -> Examples:
    parts = [slice(*examples.offsets[row : row + 2]) for row in rows]
    lengths = [part.stop - part.start for part in parts]
    return Examples(
        np.concatenate([examples.features[part] for part in parts]),
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
    for column, (name, chosen) in enumerate(series.items()):
        chosen = sorted(chosen, key=lambda point: getattr(point, name))
        places = [getattr(point, name) for point in chosen]
        for row, (label, values) in enumerate(
            {
                "training time, s": [point.seconds for point in chosen],
                "test accuracy, %": [100 * point.accuracy for point in chosen],
            }.items()
        ):
            axes = figure.add_subplot(2, 2, 1 + column + 2 * row)
            axes.plot(places, values, marker="o")
            axes.set_xscale("log", base=2)
            axes.set_xticks(places, [f"{place:,}" for place in places])
            axes.set_xlabel(name)
            axes.set_ylabel(label)
            axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


def main() -> None:
    """Train, print and write the table and the picture."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    data, _ = prepare(PrepareSettings(), find_project())
    model = ModelSettings()
    with tempfile.TemporaryDirectory() as folder:
        growth = Growth(data, Path(folder))
        parts = growth.parts(model)
        growth.train(growth.half(parts), model, 12_500)
        made = growth.train(parts, model, 25_000)
        growth.train(growth.tripled(parts, made), model, 75_000)
        for units in UNITS:
            growth.train(parts, replace(model, units=units), 25_000)
    lines = ["| reviews | units | training time | test accuracy |", "|---|---|---|---|"]
    lines += [
        f"| {point.reviews:,} | {point.units} | {point.seconds:.0f} s | {point.accuracy:.2%} |"
        for point in growth.points
    ]
    text = "\n".join([*lines, "", "`make bench-growth`; one seed each. " + COMPILED]) + "\n"
    path = Path(__file__)
    path.with_suffix(".md").write_text(text, "utf-8")
    draw(growth.points, path.with_suffix(".png"))
    print(text)


if __name__ == "__main__":
    main()
