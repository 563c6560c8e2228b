"""Measure the start-up time and the speed of `sentiment predict` with the bundled model.

Run by `make bench-predict`; writes docs/benchmarks/predict.md.
Whole processes are timed from start to
exit, in turn; the tables have medians. fastText is skipped if it is not installed.
"""

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.data import formats
from sentiment.data.prepare import prepare
from sentiment.data.prepared import Split
from sentiment.data.tokenizer import tokenize
from sentiment.inference import bundle, resolve
from sentiment.inference.classifier import Classifier
from sentiment.recipe import default_recipe
from sentiment.utils import environment
from sentiment.utils.paths import find_project

environment.configure_libraries()

KERAS_CHUNK = 5_000  # reviews padded together; all of them would take 0.3 GB
# With -c, so that `peak_memory` can add to the code.
PREDICT = [sys.executable, "-c", "from sentiment.cli import main; main()", "predict", "--quiet"]
ONE_TEXT = {
    '`python -c "import numpy, typer"`': [sys.executable, "-c", "import numpy, typer"],
    '`sentiment predict "text"`': [*PREDICT, "An unforgettable film."],
}


def run(command: list[str]) -> float:
    """Return the seconds that a command takes from start to exit; exit if it fails."""
    started = time.perf_counter()
    process = subprocess.run(command, stdout=subprocess.DEVNULL)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with status {process.returncode}")
    return time.perf_counter() - started


def peak_memory(command: list[str]) -> int:
    """Return the peak memory of `python -c CODE ...` in bytes, as the process itself reads it.

    The usage that the parent gets includes memory that a child only inherited.
    """
    report = "import atexit, sys; atexit.register(lambda: print(open('/proc/self/status').read()));"
    python, flag, code, *rest = command
    process = subprocess.run([python, flag, report + code, *rest], capture_output=True, text=True)
    return 1024 * int(process.stdout.split("VmHWM:")[1].split()[0])


def one_text_lines(repeats: int) -> list[str]:
    """Return the lines on the time that one text takes, from start to exit."""
    seconds: dict[str, list[float]] = {name: [] for name in ONE_TEXT}
    for command in ONE_TEXT.values():
        run(command)
    for _ in range(repeats):
        for name, command in ONE_TEXT.items():
            seconds[name].append(run(command))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    lines = ["| one text, from start to exit | time | peak memory |", "|---|---|---|"]
    for name, command in ONE_TEXT.items():
        mebibytes = peak_memory(command) / 2**20
        lines.append(f"| {name} | {medians[name]:.2f} s | {mebibytes:.0f} MiB |")
    imports, predict = medians.values()
    return [*lines, "", f"Ratio of the two: {predict / imports:.2f}."]


def score_file(source: Path, repeats: int) -> float:
    """Return the median seconds to score a CSV file into another, start-up included."""
    output = source.with_name("scored.csv")
    command = [*PREDICT, "--input", str(source), "--output", str(output)]
    return statistics.median(run(command) for _ in range(repeats))


def classify_by_keras(source: Path) -> None:
    """Classify a CSV file by `model.predict`, with the same weights in Keras's own layers.

    Prints reviews/s without imports, building and compiling. Runs in its own process, because
    `sentiment predict` does.
    """
    with environment.suppress_stderr():
        import keras

        from sentiment.nn import network
    pretrained = bundle.read(resolve.PRETRAINED)
    tokenizer, settings = pretrained.tokenizer, pretrained.settings
    built = network.build_network(settings, words=tokenizer.feature_count, ngrams=0, seed=0)
    network.set_arrays(built, pretrained.embedding, pretrained.weights)
    stock = keras.layers.Bidirectional(keras.layers.SimpleRNN(settings.units))
    logit = built.get_layer("classifier")(stock(built.get_layer("embedding").output))
    model = keras.Model(built.inputs, logit)
    stock.set_weights(built.get_layer("rnn_1").get_weights())

    def padded(texts: list[str]) -> np.ndarray:
        encoded = tokenizer.encode(texts).last(settings.longest_review)
        features = tokenizer.features(
            encoded, settings.ngrams, repeats=settings.repeats, negation=settings.negation
        )
        ids = np.zeros((len(texts), settings.longest_review, features.shape[1]), np.int32)
        ids[np.arange(ids.shape[1]) < encoded.lengths[:, None]] = features
        return ids

    with source.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    model.predict(padded(texts[:256]), batch_size=256, verbose=0)
    started = time.perf_counter()
    for start in range(0, len(texts), KERAS_CHUNK):
        model.predict(padded(texts[start : start + KERAS_CHUNK]), batch_size=256, verbose=0)
    print(len(texts) / (time.perf_counter() - started))


def keras_rates(source: Path, reviews: int) -> tuple[float, float]:
    """Return Keras's reviews/s from start to exit, and without its start-up."""
    # The number of threads that TensorFlow chooses by default.
    variables = {**os.environ, "TF_NUM_INTRAOP_THREADS": str(os.cpu_count())}
    command = [sys.executable, __file__, "--keras", str(source)]
    started = time.perf_counter()
    process = subprocess.run(command, capture_output=True, text=True, env=variables, check=True)
    return reviews / (time.perf_counter() - started), float(process.stdout.split()[-1])


def fasttext_rate(train: Split, texts: list[str]) -> float | None:
    """Return reviews/s of fastText with bigrams, from raw text; None if it is not installed."""
    try:
        import fasttext as library
    except ImportError:
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        for row in range(len(train)):
            file.write(f"__label__{train.labels[row]} {' '.join(tokenize(train.text(row)))}\n")
        file.flush()
        model = library.train_supervised(
            file.name, dim=32, wordNgrams=2, lr=0.5, epoch=5, thread=2, verbose=0
        )
    started = time.perf_counter()
    for text in texts:
        model.f.predict(" ".join(tokenize(text)) + "\n", 1, 0.0, "strict")
    return len(texts) / (time.perf_counter() - started)


def profile_lines(source: Path) -> list[str]:
    """Return the lines on the share of each part of scoring, in one process."""
    classifier = Classifier(bundle.read(resolve.PRETRAINED))
    spent = dict.fromkeys(("reading", "tokenising", "recurrence", "writing"), 0.0)

    def timed(part: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = work()
        spent[part] += time.perf_counter() - started
        return result

    with source.open("rb") as file:
        reader = formats.make_reader(source, file)
        writer = formats.make_writer(source, reader, ("label", "probability", "warnings"))
        chunks = reader.chunks()
        while rows := timed("reading", lambda: next(chunks, None)):
            texts = [row.fields["text"] for row in rows]
            encoded = timed("tokenising", lambda texts=texts: classifier.encode(texts))
            states = timed("recurrence", lambda e=encoded: classifier.final_states(e))
            scored = list(zip(rows, classifier.probabilities(states).tolist(), strict=True))
            timed(
                "writing",
                lambda scored=scored: [writer.row(row, ("positive", p, [])) for row, p in scored],
            )
    total = sum(spent.values())
    return [
        "| part of the work, one process | share |",
        "|---|---|",
        *(f"| {part} | {seconds / total:.0%} |" for part, seconds in spent.items()),
    ]


def main() -> None:
    """Measure, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=11, help="runs that classify one text")
    parser.add_argument("--files", type=int, default=5, help="runs that score the file")
    parser.add_argument("--keras", type=Path, help="classify this file by Keras, and exit")
    options = parser.parse_args()
    if options.keras:
        classify_by_keras(options.keras)
        return
    os.environ["SENTIMENT_MODEL"] = str(resolve.PRETRAINED)
    # An installed package has its byte code on the disk.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    dataset, _ = prepare(default_recipe().prepare, find_project())
    test = dataset.split("test")
    texts = [test.text(row) for row in range(len(test))]
    lines = ["# Classifying, timed", "", *one_text_lines(options.repeats), ""]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "test.csv"
        with source.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["text"], *([text] for text in texts)])
        seconds = score_file(source, options.files)
        profile = profile_lines(source)
        keras_rate, warm_keras_rate = keras_rates(source, len(texts))
    rate = len(texts) / seconds
    rates = {
        "`sentiment predict --input test.csv --output scored.csv`, start-up included": rate,
        "Keras `model.predict`, stock layers, start-up included": keras_rate,
        "the same, start-up not counted": warm_keras_rate,
    }
    if peer_rate := fasttext_rate(dataset.split("train"), texts):
        rates["fastText, its own model, start-up not counted"] = peer_rate
    lines += ["| from raw text to label | reviews/s | sentiment is faster by |", "|---|---|---|"]
    lines += [f"| {name} | {other:,.0f} | {rate / other:.1f} × |" for name, other in rates.items()]
    if not peer_rate:
        lines.append("| fastText | not installed: skipped | |")
    lines += ["", f"{len(texts):,} test reviews in {seconds:.1f} s.", "", *profile, ""]
    lines += ["`make bench-predict`, two cores, medians."]
    text = "\n".join(lines) + "\n"
    (Path(__file__).parents[1] / "docs" / "benchmarks" / "predict.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
