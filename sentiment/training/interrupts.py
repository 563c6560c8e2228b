"""Delay Ctrl-C and termination signals until the work reaches a safe point to stop."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from sentiment.utils.signals import INTERRUPTING

_SECOND = "second interrupt"  # the note on an error that a second signal raised
CheckInterrupt = Callable[[], None]


def is_second_interrupt(error: BaseException) -> bool:
    """Return True if a second signal raised `error`: the user wants to stop at once."""
    return _SECOND in getattr(error, "__notes__", ())


@contextmanager
def defer_interrupts() -> Iterator[CheckInterrupt]:
    """Delay the first signal in the body; yield a function that delivers it.

    The signal has its usual effect, but only when the body calls that function, or else at the
    body's end. A second signal takes effect at once. Only a process's main thread gets signals:
    in any other thread nothing is delayed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    # A handler that is not Python's could not be restored, so its signal is not delayed.
    found = {number: signal.getsignal(number) for number in INTERRUPTING}
    handlers = {number: handler for number, handler in found.items() if callable(handler)}
    pending: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if not pending:
            pending.append(number)
            return
        try:
            handlers[signal.Signals(number)](number, frame)
        except KeyboardInterrupt as error:
            error.add_note(_SECOND)
            raise

    def check() -> None:
        if pending:
            handlers[signal.Signals(pending[0])](pending.pop(0), None)

    for number in handlers:
        signal.signal(number, handle)
    try:
        yield check
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    # Not in `finally`: if the body raised, it has stopped already.
    check()
