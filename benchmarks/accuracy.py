"""Measure the test accuracy of the recipes and of other methods.

Run by `make bench-accuracy`; writes docs/benchmarks/accuracy.md. Each recipe is trained with three
seeds, each in its own process. The other methods learn from the labelled reviews in the same run.
All choices are made on a tenth of the training reviews. fastText is skipped if it is not installed.
`--rows` measures some of them; `--seeds` trains fewer networks.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from sentiment.data.examples import Examples
from sentiment.data.prepare import prepare
from sentiment.data.split import make_examples
from sentiment.data.tokenizer import tokenize
from sentiment.evaluation.metrics import wilson_interval
from sentiment.inference import bundle
from sentiment.recipe import default_recipe
from sentiment.training.regression import NgramRegression
from sentiment.utils import environment
from sentiment.utils.paths import find_project

environment.configure_libraries()

ONE = ("--members", "1", "--sentence-members", "0")
VOCABULARY, SIZE, MAX_TOKENS = 20_000, 64, 256  # of the network that tutorials use


@dataclass(frozen=True)
class Row:
    """A row of the table. size: bytes; memory: peak in bytes, 0 if it was not measured."""

    name: str
    accuracies: list[float]
    seconds: float
    size: int
    memory: int = 0


@dataclass(frozen=True)
class Data:
    """The official reviews. is_validation: bool (N,), the training reviews for choices."""

    texts: list[str]
    labels: np.ndarray
    test_texts: list[str]
    test_labels: np.ndarray
    is_validation: np.ndarray

    def accuracy(self, predictions: np.ndarray) -> float:
        """Return the test accuracy of `predictions`, bool (N,), True for positive."""
        return float(np.mean(predictions == (self.test_labels == 1)))


def load() -> Data:
    """Return the reviews of the prepared dataset."""
    dataset, _ = prepare(default_recipe().prepare, find_project())
    train, test = dataset.split("train"), dataset.split("test")
    is_validation = np.zeros(len(train), bool)
    is_validation[np.random.default_rng(0).permutation(len(train))[: len(train) // 10]] = True
    texts = [[split.text(row) for row in range(len(split))] for split in (train, test)]
    return Data(texts[0], train.labels, texts[1], test.labels, is_validation)


def recipe(name: str, options: Sequence[str], seeds: int) -> Row:
    """Train a recipe with each seed by `sentiment train`, with tracking."""
    models = find_project().models
    accuracies, seconds, memory, size = [], [], 0, 0
    for seed in range(seeds):
        run = f"bench-{name}-{seed}-{time.time_ns()}"
        command = [sys.executable, "-m", "sentiment", "train"]
        command += ["--recipe", name, "--seed", str(seed), "--name", run]
        command += ["--experiment", "benchmark", *options]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"{' '.join(command)} ended with status {status}")
        seconds.append(time.perf_counter() - started)
        memory = max(memory, usage.ru_maxrss * 1024)
        model = bundle.read(models / run)
        accuracies.append(model.manifest.metrics["test/accuracy"])
        size = sum(path.stat().st_size for path in model.folder.iterdir())
        print(f"{name}, seed {seed}: {accuracies[-1]:.2%} in {seconds[-1]:.0f} s", flush=True)
    title = " ".join(["sentiment train --recipe", name, *options])
    return Row(title, accuracies, statistics.median(seconds), size, memory)


def fit_logistic(data: Data) -> tuple[TfidfVectorizer, LogisticRegression]:
    """Fit logistic regression on TF-IDF of words and pairs; C is chosen on validation."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    features = vectorizer.fit_transform(data.texts)

    def fit(rows: np.ndarray, c: float) -> LogisticRegression:
        return LogisticRegression(C=c, max_iter=1000).fit(features[rows], data.labels[rows])

    validation = data.is_validation
    scores = {
        c: fit(~validation, c).score(features[validation], data.labels[validation])
        for c in (1, 10, 100)
    }
    best = max(scores, key=lambda c: scores[c])
    return vectorizer, fit(np.ones(len(validation), bool), best)


def logistic(data: Data) -> Row:
    """Measure logistic regression on TF-IDF of words and pairs."""
    started = time.perf_counter()
    vectorizer, model = fit_logistic(data)
    predictions = model.predict(vectorizer.transform(data.test_texts)) == 1
    words = sum(len(word.encode()) for word in vectorizer.vocabulary_)
    size = model.coef_.nbytes + vectorizer.idf_.nbytes + words
    seconds = time.perf_counter() - started
    return Row("TF-IDF(1,2) + logistic regression", [data.accuracy(predictions)], seconds, size)


def naive_bayes_regression(data: Data) -> Row:
    """Measure the teacher of the recipes itself: regression on n-grams, scaled by naive Bayes."""
    started = time.perf_counter()
    settings = default_recipe()
    dataset, _ = prepare(settings.prepare, find_project())

    def examples(name: str) -> Examples:
        split = dataset.split(name)
        encoded = split.encoded.last(settings.model.longest_review)
        labels = split.labels.astype(np.float32)
        return make_examples(encoded, labels, dataset.tokenizer, settings.model)

    rows = dataset.tokenizer.feature_count
    model = NgramRegression.fit(examples("train"), rows, normalized=True)
    predictions = model.logits(examples("test")) >= 0
    seconds = time.perf_counter() - started
    used = np.count_nonzero(model.coefficients)
    name = "NB-weighted logistic regression, the teacher"
    return Row(name, [data.accuracy(predictions)], seconds, used * 8)


def tutorial(data: Data, *, cell: str) -> Row:
    """Measure Embedding(20000, 64) and a recurrent layer as in tutorials, up to five epochs.

    cell: the name of Keras's layer.
    """
    with environment.suppress_stderr():
        import keras
    started = time.perf_counter()
    keras.utils.set_random_seed(0)
    counts: dict[str, int] = {}
    tokenized = [tokenize(text) for text in data.texts]
    for words in tokenized:
        for word in words:
            counts[word] = counts.get(word, 0) + 1
    vocabulary = sorted(counts, key=lambda word: -counts[word])[: VOCABULARY - 2]
    ids = {word: number for number, word in enumerate(vocabulary, 2)}

    def padded(reviews: Sequence[list[str]]) -> np.ndarray:
        rows = [[ids.get(word, 1) for word in words] for words in reviews]
        return keras.utils.pad_sequences(rows, MAX_TOKENS)

    model = keras.Sequential(
        [
            keras.Input((MAX_TOKENS,), dtype="int32"),
            keras.layers.Embedding(VOCABULARY, SIZE, mask_zero=True),
            getattr(keras.layers, cell)(SIZE),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    train = padded(tokenized)
    stop = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    model.fit(
        train[~data.is_validation],
        data.labels[~data.is_validation],
        validation_data=(train[data.is_validation], data.labels[data.is_validation]),
        batch_size=64,
        epochs=5,
        callbacks=[stop],
        verbose=0,
    )
    test = padded([tokenize(text) for text in data.test_texts])
    predictions = model.predict(test, batch_size=256, verbose=0)[:, 0] >= 0.5
    seconds = time.perf_counter() - started
    size = sum(weight.nbytes for weight in model.get_weights())
    name = f"Keras Embedding + {cell}({SIZE}), tutorial"
    return Row(name, [data.accuracy(predictions)], seconds, size)


def fasttext(data: Data) -> Row | None:
    """Measure fastText with bigrams and vectors of 32 numbers; None if it is not installed."""
    try:
        import fasttext as library
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        lines = (
            f"__label__{label} {' '.join(tokenize(text))}\n"
            for text, label in zip(data.texts, data.labels, strict=True)
        )
        started = time.perf_counter()
        path.write_text("".join(lines), "utf-8")
        model = library.train_supervised(
            str(path), dim=32, wordNgrams=2, lr=0.5, epoch=5, thread=2, verbose=0
        )
        # The library's own predict() fails with NumPy 2; the function that it calls works.
        predictions = [
            model.f.predict(" ".join(tokenize(text)) + "\n", 1, 0.0, "strict")[0][1] == "__label__1"
            for text in data.test_texts
        ]
        seconds = time.perf_counter() - started
        model.save_model(str(path.with_suffix(".bin")))
        size = path.with_suffix(".bin").stat().st_size
    return Row("fastText, bigrams, dim 32", [data.accuracy(np.array(predictions))], seconds, size)


def table_line(row: Row, reviews: int) -> str:
    """Return a row of the table in Markdown."""
    mean = statistics.mean(row.accuracies)
    low, high = wilson_interval(round(mean * reviews), reviews)
    spread = f"{min(row.accuracies):.2%} to {max(row.accuracies):.2%}"
    seeds = f"{len(row.accuracies)} seeds, {spread}" if len(row.accuracies) > 1 else "1 run"
    memory = f"{row.memory / 2**30:.1f} GiB" if row.memory else "–"
    return (
        f"| {row.name} | **{mean:.2%}** | {low:.2%} to {high:.2%} | {seeds} | {row.seconds:.0f} s "
        f"| {row.size / 1e6:.1f} MB | {memory} |"
    )


def measures(seeds: int) -> dict[str, Callable[[Data], Row | None]]:
    """Return what can be measured, by name."""
    recipes: dict[str, tuple[str, Sequence[str]]] = {
        "default": ("default", ()),
        "one-network": ("default", ONE),
        "no-teacher": ("default", ("--teacher", "off", *ONE)),
        "best": ("best", ()),
        "words": ("words", ()),
    }
    own: dict[str, Callable[[Data], Row | None]] = {
        name: lambda _, given=given: recipe(*given, seeds) for name, given in recipes.items()
    }
    cells = {cell.lower(): partial(tutorial, cell=cell) for cell in ("SimpleRNN", "LSTM", "GRU")}
    others = {"teacher": naive_bayes_regression, "tf-idf": logistic, "fasttext": fasttext}
    return own | others | cells


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each recipe")
    parser.add_argument("--rows", nargs="+", choices=measures(0), help="default: all")
    options = parser.parse_args()
    data, rows, skipped = load(), [], []
    chosen = {
        name: measure
        for name, measure in measures(options.seeds).items()
        if name in (options.rows or measures(0))
    }
    for name, measure in chosen.items():
        row = measure(data)
        if row is None:
            skipped.append(f"{name} is not installed: skipped.")
            continue
        rows.append(row)
        print(f"{row.name}: {statistics.mean(row.accuracies):.2%}", flush=True)
    lines = [
        "# Accuracy beside other methods",
        "",
        "| method | test accuracy | 95 % interval | runs | time | model | memory |",
        "|---|---|---|---|---|---|---|",
        *(table_line(row, len(data.test_texts)) for row in rows),
        "",
        "Time is from start to the end of the evaluation, the median over the seeds. "
        f"`make bench-accuracy`, {date.today():%-d %B %Y}.",
        *skipped,
    ]
    text = "\n".join(lines) + "\n"
    (Path(__file__).parents[1] / "docs" / "benchmarks" / "accuracy.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
