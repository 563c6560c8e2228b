"""Write to standard output and standard error: terminals, pipes and files."""

import io
import json
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import typer

from sentiment.errors import UnavailableError
from sentiment.utils.credentials import mask
from sentiment.utils.text import escape_control, escape_json_control, finite, shorten

if TYPE_CHECKING:
    import subprocess

_REFRESH = 0.1  # seconds between two updates of the progress line


def print_message(text: str, *, err: bool = True) -> None:
    """Print a line on standard error or output: short, and without passwords or control characters.

    A message that can't be written does not stop the work.
    """
    try:
        typer.echo(escape_control(shorten(mask(text))), err=err)
    except OSError:
        if not err:
            raise


def open_closed_streams() -> None:
    """Open something in the place of the standard streams that are closed, as after `>&-`.

    Otherwise the next file that is opened, such as a model or a database, would have the number of
    the stream, and libraries would write their messages into it. Standard input is then empty,
    messages are dropped, and writing to standard output is an error.
    """
    for name, mode, access in (
        ("stdin", "r", os.O_RDONLY),
        ("stdout", "w", os.O_RDONLY),
        ("stderr", "w", os.O_WRONLY),
    ):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, access)  # the lowest free number: that of the stream
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8"))


def print_json(content: Any) -> None:
    """Print an object as one line of JSON with control characters escaped.

    A number that is not finite becomes null.
    """
    text = json.dumps(finite(content), ensure_ascii=not stdout_is_utf8(), allow_nan=False)
    typer.echo(escape_json_control(text))


def stdout_is_utf8() -> bool:
    """Return True if standard output can hold any character."""
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def warn_public(host: str, action: str) -> None:
    """Warn that anyone who reaches the server on `host` can do `action`."""
    print_message(
        f"Listening on {host}: anyone who reaches it over the network can {action}, "
        "without a password."
    )


def wait_for_interrupt(server: "subprocess.Popen") -> None:
    """Wait for Ctrl-C; raise UnavailableError if the server ends before."""
    typer.echo("Press Ctrl-C to stop.")
    try:
        server.wait()
    except KeyboardInterrupt:
        typer.echo("Stopped.")
    else:
        raise UnavailableError("the server stopped unexpectedly", hint="the same command again")


def discard_output() -> None:
    """Send what is still to be written to standard output nowhere, after an error there."""
    with suppress(OSError, ValueError):  # it is no file, or closed
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


class StandardOutput(io.RawIOBase):
    """Standard output as a binary file that is given UTF-8.

    A file or a pipe gets the bytes unchanged. A terminal gets them with control characters
    escaped, in its own encoding; with `lines`, so does a pipe or a file, but unescaped.
    """

    def __init__(self, *, lines: bool):
        self._as_text = lines or sys.stdout.isatty()

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any, /) -> int:
        """Write bytes: whole lines if they are text."""
        if not self._as_text:
            return sys.stdout.buffer.write(data)
        text = bytes(data).decode("utf-8", "backslashreplace")
        if sys.stdout.isatty():
            text = escape_control(text.replace("\r\n", "\n"))
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.buffer.write(text.encode(encoding, "backslashreplace"))
        return len(data)

    def flush(self) -> None:
        """Flush standard output."""
        sys.stdout.buffer.flush()


class Meter:
    """A progress line on standard error, if that is a terminal.

    total: bytes to read.
    """

    def __init__(self, total: int, *, shown: bool):
        self._total = max(total, 1)
        self._shown = shown and sys.stderr.isatty()
        self._drawn = 0.0
        self._started = time.monotonic()

    def __call__(self, rows: int, offset: int) -> None:
        """Draw the progress after `rows` rows and `offset` bytes."""
        now = time.monotonic()
        if self._shown and now - self._drawn >= _REFRESH:
            rate = rows / max(now - self._started, 1e-9)
            share = min(offset / self._total, 1)
            sys.stderr.write(f"\r{share:4.0%}  {rows:,} rows  {rate:,.0f} rows/s\x1b[K")
            sys.stderr.flush()
            self._drawn = now

    def close(self) -> None:
        """Remove the line."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
