"""Errors that a person can act on.

::

    SentimentError
    ├── InputError        the input can't be used
    ├── MissingFileError  a required file doesn't exist yet
    ├── DamagedFileError  a file's content does not match its record
    ├── DivergedError     training has diverged
    ├── MovedError        the project was moved or removed while a command ran
    ├── UnavailableError  a server, a download or a library is not available
    └── WorkerLostError   a process that did a part of the work was killed, or could not be started
"""


class SentimentError(Exception):
    """A fact in one sentence, and a hint: what to type or do next."""

    def __init__(self, fact: str, *, hint: str | None = None):
        super().__init__(fact)
        self.fact = fact
        self.hint = hint


class InputError(SentimentError):
    """The input can't be used."""


class MissingFileError(SentimentError):
    """A required file doesn't exist yet."""


class DamagedFileError(SentimentError):
    """A file's content does not match its record."""


class DivergedError(SentimentError):
    """Training has diverged: the loss is not a number."""


class MovedError(SentimentError):
    """The project was moved or removed while a command ran; nothing is written where it was."""


class UnavailableError(SentimentError):
    """A server, a download or a library is not available."""


class WorkerLostError(SentimentError):
    """A process that did a part of the work was killed, or could not be started."""
