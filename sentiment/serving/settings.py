"""What a service is told when it starts: its model, its limits and who may use it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sentiment.inference.bundle import Bundle

# Returns the page of a model as HTML.
RenderPage = Callable[[Bundle], str]
LogFormat = Literal["text", "json"]


@dataclass(frozen=True)
class Limits:
    """What one request, and all of them together, may take."""

    body: int = 16 << 20  # bytes of a request
    texts: int = 10_000  # of a request
    seconds: float = 30.0  # from the first byte of a request to that of its answer
    in_flight: int = 128  # requests that are worked on at once, in each worker

    @property
    def buffered(self) -> int:
        """Bytes of all bodies that a worker holds at once: those of four full requests."""
        return 4 * self.body


@dataclass(frozen=True)
class ServiceSettings:
    """The settings of a service; they are sent to each worker.

    folder: of the model to begin with; choice: a file in which the supervisor writes the folder of
    a newer model, or None if there is no look for one; hosts: the names that a request may give the
    server, or None for any; token: what a request must show, or None.
    """

    folder: Path
    render_page: RenderPage
    choice: Path | None = None
    limits: Limits = field(default_factory=Limits)
    hosts: frozenset[str] | None = None
    cors_origins: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)
    log: LogFormat = "text"
    workers: int = 1
