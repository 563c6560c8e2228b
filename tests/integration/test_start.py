"""Ctrl-C while the command line starts ends it at once, without a traceback."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.helpers.commands import COMMAND, hear_interrupts

STARTED = "import os; os.write(2, b'started\\n')\n"
# Calls `interrupt` at an import of the package's own start; which one is an argument.
AT_IMPORT = """
import signal, sys
left = int(sys.argv.pop(1))
def count(event, arguments):
    global left
    if event == "import" and "sentiment.cli" in sys.modules:
        left -= 1
        if left == 0:
            signal.raise_signal(signal.SIGINT)
sys.addaudithook(count)
"""
SECONDS = [0.03, 0.05, 0.08, 0.11, 0.14, 0.17, 0.2, 0.24, 0.28, 0.32]


def launch(code, *words, home, ready=hear_interrupts):
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env=os.environ | {"SENTIMENT_HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=ready,
    )


@pytest.mark.parametrize("seconds", SECONDS)
def test_ctrl_c_at_any_moment_of_the_start_is_silent(tmp_path, seconds):
    process = launch(STARTED + COMMAND, "predict", "good", home=tmp_path)
    process.stderr.readline()
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    if process.returncode == 0:
        assert output  # it was faster
    else:
        # A shell calls both 130. Python repeats the signal if it came while a string was run.
        assert process.returncode in (130, -signal.SIGINT) and not output
        lines = errors.splitlines()
        if lines and lines[0].startswith("model: "):
            del lines[0]  # the start was over
        assert lines in ([], ["Interrupted."])


@pytest.mark.parametrize("number", [1, 20, 60, 100])
def test_ctrl_c_at_an_import_of_the_command_line_is_silent(tmp_path, number):
    process = launch(AT_IMPORT + COMMAND, str(number), "predict", "good", home=tmp_path)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (130, "", "")


def test_a_start_that_has_ctrl_c_ignored_goes_on(tmp_path):
    def ignore():
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    process = launch(AT_IMPORT + COMMAND, "20", "--version", home=tmp_path, ready=ignore)
    assert process.communicate(timeout=30)[0].startswith("sentiment ")
    assert process.returncode == 0


def test_after_the_start_ctrl_c_is_reported(tmp_path):
    process = launch(COMMAND, "predict", "-", home=tmp_path)
    assert process.stderr.readline().startswith("model: ")  # it waits for standard input
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[1] == "Interrupted.\n"
    assert process.returncode == 130


@pytest.mark.skipif((os.cpu_count() or 1) == 1, reason="NumPy starts no thread on one core")
@pytest.mark.parametrize("words", [["predict", "good"], ["states", "good"]])
def test_numpy_starts_no_threads(tmp_path, words):
    # Those of the processes that score a file would keep each other from work.
    shown = "import atexit; atexit.register(lambda: print(open('/proc/self/status').read()))\n"
    environment = os.environ | {"SENTIMENT_HOME": str(tmp_path)}
    environment.pop("OPENBLAS_NUM_THREADS", None)
    output = subprocess.run(
        [sys.executable, "-c", shown + COMMAND, *words],
        env=environment,
        capture_output=True,
        text=True,
    ).stdout
    assert "Threads:\t1\n" in output
