"""What goes to standard output and standard error, whatever stands at their other end.

Knows streams and terminals; knows nothing of what is written.
"""

import io
import json
import math
import re
import sys
import time
from typing import TYPE_CHECKING, Any

import typer

from sentiment.errors import UnavailableError

if TYPE_CHECKING:
    import subprocess

_REFRESH = 0.1  # seconds between two drawings of the progress line
# Control characters, and those that turn the direction of writing: a terminal obeys them.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    r"""Return `text` with what a terminal would obey written out: `\x1b` for an escape."""
    return _OBEYED.sub(lambda found: ascii(found[0])[1:-1], text)


def say(text: str, *, err: bool = True) -> None:
    """Print a line on standard error, or on standard output."""
    typer.echo(visible(text), err=err)


def print_json(content: Any) -> None:
    """Print an object on one line of JSON, where what a terminal would obey is escaped.

    A number that is not finite, which JSON has not, is null.
    """
    text = json.dumps(_finite(content), ensure_ascii=not speaks_utf8(), allow_nan=False)
    typer.echo(_OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _finite(part) for name, part in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(part) for part in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


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
            text = visible(text.replace("\r\n", "\n"))
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


def counted(number: int, what: str) -> str:
    """Return `1 row`, `2 rows`."""
    return f"{number:,} {what}" + ("s" if number != 1 else "")
