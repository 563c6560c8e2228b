"""Train the bundled model by the default recipe, cut it to size and write its model card.

Run by `make pretrained`, on the IMDB reviews; replaces `sentiment/pretrained`. The model keeps the
n-grams and negated words that move logits most: share of a logit, times how often it is read.
"""

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np
import short

from sentiment.data import sources
from sentiment.data.prepare import prepare
from sentiment.data.prepared import PreparedDataset
from sentiment.data.tokenizer import Tokenizer
from sentiment.evaluation import evaluate
from sentiment.inference import bundle
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.weights import CLASSIFIER_KERNEL, directions, weight_name
from sentiment.recipe import load_recipe
from sentiment.utils import environment
from sentiment.utils.paths import find_project

environment.configure_libraries()

MAX_SIZE = 8_000_000  # bytes, so that the package stays small
PAIRS = Path(__file__).parents[1] / "tests" / "data" / "sentences.csv"
TARGET = Path(__file__).parents[1] / "sentiment" / "pretrained"
# What the model says of the sample reviews; a test asks whether it still says so.
ANSWERS = Path(__file__).parents[1] / "tests" / "fixtures" / "bundled_model_answers.npy"
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


def cut(model: Bundle, data: PreparedDataset, folder: Path) -> Bundle:
    """Write `model` to `folder` with as many n-grams as fit into `MAX_SIZE`, and open it."""
    words, size = model.tokenizer.vocabulary_size, folder_size(model.folder)
    per_ngram = model.tokenizer.ngrams.itemsize + 2 * model.settings.embedding
    count = len(model.tokenizer.ngrams) - max(0, size - MAX_SIZE + 50_000) // per_ngram
    value = reads(model, data)[words:] * np.abs(logit_shares(model)[words:])
    kept = np.sort(np.argsort(-value, kind="stable")[:count])
    return bundle.write(
        folder,
        tokenizer=Tokenizer(model.tokenizer.words, model.tokenizer.ngrams[kept]),
        embedding=np.concatenate([model.embedding[:words], model.embedding[words + kept]]),
        weights=model.weights,
        manifest=model.manifest,
    )


def folder_size(folder: Path) -> int:
    """Return the bytes in the files of `folder`."""
    return sum(path.stat().st_size for path in folder.iterdir())


def reads(model: Bundle, data: PreparedDataset) -> np.ndarray:
    """Return how often each row of the table is read in the reviews without test, int64 (rows,)."""
    settings, counts = model.settings, np.zeros(model.tokenizer.feature_count, np.int64)
    for name in ("train", "unsupervised"):
        features = model.tokenizer.features(
            data.split(name).encoded.last(settings.longest_review),
            settings.ngrams,
            repeats=settings.repeats,
            negation=settings.negation,
        )
        counts += np.bincount(features.ravel(), minlength=len(counts))
    return counts


def logit_shares(model: Bundle) -> np.ndarray:
    """Return what each row adds to a logit while the units are far from their limits, (rows,)."""
    names = [weight_name(1, direction, "kernel") for direction in directions(model.settings)]
    kernel = np.concatenate([model.weights[name] for name in names], axis=1)
    return model.embedding.astype(np.float32) @ (kernel @ model.weights[CLASSIFIER_KERNEL][:, 0])


def failures_by_kind(model: Bundle) -> list[str]:
    """Return the lines with the accuracy on the minimal pairs of each kind."""
    pairs = short.measure(short.model_method(str(model.folder)), short.read(PAIRS))
    return list(short.by_kind(pairs))


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
    size = folder_size(model.folder)
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
            "imdb_reviews/plain_text 1.0.0: the training split, 1,250 of its reviews for "
            "validation and for the temperature, and the unlabelled split, labelled by a "
            "regression on n-grams; "
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
            "It mostly adds up the effects of words and short phrases. It misses irony, many "
            "negations, comparisons and verdicts that depend on one clause. Minimal pairs of "
            "sentences (tests/data/sentences.csv) show how often, by what turns the verdict; "
            "coin tosses give 50 % and 25 %:",
            "",
            *failures_by_kind(model),
            "",
            "Some sentences:",
            "",
            "| text | label | P(positive) |",
            "|---|---|---|",
            *probes,
            "",
        ]
    )


def save_answers() -> None:
    """Write what the bundled model says of the sample reviews to `ANSWERS`, float32 (360,)."""
    texts = [text for split in sources.load_sample().values() for text in split.texts]
    np.save(ANSWERS, Classifier(bundle.read(TARGET)).predict(texts))


def main() -> None:
    """Train, evaluate, check the size, and replace the model in the package."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with environment.suppress_stderr():
        from sentiment.training.train import train
    paths, recipe = find_project(), load_recipe("default")
    data, _ = prepare(recipe.prepare, paths)
    for name in ("pretrained", "pretrained-cut"):
        shutil.rmtree(paths.models / name, ignore_errors=True)
    result = train(data, recipe.model, recipe.train, paths, name="pretrained", track=False)
    whole = bundle.read(result.folder)
    model = cut(whole, data, paths.models / "pretrained-cut")
    test = evaluate.load_test_split(model, paths)
    before = evaluate.evaluate(whole, test, worst=0).scores.accuracy
    print(f"{before:.2%} of the test reviews with all {len(whole.tokenizer.ngrams):,} n-grams")
    evaluation = evaluate.evaluate(model, test, worst=0)
    evaluate.save_metrics(model, evaluation, test, paths)
    size = folder_size(model.folder)
    if size > MAX_SIZE:
        sys.exit(f"the model has {size:,} bytes, more than {MAX_SIZE:,}: not bundled")
    (model.folder / "MODEL_CARD.md").write_text(card(model, test, evaluation), "utf-8")
    shutil.rmtree(TARGET, ignore_errors=True)
    shutil.move(model.folder, TARGET)
    save_answers()
    accuracy = evaluation.scores.accuracy
    print(f"{accuracy:.2%} of the test reviews, {size / 1e6:.1f} MB, in {TARGET}")


if __name__ == "__main__":
    main()
