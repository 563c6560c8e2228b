"""Large inputs and long runs: the same answers, and memory that does not grow with the work."""

import json
import os
import subprocess
import sys
import threading
import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest

from sentiment.inference import bundle, resolve
from sentiment.inference.classifier import Classifier
from sentiment.inference.predict import LabelRule, predict
from tests.helpers.slow import SLOW

COMMAND = [sys.executable, "-c", "from sentiment.cli import main; main()", "predict"]
MIB = 1 << 20
PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path / "home"))  # no model but the bundled one
    monkeypatch.delenv("SENTIMENT_MODEL", raising=False)
    monkeypatch.chdir(tmp_path)


def resident(process="self"):
    """Return the bytes of memory that a process shares with no other."""
    _, total, shared = map(int, Path(f"/proc/{process}/statm").read_text().split()[:3])
    return (total - shared) * PAGE


def score(*words, stdin=None):
    """Run the command; return its status, both outputs and its peak memory in bytes.

    The memory is that of all its processes at one moment, without what they share, such as the
    model.
    """
    process = subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=stdin or subprocess.DEVNULL,
    )  # fmt: skip
    peak, outputs = 0, []
    reader = threading.Thread(target=lambda: outputs.extend(process.communicate()))
    reader.start()
    while reader.is_alive():
        used = 0
        for pid in with_descendants(process.pid):
            try:
                used += resident(pid)
            except (OSError, ValueError):  # it has just ended
                continue
        peak = max(peak, used)
        reader.join(0.05)
    return process.returncode, *(stream.decode("utf-8") for stream in outputs), peak


def with_descendants(parent):
    """Return the ids of a process and of those that it has started."""
    try:
        tasks = Path(f"/proc/{parent}/task").iterdir()
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        children = []
    return [parent, *children]


def write_rows(path, size):
    """Write lines of JSON, `size` bytes or a few more; return the number of lines.

    Every tenth text is unique; `rest` stands for the other columns of an export.
    """
    text, rest = "A good film with a bad heart, but it moved me. " * 5, "x" * 700
    row = 0
    with path.open("w") as file:
        while file.tell() < size:
            for _ in range(1000):
                prefix = "" if row % 10 else f"Number {row}. "
                file.write(f'{{"id": {row}, "text": "{prefix}{text}", "rest": "{rest}"}}\n')
                row += 1
    return row


def many_texts(count):
    """Return 997 different short texts, and `count` of them in an order that no batch repeats."""
    different = [
        f"{'good' if n % 3 else 'bad'} film number {n} with heart {n % 7}" for n in range(997)
    ]
    return different, (different[n * n % 997] for n in range(count))


@pytest.mark.parametrize("count", [100_000, *[1_000_000] * SLOW])
def test_long_use_changes_no_answer_and_takes_no_more_memory(count):
    classifier = Classifier(bundle.read(resolve.PRETRAINED))
    different, texts = many_texts(count)
    alone = {text: predict(classifier, LabelRule(), [text])[0] for text in different}
    at_once = dict(zip(different, classifier.predict(different).tolist(), strict=True))
    exact = {text: float(classifier.predict([text])[0]) for text in different}
    np.testing.assert_allclose(list(exact.values()), list(at_once.values()), rtol=0, atol=1e-6)
    settled, peak, done = 0, 0, 0
    for size in cycle([1, 2, 7, 64, 500, 2000]):
        batch = list(islice(texts, size))
        if not batch:
            break
        for text, result in zip(batch, predict(classifier, LabelRule(), batch), strict=True):
            expected = alone[text]
            assert (result.label, result.warnings) == (expected.label, expected.warnings)
            # Other texts in the same product of matrices change the last bits at most.
            assert abs(result.probability - expected.probability) < 2e-6
        done += len(batch)
        if done >= 10_000:
            settled = settled or resident()
            peak = max(peak, resident())
    assert done == count
    print(f"{done:,} texts: {settled / MIB:.1f} MiB, then {peak / MIB:.1f} MiB at most")
    assert peak < 1.05 * settled


@pytest.mark.parametrize("source", ["stdin", "csv"])
def test_a_review_of_a_million_words(source):
    words = "good film great heart " * 250_000
    last_words = " ".join(words.split()[-1024:])
    expected = predict(Classifier(bundle.read(resolve.PRETRAINED)), LabelRule(), [last_words])[0]
    path = Path("long.csv" if source == "csv" else "long.txt")
    path.write_text(f"text\n{words}\n" if source == "csv" else f"{words}\n")
    started = time.monotonic()
    if source == "csv":
        status, out, err, peak = score("--input", path)
        out = out.splitlines()[1][len(words) :]
        assert out == f",{expected.label},{expected.probability:.6f}"
    else:
        with path.open("rb") as file:
            status, out, err, peak = score("--json", stdin=file)
        answer = json.loads(out)
        assert (answer["label"], answer["probability"]) == (expected.label, expected.probability)
        assert answer["warnings"] == ["cut"] and answer["text"] == words
    assert status == 0 and (source == "stdin" or "the beginning was left out" in err)
    assert peak < 400 * MIB and time.monotonic() - started < 20


def test_a_line_of_fifty_megabytes_is_a_bad_row_and_takes_little_memory():
    Path("long.txt").write_text("x" * (50 * MIB) + "\ngood film\n")
    words = ["--input", "long.txt", "--output", "out.txt"]
    status, _, err, _ = score(*words)
    assert status == 1 and "long.txt, line 1: longer than 8 MiB" in err
    status, _, err, peak = score(*words, "--on-error", "skip")
    assert status == 0, err
    [line] = Path("out.txt").read_text().splitlines()
    assert line.startswith("positive  ") and peak < 200 * MIB


@pytest.mark.parametrize("name", ["empty.txt", "empty.csv", "cells.csv", "empty.jsonl"])
def test_a_hundred_thousand_empty_lines(name):
    head = {"empty.csv": "text\n", "cells.csv": "text,n\n"}.get(name, "")
    Path(name).write_text(head + (",\n" if name == "cells.csv" else "\n") * 100_000)
    status, out, err, peak = score("--input", name, "--on-error", "skip")
    assert status == 0 and peak < 200 * MIB
    are_rows = name in ("empty.txt", "cells.csv")  # blank lines of CSV and JSONL are not rows
    assert ("100,000 bad lines left out" in err) == are_rows
    assert out.strip() == (f"{head.strip()},label,probability" if head else "")


@pytest.mark.parametrize(
    ("size", "smaller"), [(96 * MIB, 32 * MIB), *[(2 << 30, 64 * MIB)] * SLOW], ids=str
)
def test_a_file_many_times_as_large_takes_no_more_memory(size, smaller):
    # Compared with a smaller file that keeps all processes busy for some seconds.
    small, large, scored = Path("small.jsonl"), Path("large.jsonl"), Path("scored.jsonl")
    try:
        write_rows(small, smaller)
        rows = write_rows(large, size)
        usual = score("--input", small, "--output", scored, "--quiet")[3]
        started = time.monotonic()
        status, _, err, peak = score("--input", large, "--output", scored)
        seconds = time.monotonic() - started
        print(f"{size / MIB:,.0f} MiB in {seconds:.0f} s: {peak / MIB:.0f} MiB, {usual / MIB:.0f}")
        assert status == 0 and f"{rows:,} rows written" in err
        assert seconds < 600
        assert peak < 1.1 * usual
        with scored.open("rb") as file:
            first = [json.loads(line)["probability"] for line in islice(file, 20)]
            file.seek(-20_000, os.SEEK_END)
            last = [json.loads(line) for line in file.readlines()[1:]]
        assert last[-1]["id"] == rows - 1
        # Nine of ten texts are the same, at the beginning and at the end.
        same = {row["probability"] for row in last if row["id"] % 10} | {*first[1:10]}
        assert max(same) - min(same) < 2e-6
    finally:
        for path in (small, large, scored):
            path.unlink(missing_ok=True)
