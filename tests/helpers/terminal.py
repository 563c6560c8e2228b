"""The command line in this process, its streams being terminals for all that it can tell."""

import io
import re
import sys
from typing import NamedTuple

from sentiment.cli import app

# What a terminal obeys, but for the ends of lines and tabs.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# What the program itself draws: the progress line and its removal. Colours a dumb terminal has not.
_DRAWN = re.compile(r"\r(?:[ \d]+%  [\d,]+ rows  [\d,]+ rows/s)?\x1b\[K")


class Said(NamedTuple):
    """The exit status and what came out on both streams, the progress line taken away."""

    status: int
    out: str
    err: str


class _Stream(io.TextIOWrapper):
    def __init__(self, terminal):
        super().__init__(io.BytesIO(), "utf-8", errors="backslashreplace", write_through=True)
        self._terminal = terminal

    def isatty(self):
        return self._terminal

    def said(self):
        self.flush()
        return _DRAWN.sub("", self.buffer.getvalue().decode("utf-8"))


def call(*words, fed=b"", terminal=True):
    """Type a command; what it raises, but for the end of the program, is raised here."""
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
    return Said(status, out.said(), err.said())
