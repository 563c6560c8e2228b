"""Name the signals that ask a process to end."""

import signal

# The system's requests to end; SIGHUP says that the terminal was closed. Windows lacks SIGHUP.
TERMINATING = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)
INTERRUPTING = (signal.SIGINT, *TERMINATING)
