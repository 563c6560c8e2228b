"""Work broken off at each of its lines, by an interrupt or by a kill."""

import os
import shutil
import signal
import sys
from pathlib import Path

import sentiment
from tests.helpers.slow import SLOW

PACKAGE = Path(sentiment.__file__).parent
WATCHED = {
    str(PACKAGE / f"{name}.py") for name in ("utils/files", "training/checkpoint", "utils/locks")
}


def broken_off(work, step, effect, watched):
    """Do `work`, with `effect` before its line number `step`; return whether it had so many."""
    left = step

    def trace(frame, event, arg):
        nonlocal left
        if frame.f_code.co_filename not in watched:
            return None
        if event == "line":
            left -= 1
            if not left:
                effect()
        return trace

    before = sys.gettrace()  # that of `make coverage`
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return left <= 0


def interrupted(work, step):
    """Do `work` until Ctrl-C at a step; return False where it ends before that."""

    def effect():
        raise KeyboardInterrupt

    try:
        return broken_off(work, step, effect, WATCHED)
    except KeyboardInterrupt:
        return True


def killed(work, step):
    """Do `work` in a process that is killed at a step; return False where it ends before that."""

    def effect():
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if not child:
        # With shutil's: a folder may be removed half.
        broken_off(work, step, effect, {*WATCHED, shutil.__file__})
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0


def everywhere(how, set_up, work, check):
    """Break `work` off at each of its lines, each time from anew; return how many times."""
    # A process for each takes its time: one line in seven, and all of them in `make test-slow`.
    stride = 1 if how is interrupted or SLOW else 7
    times, going_on = 0, True
    while going_on:
        set_up()
        going_on = how(work, 1 + times * stride)
        check()
        times += going_on
    return times
