"""How soon and how fast texts are classified, with the model in the box.

Run by `make bench-predict`; writes benchmarks/predict.md. Whole processes are timed from start to
exit, in turn, medians. Where fastText is not installed, its row says so.
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

import numpy as np

from sentiment.config import PrepareSettings
from sentiment.data import readers, writers
from sentiment.data.prepare import prepare
from sentiment.data.prepared import Split
from sentiment.data.tokenizer import tokenize
from sentiment.inference import bundle, resolve
from sentiment.inference.classifier import Classifier
from sentiment.utils import environment as quiet
from sentiment.utils.paths import find_project

quiet.configure_libraries()

KERAS_AT_ONCE = 5_000  # reviews padded together; all at once would take 0.3 GB
COMMAND = [sys.executable, "-c", "from sentiment.cli import main; main()", "predict", "--quiet"]
COLD = {
    '`python -c "import numpy, typer"`': [sys.executable, "-c", "import numpy, typer"],
    '`sentiment predict "text"`': [*COMMAND, "An unforgettable film."],
}


def run(command: list[str]) -> float:
    """Return the seconds that a command takes from start to exit; exit where it fails."""
    started = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with status {done.returncode}")
    return time.perf_counter() - started


def memory(command: list[str]) -> int:
    """Return the largest memory of a command in bytes, as the kernel tells the process itself.

    What the parent is told counts memory that a child has only inherited.
    """
    ask = "import atexit, sys; atexit.register(lambda: print(open('/proc/self/status').read()));"
    python, flag, code, *rest = command
    done = subprocess.run([python, flag, ask + code, *rest], capture_output=True, text=True)
    return 1024 * int(done.stdout.split("VmHWM:")[1].split()[0])


def cold(repeats: int) -> list[str]:
    """Return lines on how long one text takes, the process included."""
    taken: dict[str, list[float]] = {name: [] for name in COLD}
    for command in COLD.values():
        run(command)
    for _ in range(repeats):
        for name, command in COLD.items():
            taken[name].append(run(command))
    base, ours = (statistics.median(seconds) for seconds in taken.values())
    lines = ["| one text, from start to exit | time | peak memory |", "|---|---|---|"]
    for name, command in COLD.items():
        seconds = statistics.median(taken[name])
        lines.append(f"| {name} | {seconds:.2f} s | {memory(command) / 2**20:.0f} MiB |")
    return [*lines, "", f"Ratio of the two: {ours / base:.2f}."]


def scored(source: Path, repeats: int) -> float:
    """Return the median seconds to score a CSV file into another, start-up included."""
    output = source.with_name("scored.csv")
    command = [*COMMAND, "--input", str(source), "--output", str(output)]
    return statistics.median(run(command) for _ in range(repeats))


def keras_alone(source: Path) -> None:
    """Classify a CSV file by `model.predict`, on the same weights in Keras's own layers.

    Prints reviews/s without imports, building and compiling. It is a process of its own, as ours.
    """
    with quiet.suppress_stderr():
        import keras

        from sentiment.nn import network
    opened = bundle.read(resolve.PRETRAINED)
    tokenizer, settings, weights = opened.tokenizer, opened.settings, opened.weights
    ours = network.build_network(settings, words=tokenizer.feature_count, ngrams=0, seed=0)
    network.set_arrays(ours, opened.embedding, weights)
    stock = keras.layers.Bidirectional(keras.layers.SimpleRNN(settings.units))
    logit = ours.get_layer("classifier")(stock(ours.get_layer("embedding").output))
    model = keras.Model(ours.inputs, logit)
    stock.set_weights(ours.get_layer("rnn_1").get_weights())

    def padded(texts: list[str]) -> np.ndarray:
        encoded = tokenizer.encode(texts).last(settings.longest_review)
        features, lengths = tokenizer.features(encoded, settings.ngrams), encoded.lengths
        ids = np.zeros((len(texts), settings.longest_review, settings.ngrams), np.int32)
        ids[np.arange(ids.shape[1]) < lengths[:, None]] = features
        return ids

    with source.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    model.predict(padded(texts[:256]), batch_size=256, verbose=0)
    started = time.perf_counter()
    for start in range(0, len(texts), KERAS_AT_ONCE):
        model.predict(padded(texts[start : start + KERAS_AT_ONCE]), batch_size=256, verbose=0)
    print(len(texts) / (time.perf_counter() - started))


def keras_rates(source: Path, reviews: int) -> tuple[float, float]:
    """Return Keras's reviews/s from start to exit, and without its start-up."""
    # With the threads that TensorFlow chooses by itself.
    environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": str(os.cpu_count())}
    command = [sys.executable, __file__, "--keras", str(source)]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return reviews / (time.perf_counter() - started), float(done.stdout.split()[-1])


def fasttext_rate(train: Split, texts: list[str]) -> float | None:
    """Return reviews/s of fastText with bigrams, from raw text; None where it is not installed."""
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


def shares(source: Path) -> list[str]:
    """Return lines on where the time of scoring goes, in one process."""
    classifier = Classifier(bundle.read(resolve.PRETRAINED))
    spent = dict.fromkeys(("reading", "tokenising", "recurrence", "writing"), 0.0)

    def timed(part: str, work: Callable):
        started = time.perf_counter()
        done = work()
        spent[part] += time.perf_counter() - started
        return done

    with source.open("rb") as file:
        reader = readers.make_reader(source, file)
        writer = writers.make_writer(reader, ("label", "probability", "warnings"))
        chunks = reader.chunks()
        while rows := timed("reading", lambda: next(chunks, None)):
            texts = [row.fields["text"] for row in rows]
            encoded = timed("tokenising", lambda texts=texts: classifier.encode(texts))
            states = timed("recurrence", lambda e=encoded: classifier.final_states(e))
            said = classifier.probabilities(states).tolist()
            timed(
                "writing",
                lambda rows=rows, said=said: [
                    writer.row(row, ("positive", p, [])) for row, p in zip(rows, said, strict=True)
                ],
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
    parser.add_argument("--repeats", type=int, default=11, help="of the cold start")
    parser.add_argument("--files", type=int, default=5, help="times that the file is scored")
    parser.add_argument("--keras", type=Path, help="classify this file by Keras alone, and end")
    chosen = parser.parse_args()
    if chosen.keras:
        keras_alone(chosen.keras)
        return
    os.environ["SENTIMENT_MODEL"] = str(resolve.PRETRAINED)
    # Byte code is kept, as it is wherever a package is installed.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    opened, _ = prepare(PrepareSettings(), find_project())
    test = opened.split("test")
    texts = [test.text(row) for row in range(len(test))]
    lines = [*cold(chosen.repeats), ""]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "test.csv"
        with source.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["text"], *([text] for text in texts)])
        whole = scored(source, chosen.files)
        parts = shares(source)
        theirs, steady = keras_rates(source, len(texts))
    ours = len(texts) / whole
    lines += [
        "| from raw text to label | reviews/s | ours is faster by |",
        "|---|---|---|",
        f"| `sentiment predict --input test.csv --output scored.csv`, start-up included | "
        f"{ours:,.0f} | 1.0 × |",
        f"| Keras `model.predict`, stock layers, start-up included | {theirs:,.0f} | "
        f"{ours / theirs:.1f} × |",
        f"| the same, start-up not counted | {steady:,.0f} | {ours / steady:.1f} × |",
    ]
    if rate := fasttext_rate(opened.split("train"), texts):
        lines.append(
            f"| fastText, its own model, start-up not counted | {rate:,.0f} | {ours / rate:.1f} × |"
        )
    else:
        lines.append("| fastText | not installed here: skipped | |")
    lines += ["", f"{len(texts):,} test reviews in {whole:.1f} s.", "", *parts, ""]
    lines += ["`make bench-predict`, two cores, medians."]
    text = "\n".join(lines) + "\n"
    Path(__file__).with_suffix(".md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
