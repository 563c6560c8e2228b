"""Which process writes a run, and whether it is still there.

Knows the operating system's processes; knows nothing of MLflow.
"""

import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

_PROC = Path("/proc")
_GONE = ("Z", "X")  # states of a process that has ended and waits for its parent to look


def process_tags() -> dict[str, str]:
    """Return the tags `host` and `process` of this process.

    `process` is "PID BIRTH". A number is given to another process one day; the birth tells them
    apart. It holds the boot, the space of numbers (a container has its own) and the clock tick on
    Linux, the second elsewhere.
    """
    birth = _birth(os.getpid())
    return {"host": socket.gethostname(), "process": f"{os.getpid()} {birth}"}


def is_alive(tags: Mapping[str, str]) -> bool | None:
    """Tell whether the process that set `tags` still runs; None where that can't be known here.

    It can't where the tags are missing, of another machine or of another container. Two machines
    of one name pass for one.
    """
    pid, _, birth = tags.get("process", "").partition(" ")
    if tags.get("host") != socket.gethostname() or not pid.isdecimal() or not birth:
        return None
    here, there = _space(), birth.rpartition("/")[0]
    if here == there:
        return _birth(int(pid)) == birth
    # After another boot nothing of before is left; in another container it may well be.
    return False if here.partition("/")[0] != there.partition("/")[0] else None


def _birth(pid: int) -> str:
    """Return when a process began, in words that no other has; empty where there is none."""
    if not _PROC.is_dir():
        command = ["ps", "-o", "lstart=", "-p", str(pid)]
        environment = {**os.environ, "LC_ALL": "C"}
        found = subprocess.run(command, capture_output=True, text=True, env=environment)
        return "-".join(found.stdout.split())
    try:
        # The name, in brackets, may hold anything; the state comes after it, field 3 of proc(5).
        fields = (
            (_PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        )
    except OSError:
        return ""
    return "" if fields[0] in _GONE else f"{_space()}/{fields[19]}"


def _space() -> str:
    """Return the boot and the space of process numbers as "BOOT/SPACE"; empty where unknown."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii")
        return f"{boot[:8]}/{(_PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return ""
