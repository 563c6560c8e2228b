"""Make the model in the box: train the default recipe and put it into the package with its card.

Run by `make pretrained`, from the real reviews; replaces `sentiment/pretrained`.
"""

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np

from sentiment import recipe as recipes
from sentiment.data.prepare import prepare
from sentiment.evaluation import evaluate
from sentiment.inference import bundle
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.utils import environment
from sentiment.utils.paths import find_project

environment.configure_libraries()

LARGEST = 5_000_000  # bytes: what a package may carry without being felt
HOME = Path(__file__).parents[1] / "sentiment" / "pretrained"
# Each line tests one thing that a reader of single words gets wrong; the last word is the truth.
PROBES = (
    ("Not bad at all.", "positive"),
    ("I can't say that I didn't like it.", "positive"),
    ("The cast is wonderful and the photography superb, but the film is a bore.", "negative"),
    ("I expected to hate every minute of it. I was wrong.", "positive"),
    ("Great, another two hours of my life gone.", "negative"),
    ("Nobody should miss it.", "positive"),
    ("It is no masterpiece, and it is better than most that are called one.", "positive"),
    ("The book was far better.", "negative"),
)


def by_length(opened: Bundle, data: evaluate.LabelledTexts) -> list[str]:
    """Return lines of the card: accuracy on the shortest to the longest quarter of the reviews."""
    classifier = Classifier(opened)
    encoded = opened.tokenizer.encode(data.texts)
    said = classifier.predict(data.texts) >= 0.5
    bounds = np.quantile(encoded.lengths, [0.25, 0.5, 0.75])
    quarter = np.searchsorted(bounds, encoded.lengths)
    lines = ["| tokens | reviews | accuracy |", "|---|---|---|"]
    for number in range(4):
        rows = quarter == number
        low, high = encoded.lengths[rows].min(), encoded.lengths[rows].max()
        right = np.mean(said[rows] == (data.labels[rows] == 1))
        lines.append(f"| {low:,}–{high:,} | {rows.sum():,} | {right:.2%} |")
    return lines


def card(opened: Bundle, data: evaluate.LabelledTexts, result: evaluate.Evaluation) -> str:
    """Return the model card, in Markdown."""
    scores, before = result.scores, result.uncalibrated
    probabilities = Classifier(opened).predict([text for text, _ in PROBES])
    probes = [
        f"| {text} | {label} | {probability:.2f} |"
        for (text, label), probability in zip(PROBES, probabilities, strict=True)
    ]
    size = sum(path.stat().st_size for path in opened.folder.iterdir())
    settings = ", ".join(f"{name} {value}" for name, value in vars(opened.settings).items())
    return "\n".join(
        [
            "# The model in the box",
            "",
            "What `sentiment predict` answers with where nothing else was trained. Made by "
            "`make pretrained`.",
            "",
            "- **Use**: English film reviews and texts like them, positive or negative. Not for "
            "texts about people, for other languages, or where a wrong answer harms somebody.",
            f"- **Network**: {settings}; final hidden state → one logit. {size / 1e6:.1f} MB.",
            "- **Data**: IMDB reviews (Maas et al. 2011) as in TensorFlow Datasets "
            "imdb_reviews/plain_text 1.0.0: the training split, a tenth of it held back for "
            "choices and for the temperature, and the unlabelled split with the labels of a first "
            f"round; temperature {opened.temperature:.3f}. Digest of the training split "
            f"{opened.record['data']['digests']['train'][:12]}.",
            f"- **Accuracy**: {scores.accuracy:.2%} of the {scores.reviews:,} official test "
            f"reviews (95 % interval {scores.accuracy_low:.2%} to {scores.accuracy_high:.2%}).",
            f"- **Calibration**: expected error {scores.calibration_error:.4f}, log loss "
            f"{scores.log_loss:.4f} nats; without the temperature "
            f"{before['calibration_error']:.4f} and {before['log_loss']:.4f}.",
            "",
            "## Accuracy by length",
            "",
            *by_length(opened, data),
            "",
            "## Known failures",
            "",
            "It adds up what words and short phrases say. Irony, a denial some words away and a "
            "verdict that turns on one clause escape it, and a text without any verdict still gets "
            "one. Sentences made to show it, as it answers:",
            "",
            "| text | is | P(positive) |",
            "|---|---|---|",
            *probes,
            "",
        ]
    )


def main() -> None:
    """Train, measure, check the size, and replace the model in the package."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with environment.suppress_stderr():
        from sentiment.training.train import train
    place, recipe = find_project(), recipes.load_recipe("default")
    data, _ = prepare(recipe.prepare, place)
    old = place.models / "pretrained"
    shutil.rmtree(old, ignore_errors=True)
    made = train(data, recipe.model, recipe.train, place, name="pretrained", track=False)
    opened = bundle.read(made.folder)
    test = evaluate.load_test_split(opened, place)
    result = evaluate.evaluate(opened, test, worst=0)
    evaluate.save_metrics(opened, result, test)
    size = sum(path.stat().st_size for path in made.folder.iterdir())
    if size > LARGEST:
        sys.exit(f"the model takes {size:,} bytes, more than {LARGEST:,}: it stays out of the box")
    (made.folder / "MODEL_CARD.md").write_text(card(opened, test, result), "utf-8")
    shutil.rmtree(HOME, ignore_errors=True)
    shutil.move(made.folder, HOME)
    print(f"{result.scores.accuracy:.2%} of the test reviews, {size / 1e6:.1f} MB, in {HOME}")


if __name__ == "__main__":
    main()
