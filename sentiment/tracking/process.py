"""Name the process that writes a run, and find out whether it still runs."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

import psutil

from sentiment.tracking import tags as names

_PROC = Path("/proc")
_ENDED = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)  # ended, but not yet collected by its parent


def process_tags() -> dict[str, str]:
    """Return the tags `HOST` and `PROCESS` of this process.

    `PROCESS` is "PID BOOT/NAMESPACE/TICK" on Linux and "PID SECOND" elsewhere: the system gives
    the number of an ended process to a new one, which has another start time.
    """
    pid = os.getpid()
    return {
        names.HOST: socket.gethostname(),
        names.PROCESS: f"{pid} {_namespace()}{_start_time(pid)}",
    }


def is_alive(tags: Mapping[str, str]) -> bool | None:
    """Return whether the process that set `tags` still runs, or None if this can't be known here.

    It can't be known if the tags are missing, malformed or from another machine or container. Two
    machines with one name are taken for one machine.
    """
    tags = names.with_present_names(tags)
    pid, _, birth = tags.get(names.PROCESS, "").partition(" ")
    there, separator, start_time = birth.rpartition("/")
    readable = pid.isdecimal() and start_time.isdecimal()
    if tags.get(names.HOST) != socket.gethostname() or not readable:
        return None
    here, there = _namespace(), there + separator
    if here != there:
        # A reboot ends every process. Another container may still run.
        rebooted = here and there and here.partition("/")[0] != there.partition("/")[0]
        return False if rebooted else None
    try:
        return _start_time(int(pid)) == start_time
    except psutil.AccessDenied:
        return None


def _start_time(pid: int) -> str:
    """Return when a process started, in clock ticks since boot or seconds; empty if it has ended.

    On Linux the time since boot is compared, as the date changes whenever the clock is set.
    """
    try:
        process = psutil.Process(pid)
        if process.status() in _ENDED:
            return ""
        if not psutil.LINUX:
            return str(round(process.create_time()))
        while True:
            boot_time = psutil.boot_time()
            seconds = psutil.Process(pid).create_time() - boot_time
            if psutil.boot_time() == boot_time:  # else the clock was set in between
                return str(round(seconds * os.sysconf("SC_CLK_TCK")))
    except psutil.NoSuchProcess:
        return ""


def _namespace() -> str:
    """Return the boot and the namespace of process numbers as "BOOT/NAMESPACE/"; empty if unknown.

    A container has process numbers of its own, so that its number 7 is another process than number
    7 outside. psutil does not know namespaces; Linux lists them in /proc.
    """
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii")
        return f"{boot[:8]}/{(_PROC / 'self/ns/pid').stat().st_ino}/"
    except OSError:
        return ""
