"""The command line as a process of its own, as it is started from a terminal."""

import os
import signal
import subprocess
import sys

COMMAND = "from sentiment.cli import main; main()"


def start(*words, home, **environment):
    """Start `sentiment` with its folders below `home`, and return the process."""
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *words],
        env={**os.environ, "SENTIMENT_HOME": str(home), "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,
    )


def hear_interrupts():
    """Hear Ctrl-C: a job in the background of a script, as a test run may be, hands down not to."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupt(process):
    """Press Ctrl-C, and return what the process has said since, on both streams."""
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.terminate()  # so that servers it has started are ended
        process.communicate(timeout=30)
        raise
