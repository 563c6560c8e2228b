"""Train the bundled model by the default recipe and write its model card.

Run by `make pretrained`, on the IMDB reviews; replaces `sentiment/pretrained`.
"""

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np

from sentiment.data.prepare import prepare
from sentiment.evaluation import evaluate
from sentiment.inference import bundle
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.recipe import load_recipe
from sentiment.utils import environment
from sentiment.utils.paths import find_project

environment.configure_libraries()

MAX_SIZE = 5_000_000  # bytes, so that the package stays small
TARGET = Path(__file__).parents[1] / "sentiment" / "pretrained"
# Each text shows one thing that a model of single words gets wrong, with its true label.
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


def accuracy_by_length(model: Bundle, data: evaluate.LabelledTexts) -> list[str]:
    """Return the lines with the accuracy on each quarter of the reviews, by length."""
    classifier = Classifier(model)
    encoded = model.tokenizer.encode(data.texts)
    predictions = classifier.predict(data.texts) >= 0.5
    bounds = np.quantile(encoded.lengths, [0.25, 0.5, 0.75])
    quarter = np.searchsorted(bounds, encoded.lengths)
    lines = ["| tokens | reviews | accuracy |", "|---|---|---|"]
    for number in range(4):
        rows = quarter == number
        low, high = encoded.lengths[rows].min(), encoded.lengths[rows].max()
        accuracy = np.mean(predictions[rows] == (data.labels[rows] == 1))
        lines.append(f"| {low:,}–{high:,} | {rows.sum():,} | {accuracy:.2%} |")
    return lines


def card(model: Bundle, data: evaluate.LabelledTexts, result: evaluate.Evaluation) -> str:
    """Return the model card, in Markdown."""
    scores, before = result.scores, result.uncalibrated
    probabilities = Classifier(model).predict([text for text, _ in PROBES])
    probes = [
        f"| {text} | {label} | {probability:.2f} |"
        for (text, label), probability in zip(PROBES, probabilities, strict=True)
    ]
    size = sum(path.stat().st_size for path in model.folder.iterdir())
    settings = ", ".join(f"{name} {value}" for name, value in vars(model.settings).items())
    return "\n".join(
        [
            "# The bundled model",
            "",
            "`sentiment predict` uses it if no other model was trained. Made by `make pretrained`.",
            "",
            "- **Use**: English film reviews and texts like them, positive or negative. Not for "
            "texts about people, other languages, or uses in which a wrong answer does harm.",
            f"- **Network**: {settings}; final hidden state → one logit. {size / 1e6:.1f} MB.",
            "- **Data**: IMDB reviews (Maas et al. 2011) as in TensorFlow Datasets "
            "imdb_reviews/plain_text 1.0.0: the training split, a tenth of it for validation and "
            "for the temperature, and the unlabelled split with the labels of a first round; "
            f"temperature {model.temperature:.3f}. Digest of the training split "
            f"{model.manifest.data.digests['train'][:12]}.",
            f"- **Accuracy**: {scores.accuracy:.2%} of the {scores.reviews:,} official test "
            f"reviews (95 % interval {scores.accuracy_low:.2%} to {scores.accuracy_high:.2%}).",
            f"- **Calibration**: expected error {scores.calibration_error:.4f}, log loss "
            f"{scores.log_loss:.4f} nats; without the temperature "
            f"{before['calibration_error']:.4f} and {before['log_loss']:.4f}.",
            "",
            "## Accuracy by length",
            "",
            *accuracy_by_length(model, data),
            "",
            "## Known failures",
            "",
            "It adds up the effects of words and short phrases. It misses irony, a negation some "
            "words away, and a verdict that depends on one clause, and it gives a verdict on texts "
            "that have none. Some sentences that show this:",
            "",
            "| text | label | P(positive) |",
            "|---|---|---|",
            *probes,
            "",
        ]
    )


def main() -> None:
    """Train, evaluate, check the size, and replace the model in the package."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with environment.suppress_stderr():
        from sentiment.training.train import train
    paths, recipe = find_project(), load_recipe("default")
    data, _ = prepare(recipe.prepare, paths)
    shutil.rmtree(paths.models / "pretrained", ignore_errors=True)
    result = train(data, recipe.model, recipe.train, paths, name="pretrained", track=False)
    model = bundle.read(result.folder)
    test = evaluate.load_test_split(model, paths)
    evaluation = evaluate.evaluate(model, test, worst=0)
    evaluate.save_metrics(model, evaluation, test, paths)
    size = sum(path.stat().st_size for path in model.folder.iterdir())
    if size > MAX_SIZE:
        sys.exit(f"the model has {size:,} bytes, more than {MAX_SIZE:,}: not bundled")
    (model.folder / "MODEL_CARD.md").write_text(card(model, test, evaluation), "utf-8")
    shutil.rmtree(TARGET, ignore_errors=True)
    shutil.move(model.folder, TARGET)
    accuracy = evaluation.scores.accuracy
    print(f"{accuracy:.2%} of the test reviews, {size / 1e6:.1f} MB, in {TARGET}")


if __name__ == "__main__":
    main()
