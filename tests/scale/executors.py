"""Spark's executors on this machine, to be killed."""

from pathlib import Path


def executors():
    """Return the process ids of Spark's executors."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if b"CoarseGrainedExecutorBackend" in words:
            found.append(int(path.parent.name))
    return found
