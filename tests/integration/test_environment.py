"""A hostile or odd environment leads to one true line, the right exit status, and no litter.

The table of environments times the table of commands: some pairs, drawn with a fixed seed, always;
all with --slow.
"""

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sentiment.inference import worker_pool
from tests.helpers.build import tiny_bundle
from tests.helpers.commands import COMMAND, start

SAMPLED = 24  # pairs of the normal run
SECONDS = 60  # until a command hangs
CSV = "text,label\n" + "A good film,1\nA bad film,0\n" * 40
ROWS = 60_000  # of a file that takes seconds
LONG = "A good film told in many words with a heart. " * 10 + "\n"
UNSET = None

# The cheap commands; each works in a usual environment once the model and the input are there.
COMMANDS = {
    "version": "--version",
    "help": "--help",
    "train help": "train --help",
    "train show": "train --show",
    "predict": "predict good",
    "predict why": "predict good --why",
    "predict json": "predict good --json",
    "predict stdin": "predict -",
    "predict file": "predict --input {work}/in.csv --output {work}/out.csv",
    "predict html": "predict good --html {work}/out.html",
    "states": "states good",
    "states file": "states good --output {work}/out.npz",
    "evaluate": "evaluate --data {work}/in.csv --no-track",
    "prepare": "prepare --dataset sample",
    "formats": "formats",
    "sync": "sync",
    "sweep space": "sweep --show-space",
    "sweep resume": "sweep --resume last",
    "train resume": "train --resume last --no-track",
    "runs": "runs",
    "compare": "compare",
    "promote": "promote",
}
OUTPUTS = {"in.csv", "out.csv", "out.html", "out.npz", "data", "mlruns"}

# Redirections of the shell, variables, and what the shell does before it starts the command.
ENVIRONMENTS = {
    "closed stdin": {"redirect": "<&-"},
    "closed stdout": {"redirect": ">&-"},
    "closed stderr": {"redirect": "2>&-"},
    "all closed": {"redirect": "<&- >&- 2>&-"},
    "full stdout": {"redirect": ">/dev/full"},
    "full stderr": {"redirect": "2>/dev/full"},
    "deleted folder": {"before": 'mkdir "$WORK/gone"; cd "$WORK/gone"; rmdir "$WORK/gone"'},
    "deleted folder, no project": {
        "before": 'mkdir "$WORK/gone"; cd "$WORK/gone"; rmdir "$WORK/gone"',
        "SENTIMENT_HOME": UNSET,
    },
    "no project": {"SENTIMENT_HOME": UNSET, "before": 'cd "$WORK"'},
    "project of nobody": {"SENTIMENT_HOME": "~nosuch/project"},
    "project in a circle": {"before": 'ln -s loop "$WORK/loop"', "SENTIMENT_HOME": "{work}/loop"},
    "project is a file": {"SENTIMENT_HOME": "{work}/in.csv"},
    "project name too long": {"SENTIMENT_HOME": "{work}/" + "a" * 300},
    "project path too long": {"SENTIMENT_HOME": "/a" * 3000},
    "project in 245 bytes": {"SENTIMENT_HOME": "{work}/" + "é" * 122 + "a"},
    "project in odd bytes": {"SENTIMENT_HOME": "{work}/\udcff\x1b[2J\n'\""},
    "project in a device": {"SENTIMENT_HOME": "/dev/null"},
    "project without write access": {"SENTIMENT_HOME": "/proc/1"},
    "model of nobody": {"SENTIMENT_MODEL": "~nosuch/model"},
    "model name too long": {"SENTIMENT_MODEL": "a" * 300},
    "model in a circle": {"before": 'ln -s loop "$WORK/loop"', "SENTIMENT_MODEL": "{work}/loop"},
    "data of nobody": {"TFDS_DATA_DIR": "~nosuch"},
    "no HOME": {"HOME": UNSET},
    "HOME is nowhere": {"HOME": "/nosuch"},
    "no PATH": {"PATH": UNSET},
    "no LANG": {"LANG": UNSET, "LC_ALL": UNSET},
    "ASCII": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "odd language": {"LC_ALL": "xx_YY.NONSENSE"},
    "odd terminal": {"TERM": "nonsense", "COLUMNS": "0", "LINES": "x"},
    "narrow terminal": {"COLUMNS": "1"},
    "no temporary folder": {"TMPDIR": "/nosuch", "TMP": "/nosuch", "TEMP": "/nosuch"},
    "no variables": {"clear": True},
    "closed umask": {"before": "umask 777"},
    "few open files": {"before": "ulimit -n 24"},
    "no file may grow": {"before": "ulimit -f 0"},
    "one file size": {"before": "ulimit -f 1"},
    "odd time zone": {"TZ": "../../etc/passwd"},
}
PAIRS = list(itertools.product(ENVIRONMENTS, COMMANDS))
# Those that once failed, and some more.
_DRAWN = {
    ("model of nobody", "predict"),
    ("no file may grow", "predict file"),
    ("deleted folder", "predict file"),
    ("deleted folder", "states"),
    ("closed stdout", "states"),
    *random.Random(18).sample(PAIRS, SAMPLED),
}


def case(pair):
    return pytest.param(*pair, marks=[] if pair in _DRAWN else [pytest.mark.slow])


@pytest.fixture
def work(tmp_path):
    """Return a project with a small model and a file of texts."""
    (tmp_path / "in.csv").write_text(CSV)
    tiny_bundle(tmp_path / "data" / "models" / "tiny")
    (tmp_path / "mlruns").mkdir()
    yield tmp_path
    for path in tmp_path.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)


def run(work, words, *, before="true", redirect="", clear=False, **variables):
    """Run a command; return its exit status and what it has written to both streams."""
    usual = {"SENTIMENT_HOME": str(work), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    environment = {**({} if clear else os.environ), "PYTHONDONTWRITEBYTECODE": "1", **usual}
    for name in ("SENTIMENT_MODEL", "MLFLOW_TRACKING_URI", "SENTIMENT_DEBUG"):
        environment.pop(name, None)
    for name, value in variables.items():
        environment.pop(name, None)
        if value is not UNSET:
            environment[name] = value.format(work=work)
    script = f'{before} || exit 99; exec "$PYTHON" -c "$CODE" {words.format(work=work)} {redirect}'
    outside = {"PYTHON": sys.executable, "CODE": COMMAND, "WORK": str(work)}
    return subprocess.run(
        [shutil.which("bash"), "-c", script],
        env=environment | outside,
        cwd=work,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
    )


def litter(work):
    """Return what a command has left that nobody asked for."""
    names = {path.name for path in work.iterdir()} - OUTPUTS - {"loop"}
    names -= {name for name in names if name.startswith(("é", "\udcff"))}
    hidden = {str(path) for path in work.rglob(".*") if path.name not in (".gitignore",)}
    return names | hidden


@pytest.mark.parametrize(("environment", "command"), list(map(case, PAIRS)))
def test_an_odd_environment_gives_one_true_line(work, environment, command):
    if "/dev/full" in ENVIRONMENTS[environment].get("redirect", "") and sys.platform != "linux":
        pytest.skip("no /dev/full")
    ended = run(work, COMMANDS[command], **ENVIRONMENTS[environment])
    output = (ended.stdout + ended.stderr).decode("utf-8", "replace")
    assert ended.returncode in (0, 1, 2), output
    for sign in ("Traceback", "unexpected error", "Exception ignored", "Warning:"):
        assert sign not in output
    errors = [line for line in output.splitlines() if line.startswith("Error: ")]
    # A screen or two; the help of `train`, with a setting every few lines, has 21,000 characters.
    assert len(errors) <= 1 and len(output) < (25_000 if command == "train help" else 20_000)
    if ended.returncode == 1 and "2>" not in ENVIRONMENTS[environment].get("redirect", ""):
        assert errors, output  # a failure is explained
    assert not litter(work)


def test_a_closed_standard_output_is_an_error_only_if_something_is_to_be_printed(work):
    ended = run(work, COMMANDS["predict"], redirect=">&-")
    assert ended.returncode == 1 and ended.stderr.endswith(b"Error: standard output is closed.\n")
    ended = run(work, COMMANDS["predict file"], redirect=">&-")
    assert ended.returncode == 0 and (work / "out.csv").read_text().count("\n") == 81


def test_a_closed_stream_never_writes_into_a_file(work):
    """The next file that is opened would get the number of a closed stream."""
    for redirect in ("2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
        assert run(work, COMMANDS["predict file"], redirect=redirect).returncode == 0
        lines = (work / "out.csv").read_text().splitlines()
        assert lines[0] == "text,label,predicted_label,probability" and len(lines) == 81


def test_messages_that_can_not_be_written_stop_no_work(work):
    ended = run(work, COMMANDS["predict"], redirect="2>/dev/full")
    assert ended.returncode == 0 and ended.stdout.startswith((b"positive", b"negative"))


def test_a_message_is_as_short_as_a_screen_whatever_it_quotes(work):
    (work / "wide.csv").write_text(",".join(f"column{number}" for number in range(600_000)))
    ended = run(work, "predict --input {work}/wide.csv")
    assert ended.returncode == 1 and ended.stderr.count(b"Error: ") == 1
    assert len(ended.stderr) < 5_000 and b"column99, and 599,900 more" in ended.stderr
    ended = run(work, f"predict --threshold {'x' * 100_000} good")
    assert ended.returncode == 2 and len(ended.stderr) < 6_000
    assert b" characters left out " in ended.stderr


def children(pid):
    """Return the ids of the processes that a process has started, from /proc."""
    try:
        tasks = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in tasks.split()]


def start_scoring(work, *words):
    """Start to score a file that takes seconds; return the process and its workers."""
    if not (work / "many.csv").exists():
        (work / "many.csv").write_text("text\n" + LONG * ROWS)
    process = start("predict", "--input", str(work / "many.csv"), *words, home=work)
    deadline = time.monotonic() + 30
    while not (workers := children(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return process, workers


def wait_for(path, process):
    """Wait until a process has written a file."""
    while not path.exists() and process.poll() is None:
        time.sleep(0.005)


needs_workers = pytest.mark.skipif(
    worker_pool.cores() < 2 or not Path("/proc/self/task").exists(),
    reason="needs two cores, and Linux to find the workers",
)


@needs_workers
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_a_worker_that_is_killed_for_memory_ends_the_job_which_can_resume(work, suffix):
    output = work / f"out{suffix}"
    process, workers = start_scoring(work, "--output", str(output))
    wait_for(work / f".out{suffix}.part.json", process)
    os.kill(workers[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert errors.splitlines()[-2:] == [
        "Error: a worker process was killed, perhaps because memory ran out.",
        "Try: the same command with --resume",
    ]
    assert not any(alive(worker) for worker in workers)
    process, _ = start_scoring(work, "--output", str(output), "--resume")
    assert process.communicate(timeout=60)[1].endswith(f"{ROWS:,} rows written to {output}\n")
    assert not litter(work) - {"many.csv", output.name}


@needs_workers
def test_a_worker_that_is_killed_at_once_leaves_nothing(work):
    process, workers = start_scoring(work, "--output", str(work / "out.csv"))
    os.kill(workers[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1 and "Error: a worker process was killed" in errors
    assert not litter(work) - {"many.csv"} and not (work / "out.csv").exists()


@needs_workers
def test_a_worker_that_is_killed_while_a_pipe_is_written_is_reported(work):
    process, workers = start_scoring(work)
    process.stdout.readline()
    os.kill(workers[-1], signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1 and "Error: a worker process was killed" in errors


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_job_that_is_ended_in_its_first_second_leaves_nothing(work, number):
    process, _ = start_scoring(work, "--output", str(work / "out.csv"))
    wait_for(work / ".out.csv.part", process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert errors.splitlines()[-1] == ("Interrupted." if number == signal.SIGINT else "Terminated.")
    assert not litter(work) - {"many.csv"} and not (work / "out.csv").exists()


def alive(pid):
    """Return True if a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("environment", "command", "fact"),
    [
        ("deleted folder", "prepare", "the working folder no longer exists"),
        ("no file may grow", "predict file", "can't write in {work}: File too large"),
    ],
)
def test_the_line_says_what_is_wrong(work, environment, command, fact):
    ended = run(work, COMMANDS[command], **ENVIRONMENTS[environment])
    errors = [line for line in ended.stderr.decode().splitlines() if line.startswith("Error: ")]
    assert ended.returncode == 1 and errors == [f"Error: {fact.format(work=work)}."]
