"""Measure `sentiment serve` beside MLflow's scoring server and a FastAPI app around Keras.

Run by `make bench-serve`; writes docs/benchmarks/serve.md.
All three answer with the bundled model, each
in one process, and take turns: requests of 1 and 100 texts, of 20 and 200 words, on 1, 16 and 64
connections. The load comes from wrk (`apt-get install wrk`). Then a soak: many requests to one
process, whose memory has to stay within 5 %. What can't be measured is named and left out.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for tests.helpers

from sentiment.inference import bundle, resolve  # noqa: E402
from sentiment.utils import environment  # noqa: E402
from sentiment.utils.ports import base_url, free_port  # noqa: E402

environment.configure_libraries()

START_SECONDS = 120
JSON = {"Content-Type": "application/json"}
GROWTH = 1.05  # of the memory in the soak
CASES = [
    (words, texts, connections)
    for words in (20, 200)
    for texts in (1, 100)
    for connections in (1, 16, 64)
]
SCRIPT = """
local file = io.open(os.getenv("BODY"))
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Content-Type"] = "application/json"
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("%d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.status + e.read + e.write + e.timeout))
end
"""


@dataclass(frozen=True)
class Peer:
    """A server: its process, the address of its endpoint, and the field with the texts."""

    process: psutil.Process
    url: str
    field: str

    def memory(self) -> float:
        """Return MiB of the process and its children; what they share counts once."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(each.memory_full_info().pss for each in family) / 2**20


@dataclass(frozen=True)
class Load:
    """The answers to one run of wrk: requests a second, milliseconds, failed requests."""

    rate: float
    p50: float
    p99: float
    failed: int


@contextmanager
def sentiment_server(folder: Path) -> Iterator[Peer]:
    """Run `sentiment serve`."""
    port = free_port(0)
    command = [sys.executable, "-m", "sentiment", "serve", "--port", str(port)]
    with server(
        [*command, "--model", "pretrained"], port, "/readyz", "/v1/classify", "texts"
    ) as it:
        yield it


@contextmanager
def keras_server(folder: Path) -> Iterator[Peer]:
    """Run this file as a FastAPI app around Keras."""
    port = free_port(0)
    command = [sys.executable, __file__, "--keras", str(port)]
    with server(command, port, "/docs", "/classify", "texts") as it:
        yield it


@contextmanager
def mlflow_server(folder: Path) -> Iterator[Peer]:
    """Run `mlflow models serve`, in which MLflow runs the code that was logged with the model."""
    from sentiment.tracking.server import running
    from tests.helpers.logged import save_model, start_model

    save_model(resolve.PRETRAINED, folder / "model")
    port = free_port(0)
    process = start_model(folder / "model", port)
    base = base_url("127.0.0.1", port)
    with running(process, f"{base}/health"):
        yield Peer(psutil.Process(process.pid), f"{base}/invocations", "inputs")


@contextmanager
def server(command: list[str], port: int, probe: str, path: str, field: str) -> Iterator[Peer]:
    """Run a server until the body ends; `probe` answers when it is ready."""
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, **quiet)
    base = base_url("127.0.0.1", port)
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                urllib.request.urlopen(base + probe).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"did not start: {' '.join(command)}")
                time.sleep(0.02)
        yield Peer(psutil.Process(process.pid), base + path, field)
    finally:
        process.terminate()
        process.wait()


SERVERS: dict[str, Callable[[Path], Any]] = {
    "sentiment": sentiment_server,
    "mlflow": mlflow_server,
    "keras": keras_server,
}


def run_keras(port: int) -> None:
    """Serve the bundled model with `model.predict` of Keras's own layers."""
    import uvicorn
    from fastapi import Body, FastAPI

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
    app, lock = FastAPI(), threading.Lock()

    @app.post("/classify")
    def classify(texts: list[str] = Body(embed=True)) -> dict[str, list[float]]:  # noqa: B008
        encoded = tokenizer.encode(texts).last(settings.longest_review)
        features = tokenizer.features(
            encoded, settings.ngrams, repeats=settings.repeats, negation=settings.negation
        )
        length = -(-int(encoded.lengths.max()) // 64) * 64  # each new length compiles once
        ids = np.zeros((len(texts), length, features.shape[1]), np.int32)
        ids[np.arange(length) < encoded.lengths[:, None]] = features
        with lock:
            logits = model.predict(ids, batch_size=256, verbose=0)[:, 0]
        return {"probabilities": (1 / (1 + np.exp(-logits / pretrained.temperature))).tolist()}

    uvicorn.run(app, port=port, log_level="error")


def make_body(field: str, words: int, texts: int) -> str:
    """Return a request of random texts of frequent words."""
    vocabulary = bundle.read(resolve.PRETRAINED).tokenizer.words[:3000]
    draw = random.Random(words)
    return json.dumps({field: [" ".join(draw.choices(vocabulary, k=words)) for _ in range(texts)]})


def load(peer: Peer, body: Path, connections: int, seconds: int) -> Load:
    """Send the request in the file `body` again and again."""
    script = body.with_suffix(".lua")
    script.write_text(SCRIPT)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
    done = subprocess.run(
        [*command, "-s", str(script), peer.url],
        env={**os.environ, "BODY": str(body)},
        capture_output=True,
        text=True,
        check=True,
    )
    # wrk leaves at the end of its time; what it has sent still keeps the server busy.
    request = urllib.request.Request(peer.url, body.read_bytes(), JSON)
    urllib.request.urlopen(request, timeout=600).close()
    requests, duration, p50, p99, failed = map(int, done.stdout.splitlines()[-1].split())
    return Load(requests / (duration / 1e6), p50 / 1e3, p99 / 1e3, failed)


def measure(peers: dict[str, Peer], folder: Path, rounds: int, seconds: int) -> list[str]:
    """Return the table of all cases; each number is the median of the rounds."""
    lines = ["| words | texts | connections | server | requests/s | p50 | p99 | failed |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for words, texts, connections in CASES:
        results: dict[str, list[Load]] = {name: [] for name in peers}
        for turn in range(rounds + 1):
            for name, peer in peers.items():
                body = folder / f"{name}-{words}-{texts}.json"
                if not body.exists():
                    body.write_text(make_body(peer.field, words, texts))
                found = load(peer, body, connections, seconds if turn else 1)
                if turn:  # the first is a warm-up
                    results[name].append(found)
        for name, found in results.items():
            lines.append(table_row((words, texts, connections), name, found))
            print(lines[-1], flush=True)
    return lines


def table_row(case: tuple[int, int, int], name: str, found: list[Load]) -> str:
    """Return a row of the table."""
    rate, p50, p99 = (
        statistics.median(getattr(each, part) for each in found) for part in ("rate", "p50", "p99")
    )
    failed = sum(each.failed for each in found)
    numbers = f"{rate:,.0f} | {p50:.1f} ms | {p99:.1f} ms | {failed}"
    return f"| {' | '.join(map(str, case))} | {name} | {numbers} |"


def soak(requests: int, folder: Path) -> list[str]:
    """Return what many requests do to the memory of a fresh process; exit if it grows."""
    body = folder / "soak.json"
    body.write_text(make_body("texts", 20, 1))
    with sentiment_server(folder) as peer:
        answered, memory = 0.0, []
        while answered < requests:
            found = load(peer, body, 16, 2)
            if found.failed:
                sys.exit(f"{found.failed} requests failed in the soak")
            answered += 2 * found.rate
            memory.append(peer.memory())
    first, last = memory[0], max(memory[-3:])
    line = (
        f"{answered:,.0f} requests: {first:.1f} MiB after the first 2 s, {last:.1f} MiB at the end."
    )
    if last > GROWTH * first:
        sys.exit(f"the memory grows: {line}")
    return [line]


def main() -> None:
    """Measure, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of load in each turn")
    parser.add_argument("--requests", type=int, default=200_000, help="of the soak")
    parser.add_argument("--peers", nargs="+", choices=SERVERS, default=list(SERVERS))
    parser.add_argument("--keras", type=int, metavar="PORT", help="be the Keras app, and no more")
    options = parser.parse_args()
    if options.keras:
        run_keras(options.keras)
        return
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing, so nothing is measured: apt-get install wrk")
    lines = ["# Serving, timed", ""]
    lines += [f"`make bench-serve`, {os.cpu_count()} cores, medians of {options.rounds}.", ""]
    with tempfile.TemporaryDirectory() as tmp, ExitStack() as stack:
        folder = Path(tmp)
        peers = {name: stack.enter_context(SERVERS[name](folder)) for name in options.peers}
        lines += measure(peers, folder, options.rounds, options.seconds)
        lines += ["", "| server | memory after it |", "|---|---|"]
        lines += [f"| {name} | {peer.memory():.0f} MiB |" for name, peer in peers.items()]
        skipped = ", ".join(name for name in SERVERS if name not in peers)
        lines += ["", f"Left out: {skipped}." if skipped else "Nothing was left out.", ""]
        stack.close()
        lines += soak(options.requests, folder)
    text = "\n".join(lines) + "\n"
    (ROOT / "docs" / "benchmarks" / "serve.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
