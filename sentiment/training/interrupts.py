"""Ctrl-C and the wish to terminate, held back until there is a good moment to stop.

Knows the operating system's signals; knows nothing of what is stopped.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AT_ONCE = "asked for twice"
CheckInterrupt = Callable[[], None]


def is_second_interrupt(error: BaseException) -> bool:
    """Tell whether `error` is the effect of a second signal: whoever sent it wants no more work."""
    return _AT_ONCE in getattr(error, "__notes__", ())


@contextmanager
def defer_interrupts() -> Iterator[CheckInterrupt]:
    """Hold back the first signal that comes in the body; give what lets it through.

    It has the effect that it would have had at once: when the body calls what it was given, or else
    at its end. A second signal has its effect at once. Signals reach a process's main thread alone:
    in another nothing is held back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    # What another language than Python handles can't be put back, and isn't held.
    before = {number: found for number in _SIGNALS if callable(found := signal.getsignal(number))}
    pending: list[int] = []

    def hold(number: int, frame: Any) -> None:
        if pending:
            try:
                before[signal.Signals(number)](number, frame)
            except KeyboardInterrupt as error:
                error.add_note(_AT_ONCE)
                raise
        else:
            pending.append(number)

    def heed() -> None:
        if pending:
            before[signal.Signals(pending[0])](pending.pop(0), None)

    for number in before:
        signal.signal(number, hold)
    try:
        yield heed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        # Not where the body has been stopped already.
    heed()
