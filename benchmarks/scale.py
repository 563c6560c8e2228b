"""Compare scoring files of up to a million texts on this machine and on Spark.

Run by `make bench-scale`; writes docs/benchmarks/scale.md and scale.png. The texts, in JSONL,
are windows of 30 words from the 360 reviews of the sample. Each time is that of a whole process;
start-up is the time for one text. Spark's executors are processes with one core each on this
machine (`local-cluster`).
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
WINDOW = 30  # words of a text
ENGINES = {
    "loop": [],
    "Spark, 1 executor": ["--engine", "spark", "--master", "local-cluster[1,1,1024]"],
    "Spark, 2 executors": ["--engine", "spark", "--master", "local-cluster[2,1,1024]"],
}
ESTIMATED_ROWS, ESTIMATED_EXECUTORS = (10**7, 10**9), (1, 10, 100)
FOLDER = Path(__file__).parents[1] / "docs" / "benchmarks"
PAGE = """# Files scored on this machine and on Spark

`make bench-scale` on {cores} cores. Seconds of a whole process, one run each. `loop` is `sentiment
predict` on both cores; an executor has one core.

{times}

Rows per second without start-up (the time for one text):

{rates}

![Seconds against rows](scale.png)

## Estimate for more executors

Measured here: the loop takes {loop_start:.1f} s and {loop_row:.1f} µs per row on {cores} cores;
Spark takes {spark_start:.1f} s and {spark_row:.1f} µs of an executor's time per row. Assumptions:
executors have one core each, as fast as one of this machine; time is inversely proportional to
their number; all executors can read and write the files at once; there are no other jobs; no
executor is lost; start-up takes as long as here, though on a busy cluster it takes minutes.

{estimates}

{break_even}
"""


def write_texts(path: Path, rows: int) -> None:
    """Write `rows` numbered texts."""
    reviews = [review.split() for review in load_sample()["train"].texts]
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            words = reviews[number % len(reviews)]
            first = number * 7 % max(1, len(words) - WINDOW)
            text = " ".join([*words[first : first + WINDOW], str(number)])
            file.write(json.dumps({"id": number, "text": text}) + "\n")


def score(options: list[str], source: Path, output: Path) -> float:
    """Score a file and return the seconds that it took."""
    command = [sys.executable, "-m", "sentiment", "predict", "--quiet", *options]
    started = time.monotonic()
    subprocess.run(
        [*command, "--input", source, "--output", output],
        check=True,
        env={**os.environ, "SENTIMENT_MODEL": ""},
        stderr=subprocess.DEVNULL,
    )
    seconds = time.monotonic() - started
    if output.is_dir():
        shutil.rmtree(output)
    else:
        output.unlink()
    return seconds


def measure() -> dict[str, dict[int, float]]:
    """Return the seconds of each engine by the number of rows; the engines take turns."""
    seconds: dict[str, dict[int, float]] = {name: {} for name in ENGINES}
    with tempfile.TemporaryDirectory() as name:
        source, output = Path(name) / "texts.jsonl", Path(name) / "scored.jsonl"
        for rows in ROWS:
            write_texts(source, rows)
            for engine, options in ENGINES.items():
                seconds[engine][rows] = score(options, source, output)
                print(f"{engine}, {rows:,} rows: {seconds[engine][rows]:.1f} s", flush=True)
    return seconds


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def duration(seconds: float) -> str:
    """Return a duration in seconds, minutes or hours."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def draw(seconds: dict[str, dict[int, float]]) -> None:
    """Draw seconds against rows."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="rows", ylabel="seconds")
    for (engine, by_rows), marker in zip(seconds.items(), "os^", strict=True):
        axes.plot(list(by_rows), list(by_rows.values()), marker=marker, label=engine)
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False)
    figure.savefig(FOLDER / "scale.png", dpi=120)


def measured_tables(seconds: dict[str, dict[int, float]]) -> dict[str, str]:
    """Return the tables of seconds and of rows per second."""
    head = ["rows", *seconds]
    times = [[f"{n:,}", *(f"{by_rows[n]:.1f}" for by_rows in seconds.values())] for n in ROWS]
    rates = [
        [f"{n:,}", *(f"{n / max(t[n] - t[1], 1e-3):,.0f}" for t in seconds.values())]
        for n in ROWS[2:]
    ]
    return {"times": table(head, times), "rates": table(head, rates)}


def page(seconds: dict[str, dict[int, float]]) -> str:
    """Return docs/benchmarks/scale.md."""
    last = ROWS[-1]
    per_row = {name: (by_rows[last] - by_rows[1]) / last for name, by_rows in seconds.items()}
    loop_start, one_start, two_start = (
        seconds[name][1] for name in ("loop", "Spark, 1 executor", "Spark, 2 executors")
    )
    loop_row, spark_row = per_row["loop"], CORES * per_row["Spark, 2 executors"]
    estimates = [
        [f"{rows:,}", duration(loop_start + rows * loop_row)]
        + [duration(one_start + rows * spark_row / count) for count in ESTIMATED_EXECUTORS]
        for rows in ESTIMATED_ROWS
    ]
    break_even = {
        count: (two_start - loop_start) / (loop_row - spark_row / count) for count in (4, 10, 100)
    }
    clauses = [
        f"with {count} executors from {float(f'{rows:.2g}'):,.0f} rows"
        if rows > 0
        else f"with {count} executors never"
        for count, rows in break_even.items()
    ]
    return PAGE.format(
        **measured_tables(seconds),
        cores=CORES,
        loop_start=loop_start,
        loop_row=1e6 * loop_row,
        spark_start=two_start,
        spark_row=1e6 * spark_row,
        estimates=table(
            ["rows", "loop", *(f"Spark, executors: {count}" for count in ESTIMATED_EXECUTORS)],
            estimates,
        ),
        break_even=f"By these figures Spark is faster {', '.join(clauses)}.",
    )


def main() -> None:
    """Measure, and write the page and the figure."""
    seconds = measure()
    draw(seconds)
    (FOLDER / "scale.md").write_text(page(seconds), "utf-8")
    print(page(seconds))


if __name__ == "__main__":
    main()
