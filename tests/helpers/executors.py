"""Find the executors of Spark on this machine, so that tests can kill them."""

from pathlib import Path


def executors() -> list[int]:
    """Return the process ids of Spark's executors."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:
            continue
        if b"CoarseGrainedExecutorBackend" in command:
            pids.append(int(path.parent.name))
    return pids


def with_children(pid: int) -> list[int]:
    """Return `pid` and its descendants, such as the Python processes of an executor."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    family = [pid]
    for member in family:  # grows while it is read
        family += [child for child, parent in parents.items() if parent == member]
    return family
