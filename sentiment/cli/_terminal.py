"""What goes to standard output and standard error, whatever stands at their other end.

Knows streams and terminals; knows nothing of what is written.
"""

import io
import json
import sys
import time
from typing import TYPE_CHECKING, Any

import typer

from sentiment.errors import UnavailableError
from sentiment.utils.text import escape_control, escape_json_control, finite

if TYPE_CHECKING:
    import subprocess

_REFRESH = 0.1  # seconds between two drawings of the progress line


def say(text: str, *, err: bool = True) -> None:
    """Print a line on standard error, or on standard output."""
    typer.echo(escape_control(text), err=err)


def print_json(content: Any) -> None:
    """Print an object on one line of JSON, where what a terminal would obey is escaped.

    A number that is not finite, which JSON has not, is null.
    """
    text = json.dumps(finite(content), ensure_ascii=not speaks_utf8(), allow_nan=False)
    typer.echo(escape_json_control(text))


def speaks_utf8() -> bool:
    """Tell whether standard output can hold any character."""
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def warn_of_others(host: str, what: str) -> None:
    """Say that a server on `host` has no lock: whoever reaches it can do `what`."""
    say(f"Listening on {host}: whoever reaches it over the network can {what}, without a password.")


def until_interrupted(server: "subprocess.Popen") -> None:
    """Say how a server is ended, and wait for that; raise UnavailableError where it ends itself."""
    typer.echo("Ctrl-C ends it.")
    try:
        server.wait()
    except KeyboardInterrupt:
        typer.echo("Ended.")
    else:
        raise UnavailableError("the server has ended by itself", hint="the same command again")


class Output(io.RawIOBase):
    """Standard output as a file of bytes, given UTF-8.

    Data formats pass as they are to a file or a pipe. A terminal gets what it can show; so does
    whoever reads `lines`, in the encoding that the locale says.
    """

    def __init__(self, *, lines: bool):
        self._as_text = lines or sys.stdout.isatty()

    def writable(self) -> bool:
        """Tell libraries that this is for writing."""
        return True

    def write(self, data: Any, /) -> int:
        """Write bytes, of whole lines where they are text."""
        if not self._as_text:
            return sys.stdout.buffer.write(data)
        text = bytes(data).decode("utf-8", "backslashreplace")
        if sys.stdout.isatty():
            text = escape_control(text.replace("\r\n", "\n"))
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.buffer.write(text.encode(encoding, "backslashreplace"))
        return len(data)

    def flush(self) -> None:
        """Send on what was written."""
        sys.stdout.buffer.flush()


class Meter:
    """A progress line on standard error, where that is a terminal."""

    def __init__(self, total: int, *, shown: bool):
        self._total = max(total, 1)
        self._shown = shown and sys.stderr.isatty()
        self._drawn = 0.0
        self._began = time.monotonic()

    def __call__(self, rows: int, offset: int) -> None:
        """Draw that `rows` are done and `offset` of all bytes read."""
        now = time.monotonic()
        if self._shown and now - self._drawn >= _REFRESH:
            rate = rows / max(now - self._began, 1e-9)
            share = min(offset / self._total, 1)
            sys.stderr.write(f"\r{share:4.0%}  {rows:,} rows  {rate:,.0f} rows/s\x1b[K")
            sys.stderr.flush()
            self._drawn = now

    def close(self) -> None:
        """Take the line away."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
