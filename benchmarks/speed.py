"""Compare the speed of training with stock Keras, PyTorch and bare NumPy products.

Run by `make bench-speed`; writes docs/benchmarks/speed.md.
All run in one process, in turn; the tables
have medians. PyTorch is skipped if it is not installed.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data.examples import Examples
from sentiment.data.prepare import prepare
from sentiment.utils import environment
from sentiment.utils.paths import find_project

environment.configure_libraries()
with environment.suppress_stderr():
    import keras
    import tensorflow as tf

    from sentiment.nn import network
    from sentiment.training import batching
    from sentiment.training.trainer import Trainer

try:
    import torch
except ImportError:
    torch = None

VOCABULARY, SIZE = 20_000, 64  # words; numbers of a word's vector and hidden units
STEPS, ROWS = 256, 64  # of a batch
MAX_TOKENS = 1024  # of a real review
STEPS_PER_REPEAT = 10  # one step alone is so short that other processes disturb its time
Batch = tuple[np.ndarray, np.ndarray, np.ndarray]  # ids (B, T, 1), labels (B,), weights (B,)


def sentiment_step() -> Callable[[Batch], float]:
    """Return this project's training step, for the same network: words, one layer."""
    model = ModelSettings(
        units=SIZE, bidirectional=False, embedding=SIZE, ngrams=1, dropout=0.0, word_dropout=0.0
    )
    built = network.build_network(model, words=VOCABULARY, ngrams=0, seed=0)
    trainer = Trainer(built, TrainSettings(batch_size=ROWS), steps=100_000)
    built.get_layer("rnn_1").compile_loops(ROWS, MAX_TOKENS)
    return lambda batch: next(trainer.run_epoch([batch])).loss


def keras_step() -> Callable[[Batch], float]:
    """Return the training step of Keras's Embedding → SimpleRNN → Dense, as in tutorials."""
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(VOCABULARY, SIZE, mask_zero=True),
            keras.layers.SimpleRNN(SIZE),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))

    def step(batch: Batch) -> float:
        ids, labels, weights = batch
        return float(model.train_on_batch(ids[:, :, 0], labels[:, None], sample_weight=weights))

    return step


def pytorch_step() -> Callable[[Batch], float]:
    """Return the training step of the same network in PyTorch, on packed sequences."""
    torch.manual_seed(0)
    embedding = torch.nn.Embedding(VOCABULARY, SIZE, padding_idx=0)
    rnn = torch.nn.RNN(SIZE, SIZE, batch_first=True)
    head = torch.nn.Linear(SIZE, 1)
    modules = torch.nn.ModuleList([embedding, rnn, head])
    optimizer = torch.optim.Adam(modules.parameters())
    cross_entropy = torch.nn.BCEWithLogitsLoss(reduction="none")

    def step(batch: Batch) -> float:
        ids, labels, weights = (torch.from_numpy(array) for array in batch)
        ids = ids[:, :, 0].long()
        lengths = (ids > 0).sum(1).clamp(min=1)
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            embedding(ids), lengths, batch_first=True, enforce_sorted=False
        )
        _, state = rnn(packed)
        losses = cross_entropy(head(state[0])[:, 0], labels)
        loss = (losses * weights).sum() / weights.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def numpy_step() -> Callable[[Batch], float]:
    """Return the matrix products of one step, as bare calls of BLAS.

    They are a chain of T products forward, one of T backward, and four large products: the
    projection, its two gradients, and the gradient of the recurrent kernel.
    """
    generator = np.random.default_rng(0)
    kernel, state = (generator.normal(0, 0.1, (SIZE, SIZE)).astype(np.float32) for _ in range(2))
    out = np.empty_like(state)

    def step(batch: Batch) -> float:
        rows, steps, _ = batch[0].shape
        flat = np.ones((rows * steps, SIZE), np.float32)
        for _ in range(2 * steps):
            np.dot(state, kernel, out=out)
        np.dot(flat, kernel)  # projection
        np.dot(flat, kernel.T)  # gradient of the embedded words
        np.dot(flat.T, flat)  # gradient of the kernel
        np.dot(flat.T, flat)  # gradient of the recurrent kernel
        return 0.0

    return step


def median_seconds(
    runs: dict[str, Callable[[], object]], warm_ups: dict[str, Callable[[], object]], repeats: int
) -> dict[str, float]:
    """Return the median seconds of each run; the runs take turns.

    The idle threads of a library spin for a while after its last product, on the cores that the
    next one needs. So each turn begins with a pause and a warm-up that is not timed.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            time.sleep(0.5)
            warm_ups[name]()
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def random_batch() -> Batch:
    """Return a full batch of 64 random reviews of 256 words."""
    generator = np.random.default_rng(0)
    ids = generator.integers(1, VOCABULARY, (ROWS, STEPS, 1)).astype(np.int32)
    return ids, generator.integers(0, 2, ROWS).astype(np.float32), np.ones(ROWS, np.float32)


def real_batches() -> list[Batch]:
    """Return the batches of one epoch over the 25,000 training reviews, each of similar lengths."""
    data, _ = prepare(PrepareSettings(), find_project())
    split = data.split("train")
    encoded = split.encoded.last(MAX_TOKENS)
    ids = np.where(encoded.tokens < VOCABULARY, encoded.tokens, 1)[:, None].astype(np.int32)
    examples = Examples(ids, encoded.offsets, split.labels.astype(np.float32))
    rows = batching.arrange_batches(examples, ROWS, np.random.default_rng(0))
    return [batching.fill_batch(examples, batch, ROWS) for batch in rows]


def table(title: str, seconds: dict[str, float], reviews: int) -> list[str]:
    """Return the lines of a table in Markdown; a ratio above 1 means that sentiment is faster."""
    lines = [f"**{title}**", "", "| | time | reviews/s | sentiment is faster by |"]
    lines.append("|---|---|---|---|")
    for name, median in seconds.items():
        ratio = median / seconds["sentiment"]
        lines.append(
            f"| {name} | {1000 * median:,.1f} ms | {reviews / median:,.0f} | {ratio:.2f} × |"
        )
    return [*lines, ""]


def main() -> None:
    """Measure, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15, help="repeats of ten steps")
    parser.add_argument("--epochs", type=int, default=3, help="epochs over the real reviews")
    options = parser.parse_args()
    steps = {"sentiment": sentiment_step(), "stock Keras SimpleRNN": keras_step()}
    if torch is not None:
        steps["PyTorch nn.RNN"] = pytorch_step()
    batch = random_batch()
    limit = "NumPy, matrix products alone"
    with_limit = {**steps, limit: numpy_step()}
    warm_ups = {n: lambda s=s: [s(batch) for _ in range(3)] for n, s in with_limit.items()}
    runs = {
        n: lambda s=s: [s(batch) for _ in range(STEPS_PER_REPEAT)] for n, s in with_limit.items()
    }
    seconds = median_seconds(runs, warm_ups, options.repeats)
    step_seconds = {name: median / STEPS_PER_REPEAT for name, median in seconds.items()}
    title = f"One training step, {ROWS} reviews × {STEPS} words × {SIZE} units"
    lines = ["# Training, timed", "", *table(title, step_seconds, ROWS)]
    share = step_seconds[limit] / step_seconds["sentiment"]
    lines += [f"A step reaches {share:.0%} of the speed of its matrix products alone.", ""]
    batches = real_batches()
    epochs = {n: lambda s=s: [s(part) for part in batches] for n, s in steps.items()}
    for run in epochs.values():
        run()  # A warm-up: stock Keras compiles for each new width.
    epoch_seconds = median_seconds(epochs, warm_ups, options.epochs)
    reviews = sum(int(weights.sum()) for _, _, weights in batches)
    title = f"One epoch over the {reviews:,} real reviews, up to 1,024 words"
    lines += table(title, epoch_seconds, reviews)
    if torch is None:
        lines.append("PyTorch is not installed: skipped.")
    lines.append(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, `make bench-speed`.")
    text = "\n".join(lines) + "\n"
    (Path(__file__).parents[1] / "docs" / "benchmarks" / "speed.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
