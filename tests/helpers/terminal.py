"""Run the command line with streams that look like terminals, or in a real one."""

import io
import os
import pty
import re
import subprocess
import sys
import termios
from typing import NamedTuple

from sentiment.cli import app

# The characters that a terminal obeys, without line ends and tabs.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# What the program itself draws: the progress line and its removal. A dumb terminal has no colors.
_DRAWN = re.compile(r"\r(?:[ \d]+%  [\d,]+ rows  [\d,]+ rows/s)?\x1b\[K")


class Result(NamedTuple):
    """The exit status and the output on both streams, without the progress line."""

    status: int
    out: str
    err: str


class _Stream(io.TextIOWrapper):
    def __init__(self, terminal):
        super().__init__(io.BytesIO(), "utf-8", errors="backslashreplace", write_through=True)
        self._terminal = terminal

    def isatty(self):
        return self._terminal

    def output(self):
        self.flush()
        return _DRAWN.sub("", self.buffer.getvalue().decode("utf-8"))


def call(*words, fed=b"", terminal=True):
    """Run a command with `fed` as standard input; raise its exceptions other than SystemExit."""
    out, err = _Stream(terminal), _Stream(terminal)
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = io.TextIOWrapper(io.BytesIO(fed), "utf-8"), out, err
    try:
        app(list(map(str, words)), prog_name="sentiment")
        status = 0
    except SystemExit as end:
        status = end.code or 0
    finally:
        sys.stdin, sys.stdout, sys.stderr = before
    return Result(status, out.output(), err.output())


def run_in_terminal(*words, columns=80, **environment):
    """Return the status and all that a process writes to a real terminal of its own."""
    master, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, columns))
    inherited = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "TERM")}
    process = subprocess.Popen(
        [sys.executable, "-m", "sentiment", *words],
        stdin=terminal, stdout=terminal, stderr=terminal,
        env=inherited | {"TERM": "xterm-256color"} | environment,
    )  # fmt: skip
    os.close(terminal)
    output = b""
    try:
        while part := os.read(master, 65536):
            output += part
    except OSError:  # Linux reports the end of the last writer as an error
        pass
    os.close(master)
    return process.wait(), output.decode("utf-8")
