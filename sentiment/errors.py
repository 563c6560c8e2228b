"""Errors that a person can act on.

SentimentError
├── InputError        what was given can't be used
├── MissingFileError  something that is needed isn't there yet
├── DamagedFileError  a file isn't what its record says
├── DivergedError     training has run away
└── UnavailableError  something outside (a server, a download) doesn't answer

Knows nothing else of the project.
"""


class SentimentError(Exception):
    """A fact in one sentence, and the command to type next."""

    def __init__(self, fact: str, *, hint: str | None = None):
        super().__init__(fact)
        self.fact = fact
        self.hint = hint


class InputError(SentimentError):
    """What was given can't be used."""


class MissingFileError(SentimentError):
    """Something that is needed isn't there yet."""


class DamagedFileError(SentimentError):
    """A file isn't what its record says."""


class DivergedError(SentimentError):
    """Training has run away: the loss is no longer a number."""


class UnavailableError(SentimentError):
    """Something outside this machine doesn't answer."""
