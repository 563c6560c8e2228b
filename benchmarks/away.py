"""What a tracking server costs a training that it does not serve well.

Run by `make bench-away`: the recipe `words` on the labelled reviews alone, in turns with the store
on this machine, with no server there, with one that answers 500, with one that takes 30 s for each
call, and with a real one that is killed after the first epoch. Prints the seconds from the start of
the process to its end, and the ratio of the medians to the first.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from faulty import BREAK, SLEEP, faulty  # noqa: E402

from sentiment.tracking import server  # noqa: E402
from sentiment.utils.paths import ProjectPaths  # noqa: E402

TURNS = 3
WORDS = ["train", "--recipe", "words", "--own-labels", "0", "--no-evaluate"]


@contextmanager
def here(folder):
    """Give no address: the store is a file."""
    yield "", lambda: None


@contextmanager
def nowhere(folder):
    """Give the address of a port that nobody listens on."""
    yield "http://127.0.0.1:9", lambda: None


def ill(plan):
    """Return a way to give the address of a server that does that with each request."""

    @contextmanager
    def way(folder):
        with faulty(plan) as there:
            yield there.address, lambda: None

    return way


@contextmanager
def dying(folder):
    """Give the address of a real server, and what kills it."""
    (folder / "mlruns").mkdir()
    port = server.free_port(0)
    started = server.start_ui(ProjectPaths(folder), port)
    address = f"http://127.0.0.1:{port}"
    with server.running(started, f"{address}/health"):
        yield address, lambda: os.killpg(started.pid, signal.SIGKILL)


WAYS = {
    "store on this machine": here,
    "no server": nowhere,
    "answers 500": ill(BREAK),
    "takes 30 s a call": ill(SLEEP),
    "dies after epoch 1": dying,
}


def seconds(way, home):
    """Train once and return how long it took."""
    with tempfile.TemporaryDirectory() as folder, way(Path(folder)) as (address, kill):
        environment = {**os.environ, "SENTIMENT_HOME": str(home), "PYTHONUNBUFFERED": "1"}
        if address:
            environment["MLFLOW_TRACKING_URI"] = address
        command = [sys.executable, "-c", "from sentiment.cli import main; main()", *WORDS]
        began = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for line in process.stdout:
            if line.startswith("epoch 1/"):
                kill()
        if process.wait():
            raise SystemExit(f"a training has failed with status {process.returncode}")
        return time.monotonic() - began


def main():
    """Measure in turns."""
    taken = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as home:
        subprocess.run(
            [sys.executable, "-c", "from sentiment.cli import main; main()", "prepare"],
            env={**os.environ, "SENTIMENT_HOME": home}, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        seconds(here, home)  # not counted: the first one reads all programs from the disk
        for turn in range(TURNS):
            for name, way in WAYS.items():
                taken[name].append(seconds(way, home))
                print(f"turn {turn + 1}, {name}: {taken[name][-1]:.1f} s", flush=True)
    print("\n| tracking server | seconds | ratio |\n|---|---|---|")
    first = statistics.median(next(iter(taken.values())))
    for name, found in taken.items():
        middle = statistics.median(found)
        print(f"| {name} | {middle:.1f} | {middle / first:.2f} |")


if __name__ == "__main__":
    main()
