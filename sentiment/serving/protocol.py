"""End connections on which nothing happens: uvicorn itself waits for ever."""

import asyncio
from functools import partial
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 1_000  # of a worker; below the usual limit of 1,024 open files
STALL_SECONDS = 10.0  # that a client may take for the head of a request, or to read a part


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 that waits `stall_seconds` for the head of a request and for a client to read."""

    def __init__(self, *arguments: Any, stall_seconds: float = STALL_SECONDS, **options: Any):
        super().__init__(*arguments, **options)
        self._stall_seconds = stall_seconds
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Read a part of a request."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._cancel_timers()
        elif self._head_timer is None and (before is None or before.response_complete):
            self._await_head()  # of the next request

    def on_response_complete(self) -> None:
        """Prepare for the next request; if the connection closes, don't wait for ever for it."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._abort_later()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        super().send_400_response(msg)
        self._abort_later()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, even if the client does not read what was sent."""
        super().timeout_keep_alive_handler()
        self._abort_later()

    def pause_writing(self) -> None:
        """Wait until the client has read, but not for ever."""
        super().pause_writing()
        self._abort_later()

    def resume_writing(self) -> None:
        """Go on, as the client has read."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._cancel_timers()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self._stall_seconds, self.transport.abort)

    def _abort_later(self) -> None:
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self._stall_seconds, self.transport.abort)

    def _cancel_timers(self) -> None:
        for timer in (self._head_timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._write_timer = None


def bounded(stall_seconds: float) -> Any:
    """Return what makes a protocol for each connection."""
    return partial(BoundedProtocol, stall_seconds=stall_seconds)
