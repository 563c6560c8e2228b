"""Start the command line as a process of its own, as from a terminal."""

import os
import signal
import subprocess
import sys
from pathlib import Path

COMMAND = "from sentiment.__main__ import main; main()"
# Options of `sentiment train`: the settings that `TrainSettings()` and its like stand for.
ALONE = ["--recipe", str(Path(__file__).parents[1] / "fixtures" / "alone.toml")]
# These make one network without a teacher of the default recipe.
ONE = ["--members", "1", "--sentence-members", "0", "--teacher", "off"]


def start(*words, home, **environment):
    """Start `sentiment` with `home` as its project folder; return the process."""
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *words],
        env={**os.environ, "SENTIMENT_HOME": str(home), "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,
    )


def hear_interrupts():
    """React to Ctrl-C and a closed terminal, which a job in the background may ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def interrupt(process):
    """Press Ctrl-C; return the rest of the output on both streams."""
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.terminate()  # so that servers it has started end
        process.communicate(timeout=30)
        raise
