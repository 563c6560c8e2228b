"""Files of a thousand to a million texts scored on this machine and on Spark, start-up apart.

Run by `make bench-scale`; writes benchmarks/scale.md and benchmarks/scale.png. Texts are windows of
30 words from the 360 reviews of the sample, in JSONL. Each time is that of a whole process, and
start-up the time for one text. Spark's executors are processes of one core each on this machine
(`local-cluster`).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from matplotlib.figure import Figure

from sentiment.data.sources import load_sample

ROWS = (1, 1_000, 10_000, 100_000, 1_000_000)
CORES = 2
ENGINES = {
    "loop": [],
    "Spark, 1 executor": ["--engine", "spark", "--master", "local-cluster[1,1,1024]"],
    "Spark, 2 executors": ["--engine", "spark", "--master", "local-cluster[2,1,1024]"],
}
FAR, EXECUTORS = (10**7, 10**9), (1, 10, 100)
HERE = Path(__file__).parent
TEXT = """# Files scored here and on Spark

`make bench-scale` on {cores} cores. Seconds of a whole process, one each; `loop` is `sentiment
predict` on both cores, an executor has one.

{times}

Rows a second, start-up (the time for one text) taken off:

{rates}

![Seconds against rows](scale.png)

## On paper

From what was measured here: the loop takes {loop_start:.1f} s and {loop_row:.1f} µs a row on
{cores} cores, Spark {spark_start:.1f} s and {spark_row:.1f} µs of an executor's time a row.
Assumed: executors like this machine's cores, one core each; time that falls as their number grows;
files that many executors can read and write at once; no other jobs; no executor lost; start-up as
it is here, where a busy cluster's is minutes.

{paper}

{break_even}
"""


def write(path: Path, rows: int) -> None:
    """Write `rows` numbered texts."""
    reviews = [review.split() for review in load_sample()["train"].texts]
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            words = reviews[number % len(reviews)]
            first = number * 7 % max(1, len(words) - 30)
            text = " ".join([*words[first : first + 30], str(number)])
            file.write(json.dumps({"id": number, "text": text}) + "\n")


def seconds(options: list[str], source: Path, output: Path) -> float:
    """Return how long scoring took."""
    command = [sys.executable, "-c", "from sentiment.cli import main; main()", "predict", "--quiet"]
    began = time.monotonic()
    subprocess.run(
        [*command, *options, "--input", source, "--output", output], check=True,
        env={**os.environ, "SENTIMENT_MODEL": ""}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    taken = time.monotonic() - began
    if output.is_dir():
        shutil.rmtree(output)
    else:
        output.unlink()
    return taken


def measure() -> dict[str, dict[int, float]]:
    """Return the seconds of each engine by the number of rows, engines in turns."""
    found: dict[str, dict[int, float]] = {name: {} for name in ENGINES}
    with tempfile.TemporaryDirectory() as name:
        source, output = Path(name) / "texts.jsonl", Path(name) / "scored.jsonl"
        for rows in ROWS:
            write(source, rows)
            for engine, options in ENGINES.items():
                found[engine][rows] = seconds(options, source, output)
                print(f"{engine}, {rows:,} rows: {found[engine][rows]:.1f} s", flush=True)
    return found


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def duration(taken: float) -> str:
    """Return seconds as people say them."""
    if taken < 120:
        return f"{taken:.0f} s"
    return f"{taken / 60:.0f} min" if taken < 7200 else f"{taken / 3600:.1f} h"


def draw(found: dict[str, dict[int, float]]) -> None:
    """Draw seconds against rows."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="rows", ylabel="seconds")
    for (engine, taken), marker in zip(found.items(), "os^", strict=True):
        axes.plot(list(taken), list(taken.values()), marker=marker, label=engine)
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False)
    figure.savefig(HERE / "scale.png", dpi=120)


def report(found: dict[str, dict[int, float]]) -> str:
    """Return the page."""
    most = ROWS[-1]
    per_row = {name: (taken[most] - taken[1]) / most for name, taken in found.items()}
    loop, one = found["loop"], found["Spark, 1 executor"]
    two = found["Spark, 2 executors"]
    loop_row, spark_row = per_row["loop"], CORES * per_row["Spark, 2 executors"]
    paper = [
        [f"{rows:,}", duration(loop[1] + rows * loop_row)]
        + [duration(one[1] + rows * spark_row / number) for number in EXECUTORS]
        for rows in FAR
    ]
    pays = {n: (two[1] - loop[1]) / (loop_row - spark_row / n) for n in (4, 10, 100)}
    told = [
        f"with {n} executors from {float(f'{rows:.2g}'):,.0f} rows"
        if rows > 0
        else f"with {n} executors never"
        for n, rows in pays.items()
    ]
    return TEXT.format(
        cores=CORES,
        times=table(
            ["rows", *found],
            [[f"{rows:,}", *(f"{found[name][rows]:.1f}" for name in found)] for rows in ROWS],
        ),
        rates=table(
            ["rows", *found],
            [
                [f"{n:,}", *(f"{n / max(t[n] - t[1], 1e-3):,.0f}" for t in found.values())]
                for n in ROWS[2:]
            ],
        ),
        loop_start=loop[1],
        loop_row=1e6 * loop_row,
        spark_start=two[1],
        spark_row=1e6 * spark_row,
        paper=table(["rows", "loop", *(f"Spark, executors: {n}" for n in EXECUTORS)], paper),
        break_even=f"By these figures Spark is the faster one {', '.join(told)}.",
    )


def main() -> None:
    """Measure, draw, write."""
    found = measure()
    draw(found)
    (HERE / "scale.md").write_text(report(found), "utf-8")
    print(report(found))


if __name__ == "__main__":
    main()
