"""Name the signals that ask a process to end, and say what Ctrl-C does while it starts."""

import os
import signal

# The system's requests to end; SIGHUP says that the terminal was closed. Windows lacks SIGHUP.
TERMINATING = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)
INTERRUPTING = (signal.SIGINT, *TERMINATING)
INTERRUPTED = 130  # exit status after Ctrl-C, as a shell reports it


def exit_on_interrupt() -> None:
    """Let Ctrl-C end this process at once and silently, as long as it has done nothing yet.

    A caller that has its own handler, or has Ctrl-C ignored, keeps that.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _exit)


def raise_on_interrupt() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again, after `exit_on_interrupt`."""
    if signal.getsignal(signal.SIGINT) is _exit:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _exit(*_: object) -> None:
    os._exit(INTERRUPTED)
