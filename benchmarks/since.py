"""Compare this tree with an earlier commit: whole trainings, preparing, classifying, a step.

Run by `make bench-since COMMIT=…`; writes docs/benchmarks/since.md. Both run in turn, in processes
of their own, on IMDB; the tables have medians. Half an hour on two cores.
"""

import argparse
import csv
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sentiment.data.prepare import prepare
from sentiment.recipe import default_recipe
from sentiment.utils import environment
from sentiment.utils.paths import ProjectPaths

ROOT = Path(__file__).parents[1]
SENTIMENT = [sys.executable, "-c", "from sentiment.cli import main; main()"]
IMPORTS = [sys.executable, "-c", "import numpy, typer"]
# The step of a commit's own benchmark, on its own batches.
STEP = """
import statistics, sys, time
sys.path.insert(0, "benchmarks")
import speed
step, batch = speed.sentiment_step(), speed.random_batch()
times = []
for _ in range(30):
    started = time.perf_counter()
    for _ in range(speed.STEPS_PER_REPEAT):
        step(batch)
    times.append((time.perf_counter() - started) / speed.STEPS_PER_REPEAT)
print(statistics.median(times[5:]))
"""


@dataclass(frozen=True)
class Version:
    """A tree of files to measure, and a project folder of its own."""

    name: str
    tree: Path
    home: Path

    def run(self, command: list[str]) -> subprocess.CompletedProcess:
        """Run a command with this version of the package; exit if it fails."""
        variables = {"PYTHONPATH": str(self.tree), "SENTIMENT_HOME": str(self.home)}
        done = subprocess.run(
            command, cwd=self.tree, env=os.environ | variables, capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(f"{self.name}: {' '.join(command)}\n{done.stderr}")
        return done

    def seconds(self, command: list[str]) -> float:
        """Return the seconds that a command takes from start to exit."""
        started = time.perf_counter()
        self.run(command)
        return time.perf_counter() - started


@dataclass(frozen=True)
class Training:
    """One training: seconds to the printed test accuracy and to the first epoch, MiB, accuracy."""

    total: float
    first_epoch: float
    memory: float
    accuracy: float


def train(version: Version, seed: int) -> Training:
    """Train the default recipe on prepared reviews."""
    run = [*SENTIMENT, "train", "--seed", str(seed), "--profile"]
    started = time.perf_counter()
    variables = {"PYTHONPATH": str(version.tree), "SENTIMENT_HOME": str(version.home)}
    process = subprocess.Popen(
        ["/usr/bin/time", "-f", "peak %M", *run], cwd=version.tree, env=os.environ | variables,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    first, total, lines = 0.0, 0.0, []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("epoch 1/"):
            epoch = float(re.search(r"% +([0-9.]+) s ", line)[1])
            first = time.perf_counter() - started - epoch
        if line.startswith("Test accuracy"):
            total = time.perf_counter() - started
    if process.wait():
        sys.exit("".join(lines))
    text = "".join(lines)
    accuracy = float(re.search(r"Test accuracy +([0-9.]+)", text)[1])
    return Training(total, first, int(re.search(r"peak (\d+)", text)[1]) / 1024, accuracy)


def in_turn(versions: list[Version], repeats: int, measure: Callable) -> dict[str, list]:
    """Return what `measure(version, repeat)` gives, by name of the version."""
    found: dict[str, list] = {version.name: [] for version in versions}
    for repeat in range(repeats):
        for version in versions:
            found[version.name].append(measure(version, repeat))
            print(version.name, found[version.name][-1], flush=True)
    return found


def row(what: str, found: dict[str, list[float]], unit: str, digits: int = 1) -> str:
    """Return a row of medians and their ratio."""
    before, after = (statistics.median(values) for values in found.values())
    shown = (f"{value:,.{digits}f} {unit}" for value in (before, after))
    return f"| {what} | {' | '.join(shown)} | {after / before:.2f} |"


def head(title: str) -> list[str]:
    """Return the first lines of a table."""
    return ["", f"**{title}**", "", "| | before | after | after ÷ before |", "|---|---|---|---|"]


def train_lines(versions: list[Version], repeats: int) -> list[str]:
    """Return the table of trainings, one for each seed."""
    found = in_turn(versions, repeats, train)

    def values(name: str) -> dict[str, list[float]]:
        return {version: [getattr(one, name) for one in done] for version, done in found.items()}

    return [
        *head("`sentiment train`, IMDB prepared, seeds 0 to 2"),
        row("from start to test accuracy", values("total"), "s"),
        row("from start to the first epoch's first step", values("first_epoch"), "s"),
        row("peak memory", values("memory"), "MiB", 0),
        row("test accuracy, mean", {k: [statistics.mean(v)] for k, v in values("accuracy").items()},
            "%", 2),
    ]  # fmt: skip


def predict_lines(versions: list[Version], repeats: int, source: Path) -> list[str]:
    """Return the table of classifying; source: a CSV file of the test reviews."""
    scoring = [*SENTIMENT, "predict", "--quiet", "--model", "pretrained"]

    def score(version: Version, _: int) -> float:
        output = version.home / "scored.csv"
        return version.seconds([*scoring, "--input", str(source), "--output", str(output)])

    files = in_turn(versions, repeats, score)
    outputs = {(version.home / "scored.csv").read_bytes() for version in versions}
    cold, imports = (
        in_turn(versions, 25, lambda version, _, command=command: version.seconds(command))
        for command in ([*scoring, "An unforgettable film."], IMPORTS)
    )
    return [
        *head("`sentiment predict`"),
        row("25,000 test reviews, CSV to CSV, start included", files, "s", 2),
        row("the same in reviews a second", {k: [25_000 / t for t in v] for k, v in files.items()},
            "/s", 0),
        row("one text, start to exit", cold, "s", 3),
        row('`python -c "import numpy, typer"`', imports, "s", 3),
        "",
        "The answers are the same, byte by byte." if len(outputs) == 1 else "The answers differ.",
    ]  # fmt: skip


def main() -> None:
    """Measure, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit", help="what to compare with")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    environment.configure_libraries()
    # An installed package has its byte code on the disk.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as tmp:
        tree, homes = Path(tmp) / "before", [Path(tmp) / "home-before", Path(tmp) / "home-after"]
        subprocess.run(
            ["git", "worktree", "add", "--detach", str(tree), options.commit], cwd=ROOT, check=True
        )
        try:
            versions = [Version("before", tree, homes[0]), Version("after", ROOT, homes[1])]
            lines = ["# Before and after", "", f"This tree beside commit {options.commit}."]
            lines += measure(versions, options.repeats, Path(tmp))
        finally:
            command = ["git", "worktree", "remove", "--force", str(tree)]
            subprocess.run(command, cwd=ROOT, check=True)
    lines += ["", f"`make bench-since COMMIT={options.commit}`, two cores, medians, in turn."]
    text = "\n".join(lines) + "\n"
    (ROOT / "docs" / "benchmarks" / "since.md").write_text(text, "utf-8")
    print(text)


def measure(versions: list[Version], repeats: int, folder: Path) -> list[str]:
    """Return the lines of all tables."""
    preparing = in_turn(
        versions, repeats, lambda version, _: version.seconds([*SENTIMENT, "prepare", "--again"])
    )
    test = prepare(default_recipe().prepare, ProjectPaths(versions[1].home))[0].split("test")
    source = folder / "test.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text"], *([test.text(row)] for row in range(len(test)))])
    step = [sys.executable, "-c", STEP]
    steps = in_turn(versions, repeats, lambda version, _: float(version.run(step).stdout) * 1e3)
    return [
        *train_lines(versions, repeats),
        *predict_lines(versions, repeats + 2, source),
        *head("Preparing, and one training step"),
        row("`sentiment prepare --again`", preparing, "s"),
        row("a step of 64 reviews × 256 words × 64 units", steps, "ms"),
    ]


if __name__ == "__main__":
    main()
