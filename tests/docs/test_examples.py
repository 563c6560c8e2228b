"""Every command that the README and the docs show is run, on the sample reviews.

The pages come in the order of `PAGES` and share one project, as they do for a reader who begins
with the tutorial. tests/helpers/examples.py says how a page marks what is not run.
"""

import bz2
import csv
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sentiment.data.sources import load_sample
from tests.helpers import examples
from tests.helpers.commands import hear_interrupts

ROOT = Path(__file__).parents[2]
FIRST = ["docs/tutorial.md", "README.md"]
PAGES = [*FIRST, *sorted({f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} - {*FIRST})]
PLACE = "/home/you/sentiment"  # what the pages call the folder in which the commands are typed
STARTUP_SECONDS = 60


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Return a project folder with the files that the pages speak of."""
    folder = tmp_path_factory.mktemp("docs") / "sentiment"
    folder.mkdir()
    write_files(folder)
    return folder


def write_files(folder):
    """Write the sample reviews in the shapes in which the pages show files."""
    reviews = load_sample()["train"]
    rows = list(zip(reviews.texts, (bool(label) for label in reviews.labels), strict=True))
    write_table(folder / "IMDB Dataset.csv", ["review", "sentiment"], rows, "positive", "negative")
    write_table(folder / "mine.csv", ["text", "label"], rows[:60], "pos", "neg")
    write_table(folder / "reviews.csv", ["text", "label"], rows[:40], "pos", "neg")
    (folder / "survey.csv").write_bytes('text\n"It wasn\u2019t bad."\n'.encode("cp1252"))
    write_table(folder / "train.tsv", ["sentence", "label"], rows, 1, 0, "\t")
    write_table(folder / "dev.tsv", ["sentence", "label"], rows[100:140], 1, 0, "\t")
    stars = [
        {"text": text, "label": 5 - n // 2 % 2 if good else 1 + n // 2 % 2}
        for n, (text, good) in enumerate(rows)
    ]
    stars += [{"text": f"It was film number {n}.", "label": 3} for n in range(30)]
    with gzip.open(folder / "reviews.json.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in stars)
    with bz2.open(folder / "train.ft.txt.bz2", "wt", encoding="utf-8") as file:
        file.writelines(f"__label__{1 + good} {text}\n" for text, good in rows)
    with (folder / "training.1600000.csv").open(
        "w", encoding="latin-1", errors="replace", newline=""
    ) as file:
        lines = (
            [4 * good, n, "Mon", "NO_QUERY", "somebody", text]
            for n, (text, good) in enumerate(rows)
        )
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(lines)


def write_table(path, header, rows, positive, negative, delimiter=","):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows([text, positive if good else negative] for text, good in rows)


def environment(project):
    """Return the environment of a reader who types in the project folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SENTIMENT_")}
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
    }


def start(words, project, stderr=subprocess.PIPE):
    return subprocess.Popen(
        ["/bin/bash", "-c", words],
        cwd=project,
        env=environment(project),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        start_new_session=True,
        preexec_fn=hear_interrupts,
    )


def run(example, project):
    """Run a command to its end; return what is wrong with it, or None."""
    process = start(example.words, project)
    output, messages = (
        text.replace(str(project), PLACE) for text in process.communicate(timeout=300)
    )
    where = f"line {example.line}: {example.words}"
    if process.returncode != example.status:
        return f"{where}\nended with {process.returncode}:\n{output}{messages}"
    printed = [output, messages, messages + output]
    if example.is_compared and not any(map(example.fits, printed)):
        return f"{where}\nprinted:\n{messages}{output}\nshown:\n{example.output}"
    return None


def start_server(example, project):
    """Start a command that goes on, and wait for the last line that the page shows of it."""
    process = start(f"exec {example.words}", project, subprocess.STDOUT)
    awaited = without_port(example.output.strip().splitlines()[-1].split("…")[0])
    timer = threading.Timer(STARTUP_SECONDS, process.kill)  # which ends the reading
    timer.start()
    printed = ""
    while awaited not in without_port(printed):
        line = process.stdout.readline()
        assert line, f"{example.words} did not print {awaited}, but:\n{printed}"
        printed += line
    timer.cancel()
    return process


def without_port(line):
    """Return a line without the port of a server, which may be taken."""
    return re.sub(r"(?<=127\.0\.0\.1:)[0-9]+", "", line)


def is_runnable(page):
    return bool(examples.dialogues(ROOT / page) or examples.python_blocks(ROOT / page))


@pytest.mark.parametrize("page", filter(is_runnable, PAGES))
def test_a_page_does_what_it_says(page, project):
    servers, wrong = [], []
    try:
        for example in examples.dialogues(ROOT / page):
            if example.is_server:
                servers.append(start_server(example, project))
            elif example.is_run:
                wrong.append(run(example, project))
        wrong.append(run_python(examples.python_blocks(ROOT / page), project))
    finally:
        for process in servers:
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=60)
    assert not any(wrong), "\n\n".join(filter(None, wrong))


def run_python(blocks, project):
    """Run the Python blocks of a page as one program; return what is wrong with it, or None."""
    program = "\n".join(block.command for block in blocks if block.is_run)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project,
        env=environment(project),
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.stderr if done.returncode else None


@pytest.mark.parametrize("page", PAGES)
def test_no_command_of_a_page_is_left_out(page):
    assert examples.undeclared(ROOT / page) == []


def test_a_wrong_output_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- test: same output; exit 1 -->\n```\n$ echo a b  # says it\na …\n$ false\n```\n"
    )
    first, second = examples.dialogues(page)
    assert (first.command, first.status, first.line) == ("echo a b", 1, 3)
    assert first.fits("a b\n") and not first.fits("b b\n") and not first.fits("a")
    assert second.command == "false" and second.line == 5
    assert run(first, tmp_path).startswith("line 3: echo a b\nended with 0")
    assert run(second, tmp_path) is None
