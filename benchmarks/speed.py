"""How fast training is, beside the same network in stock Keras and PyTorch, and beside NumPy.

Run by `make bench-speed`; writes benchmarks/speed.md. Same machine, same run, interleaved repeats,
medians. Where PyTorch is not installed, its column says so.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sentiment.utils import environment

environment.configure_libraries()
with environment.suppress_stderr():
    import keras
    import tensorflow as tf

    from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
    from sentiment.data.examples import Examples
    from sentiment.data.prepare import prepare
    from sentiment.nn import network
    from sentiment.training import batching
    from sentiment.training.trainer import Trainer
    from sentiment.utils.paths import find_project

try:
    import torch
except ImportError:
    torch = None

VOCABULARY, SIZE, STEPS, ROWS, LONGEST = 20_000, 64, 256, 64, 1024
IN_A_ROW = 10  # steps timed together: one alone is at the mercy of whatever wakes up beside it
Batch = tuple[np.ndarray, np.ndarray, np.ndarray]  # ids (B, T, 1), labels (B,), weights (B,)


def ours() -> Callable[[Batch], float]:
    """Return the training step of this project's network as the others are: words, one layer."""
    model = ModelSettings(
        units=SIZE, bidirectional=False, embedding=SIZE, ngrams=1, dropout=0.0, word_dropout=0.0
    )
    made = network.build_network(model, words=VOCABULARY, ngrams=0, seed=0)
    trainer = Trainer(made, TrainSettings(batch_size=ROWS), steps=100_000)
    # Longer widths do not occur: reviews are cut to LONGEST words.
    widths = [width for width in batching.WIDTHS if width <= LONGEST]
    made.get_layer("rnn_1").compile_loops(ROWS, widths)
    return lambda batch: next(trainer.run_epoch([batch])).loss


def stock() -> Callable[[Batch], float]:
    """Return the training step of Embedding → SimpleRNN → Dense as the tutorials write it."""
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


def pytorch() -> Callable[[Batch], float]:
    """Return the training step of the same network in PyTorch, on packed sequences."""
    torch.manual_seed(0)
    embedding = torch.nn.Embedding(VOCABULARY, SIZE, padding_idx=0)
    rnn = torch.nn.RNN(SIZE, SIZE, batch_first=True)
    head = torch.nn.Linear(SIZE, 1)
    parts = torch.nn.ModuleList([embedding, rnn, head])
    optimizer = torch.optim.Adam(parts.parameters())
    measure = torch.nn.BCEWithLogitsLoss(reduction="none")

    def step(batch: Batch) -> float:
        ids, labels, weights = (torch.from_numpy(part) for part in batch)
        ids = ids[:, :, 0].long()
        lengths = (ids > 0).sum(1).clamp(min=1)
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            embedding(ids), lengths, batch_first=True, enforce_sorted=False
        )
        _, state = rnn(packed)
        loss = (measure(head(state[0])[:, 0], labels) * weights).sum() / weights.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def numpy_limit() -> Callable[[Batch], float]:
    """Return the matrix products of one step alone, as bare calls of BLAS.

    A chain of T products forward and one backward, and five large ones: projection, its two
    gradients, and the recurrent kernel's.
    """
    draws = np.random.default_rng(0)
    kernel, state = (draws.normal(0, 0.1, (SIZE, SIZE)).astype(np.float32) for _ in range(2))
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


def interleaved(
    passes: dict[str, Callable[[], None]], warm_ups: dict[str, Callable[[], None]], repeats: int
) -> dict[str, float]:
    """Return the median seconds of each pass, taken in turn.

    A library's idle threads spin for a while after its last product, on the cores that the next
    contender needs: each turn therefore begins with a pause and a warm-up that is not timed.
    """
    seconds: dict[str, list[float]] = {name: [] for name in passes}
    for _ in range(repeats):
        for name, run in passes.items():
            time.sleep(0.5)
            warm_ups[name]()
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def made_up_batch() -> Batch:
    """Return one full batch of 64 reviews of 256 words."""
    draws = np.random.default_rng(0)
    ids = draws.integers(1, VOCABULARY, (ROWS, STEPS, 1)).astype(np.int32)
    return ids, draws.integers(0, 2, ROWS).astype(np.float32), np.ones(ROWS, np.float32)


def real_batches() -> list[Batch]:
    """Return one epoch over the 25,000 real training reviews, neighbours in length together."""
    data, _ = prepare(PrepareSettings(), find_project())
    split = data.split("train")
    encoded = split.encoded.last(LONGEST)
    ids = np.where(encoded.tokens < VOCABULARY, encoded.tokens, 1)[:, None].astype(np.int32)
    examples = Examples(ids, encoded.offsets, split.labels.astype(np.float32))
    rows = batching.arrange_batches(examples, ROWS, np.random.default_rng(0))
    return [batching.fill_batch(examples, part, ROWS) for part in rows]


def table(title: str, seconds: dict[str, float], reviews: int) -> list[str]:
    """Return the lines of a table in Markdown; a ratio above 1 means that ours is faster."""
    lines = [f"**{title}**", "", "| | time | reviews/s | ours is faster by |", "|---|---|---|---|"]
    for name, taken in seconds.items():
        ratio = taken / seconds["sentiment"]
        lines.append(
            f"| {name} | {1000 * taken:,.1f} ms | {reviews / taken:,.0f} | {ratio:.2f} × |"
        )
    return [*lines, ""]


def main() -> None:
    """Measure, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15, help="of ten steps")
    parser.add_argument("--epochs", type=int, default=3, help="over the real reviews")
    chosen = parser.parse_args()
    steps = {"sentiment": ours(), "stock Keras SimpleRNN": stock()}
    if torch is not None:
        steps["PyTorch nn.RNN"] = pytorch()
    batch = made_up_batch()
    limit = {**steps, "NumPy, matrix products alone": numpy_limit()}
    warm_ups = {n: lambda s=s: [s(batch) for _ in range(3)] for n, s in limit.items()}
    rows = {n: lambda s=s: [s(batch) for _ in range(IN_A_ROW)] for n, s in limit.items()}
    once = {n: t / IN_A_ROW for n, t in interleaved(rows, warm_ups, chosen.repeats).items()}
    lines = table(f"One training step, {ROWS} reviews × {STEPS} words × {SIZE} units", once, ROWS)
    share = once["NumPy, matrix products alone"] / once["sentiment"]
    lines += [f"Share of this machine's own limit that a step reaches: {share:.0%}.", ""]
    epoch = real_batches()
    whole = {n: lambda s=s: [s(part) for part in epoch] for n, s in steps.items()}
    for run in whole.values():
        run()  # Stock Keras compiles for each width where it first meets it.
    taken = interleaved(whole, warm_ups, chosen.epochs)
    reviews = sum(int(part[2].sum()) for part in epoch)
    lines += table(
        f"One epoch over the {reviews:,} real reviews, up to 1,024 words", taken, reviews
    )
    if torch is None:
        lines.append("PyTorch is not installed here: skipped.")
    lines.append(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, `make bench-speed`.")
    text = "\n".join(lines) + "\n"
    Path(__file__).with_suffix(".md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
