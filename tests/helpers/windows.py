"""Make a Linux process lack what Windows lacks, before the command line is imported.

Modules and functions that only Unix has are taken away, `msvcrt` is a small stand-in, a folder
can't be opened, a file that is open can't be renamed, replaced or removed, and one that is open to
read can't be synchronised.
"""

import os
import signal
import sys
import types
from pathlib import Path

_MODULES = ["fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"]
_FUNCTIONS = [
    "chown", "fchmod", "fchown", "fork", "geteuid", "getgid", "getpgid", "getuid", "killpg",
    "lchown", "mkfifo", "openpty", "sched_getaffinity", "setsid", "setuid", "O_CLOEXEC",
    "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK",
]  # fmt: skip
_SIGNALS = [
    "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCHLD", "pthread_sigmask",
]  # fmt: skip


def take_away():
    """Take everything away that Windows lacks."""
    import fcntl
    import multiprocessing.spawn  # noqa: F401 - these two need some of it on Linux
    import subprocess  # noqa: F401

    sys.modules["msvcrt"] = _msvcrt(fcntl)
    for name in _MODULES:
        sys.modules[name] = None
    for name in _FUNCTIONS:
        delattr(os, name)
    for name in _SIGNALS:
        delattr(signal, name)
    for name in ("rename", "replace", "unlink", "remove"):
        setattr(os, name, _refuse_open_files(getattr(os, name)))
    os.open = _refuse_folders(os.open)
    os.fsync = _refuse_unwritable(os.fsync, fcntl)


def _msvcrt(fcntl):
    """Return a module `msvcrt` whose `locking` locks bytes from the file's position onwards."""
    module = types.ModuleType("msvcrt")
    module.LK_NBLCK = 2

    def locking(descriptor, mode, count):
        assert mode == module.LK_NBLCK
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, count, 0, os.SEEK_CUR)
        except OSError as error:
            raise PermissionError(13, "Permission denied") from error

    module.locking = locking
    return module


def _refuse_open_files(function):
    def refuse(*paths, **options):
        wanted = {os.path.realpath(path) for path in paths}
        for descriptor in Path("/proc/self/fd").iterdir():
            path = os.path.realpath(descriptor)
            if path in wanted and not Path(path).is_dir():
                raise PermissionError(13, "the file is open", path)
        return function(*paths, **options)

    return refuse


def _refuse_unwritable(function, fcntl):
    def refuse(descriptor):
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(9, "Bad file descriptor")
        return function(descriptor)

    return refuse


def _refuse_folders(function):
    def refuse(path, flags, *words, **options):
        # Nameless files are made in a folder here; Windows has a way of its own.
        named = not flags & os.O_TMPFILE and isinstance(path, str | os.PathLike)
        if named and Path(path).is_dir():
            raise PermissionError(13, "Permission denied", path)
        return function(path, flags, *words, **options)

    return refuse
