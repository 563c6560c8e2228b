"""Find a model's folder without importing MLflow, which takes seconds and 200 MB, in this process.

The child process imports it, prints what it found as one line of JSON, and ends.
"""

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from sentiment import errors
from sentiment.errors import SentimentError, UnavailableError
from sentiment.inference import resolve
from sentiment.utils.paths import find_project

_SECONDS = 120  # for a look-up, downloading included
_POLL_SECONDS = 0.1
_NICENESS = 10  # requests go first


def find_folder(name: str | None, stop: threading.Event | None = None) -> Path:
    """Return the folder of the model `name`, as `resolve_model` finds it.

    stop: ends the look-up. Raises what `resolve_model` raises, and UnavailableError if the child
    process fails.
    """
    paths, requested = find_project(), resolve.requested_model(name)
    if requested is None:
        return resolve.default_folder(paths)
    if (local := resolve.local_folder(requested, paths)) is not None:
        return local
    child = subprocess.Popen(
        [sys.executable, "-m", "sentiment.serving.model_lookup", requested],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # No module is imported from the working directory, where others may have put some.
        env={**os.environ, "PYTHONSAFEPATH": "1"},
        text=True,
    )
    deadline = time.monotonic() + _SECONDS
    try:
        while time.monotonic() < deadline and not (stop and stop.is_set()):
            with suppress(subprocess.TimeoutExpired):
                return _folder(child.communicate(timeout=_POLL_SECONDS)[0])
        raise UnavailableError(f"looking up {requested} took longer than {_SECONDS} s")
    finally:
        child.kill()
        child.wait()


def _folder(output: str) -> Path:
    """Return what the child process has found, or raise the error that it met."""
    try:
        answer = json.loads(output)
    except ValueError:
        raise UnavailableError("the process that looks up the model has ended") from None
    if answer["folder"] is not None:
        return Path(answer["folder"])
    raise getattr(errors, answer["kind"])(answer["fact"], hint=answer["hint"])


def main() -> None:
    """Print the folder of the model that the command line names."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    answer: dict[str, str | None] = {"folder": None}
    try:
        answer["folder"] = str(resolve.resolve_model(sys.argv[1], find_project()).folder.absolute())
    except SentimentError as error:
        answer |= {"kind": type(error).__name__, "fact": error.fact, "hint": error.hint}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    from sentiment.utils import environment

    environment.configure_libraries()
    main()
