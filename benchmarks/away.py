"""Measure what a tracking server that fails costs a training.

Run by `make bench-away`. Trains the recipe `words` on the labelled reviews alone: with the store on
this machine, with no server at the address, with a server that answers 500, with one that takes
30 s for each call, and with a real one that is killed after the first epoch. The cases take turns.
Prints the median seconds from start to exit, and their ratio to the first case.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for tests.helpers

from sentiment.tracking import server  # noqa: E402
from sentiment.utils.paths import ProjectPaths  # noqa: E402
from sentiment.utils.ports import free_port  # noqa: E402
from tests.helpers.faulty import BREAK, SLEEP, faulty  # noqa: E402

TURNS = 3
SENTIMENT = [sys.executable, "-m", "sentiment"]
TRAIN = [*SENTIMENT, "train", "--recipe", "words", "--no-evaluate"]
TRAIN += ["--members", "1", "--sentence-members", "0", "--teacher", "off"]
# Takes a folder; yields the server's address and a function to call after the first epoch.
Case = Callable[[Path], AbstractContextManager[tuple[str, Callable[[], None]]]]


@contextmanager
def local_store(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield no address, so that the store is a file."""
    yield "", lambda: None


@contextmanager
def no_server(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the address of a port on which nothing listens."""
    yield "http://127.0.0.1:9", lambda: None


def faulty_server(behaviour: str) -> Case:
    """Return a case whose server treats every request as `behaviour` says."""

    @contextmanager
    def case(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
        with faulty(behaviour) as running:
            yield running.address, lambda: None

    return case


@contextmanager
def killed_server(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the address of a real server, and a function that kills it."""
    (folder / "mlruns").mkdir()
    port = free_port(0)
    process = server.start_ui(ProjectPaths(folder), port)
    address = f"http://127.0.0.1:{port}"
    with server.running(process, f"{address}/health"):
        yield address, lambda: os.killpg(process.pid, signal.SIGKILL)


CASES: dict[str, Case] = {
    "store on this machine": local_store,
    "no server": no_server,
    "answers 500": faulty_server(BREAK),
    "takes 30 s a call": faulty_server(SLEEP),
    "dies after epoch 1": killed_server,
}


def train(case: Case, home: str) -> float:
    """Train once and return the seconds from start to exit."""
    with tempfile.TemporaryDirectory() as folder, case(Path(folder)) as (address, after_epoch):
        environment = {**os.environ, "SENTIMENT_HOME": home, "PYTHONUNBUFFERED": "1"}
        if address:
            environment["MLFLOW_TRACKING_URI"] = address
        started = time.monotonic()
        process = subprocess.Popen(TRAIN, env=environment, stdout=subprocess.PIPE, text=True)
        for line in process.stdout or ():
            if line.startswith("epoch 1/"):
                after_epoch()
        if process.wait():
            sys.exit(f"a training failed with status {process.returncode}")
        return time.monotonic() - started


def main() -> None:
    """Measure all cases in turn, and print the table."""
    seconds: dict[str, list[float]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory() as home:
        subprocess.run(
            [*SENTIMENT, "prepare"],
            env={**os.environ, "SENTIMENT_HOME": home},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        train(local_store, home)  # a warm-up: reads all libraries from the disk
        for turn in range(TURNS):
            for name, case in CASES.items():
                seconds[name].append(train(case, home))
                print(f"turn {turn + 1}, {name}: {seconds[name][-1]:.1f} s", flush=True)
    print("\n| tracking server | seconds | ratio |\n|---|---|---|")
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    first = next(iter(medians.values()))
    for name, median in medians.items():
        print(f"| {name} | {median:.1f} | {median / first:.2f} |")


if __name__ == "__main__":
    main()
