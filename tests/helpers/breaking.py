"""Break off a piece of work at each of its lines, by Ctrl-C or by SIGKILL."""

import os
import shutil
import signal
import sys
from pathlib import Path

import sentiment
from tests.helpers.slow import SLOW

PACKAGE = Path(sentiment.__file__).parent
# Work is broken off at lines of these files.
TRACED = {
    str(PACKAGE / f"{name}.py") for name in ("utils/files", "training/checkpoint", "utils/locks")
}


def run_with_break(work, step, effect, traced):
    """Call `effect` before line number `step` of `work`; return True if it has so many lines."""
    left = step

    def trace(frame, event, arg):
        nonlocal left
        if frame.f_code.co_filename not in traced:
            return None
        if event == "line":
            left -= 1
            if not left:
                effect()
        return trace

    before = sys.gettrace()  # `make coverage` sets one
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return left <= 0


def interrupted(work, step):
    """Run `work` with Ctrl-C at line `step`; return False if it ends before that."""

    def effect():
        raise KeyboardInterrupt

    try:
        return run_with_break(work, step, effect, TRACED)
    except KeyboardInterrupt:
        return True


def killed(work, step):
    """Run `work` in a process killed at line `step`; return False if it ends before that."""

    def effect():
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if not child:
        # With the lines of shutil, a folder can be left half removed.
        run_with_break(work, step, effect, {*TRACED, shutil.__file__})
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0


def break_everywhere(how, set_up, work, check):
    """Break `work` off at each of its lines, after a new `set_up`; return how many times."""
    # Each kill takes a process of its own, so only every seventh line is tried without --slow.
    stride = 1 if how is interrupted or SLOW else 7
    times, was_broken = 0, True
    while was_broken:
        set_up()
        was_broken = how(work, 1 + times * stride)
        check()
        times += was_broken
    return times
