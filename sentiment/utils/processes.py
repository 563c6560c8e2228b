"""Start processes that no signal reaches before they are ready for it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import BaseContext

from sentiment.utils.signals import INTERRUPTING

_CAN_HOLD = hasattr(signal, "pthread_sigmask")  # Windows sends its processes no signals
_FOR_PARENT = [number for number in INTERRUPTING if number != signal.SIGTERM]


@contextmanager
def hold_signals(context: BaseContext) -> Iterator[None]:
    """Hold back requests to end, here during the body and in each process that the body starts.

    context: what starts the processes. Each of them calls `accept_signals` first. Until then it has
    the handlers of this process or Python's own, which would print a traceback.
    """
    if not _CAN_HOLD:
        yield
        return
    if context.get_start_method() == "spawn":
        # multiprocessing starts its own process once, and lets signals through again after it.
        resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def accept_signals() -> None:
    """Let SIGTERM end this process; leave Ctrl-C and a closed terminal to the parent."""
    for number in _FOR_PARENT:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if _CAN_HOLD:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTING)
