"""Bound what a request may take: bytes, seconds, and how many are worked on at once."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sentiment.serving.errors import ApiError, busy
from sentiment.serving.metrics import Metrics
from sentiment.serving.settings import Limits

_PART = 64 << 10  # bytes of an answer that are sent at once, so that a slow client is noticed


class ClientGoneError(Exception):
    """The client has closed the connection before its request was complete."""


class RequestLimits:
    """Read the body of each request within the limits, and pass the request on."""

    def __init__(self, app: ASGIApp, limits: Limits, metrics: Metrics):
        self._app = app
        self._limits = limits
        self._metrics = metrics
        self._in_flight = 0
        self._buffered = 0  # bytes of all bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send, Headers(scope=scope))
        try:
            async with asyncio.timeout(self._limits.seconds) as exchange.deadline:
                await self._read_body(exchange)
                await self._work(exchange, scope)
        except TimeoutError:
            await self._late(exchange).response()(scope, receive, send)
        except ApiError as error:
            await error.response()(scope, receive, send)
        except ClientGoneError:
            pass
        finally:
            self._buffered -= len(exchange.body)

    async def _read_body(self, exchange: "_Exchange") -> None:
        """Read the body; raise ApiError if it is too long."""
        limit = self._limits.body
        announced = exchange.headers.get("content-length", "0")
        too_long = ApiError(
            413,
            f"the body is larger than {limit:,} bytes",
            "send fewer texts at once",
            {"Connection": "close"},
        )
        if int(announced) > limit:  # the parser has checked that it is a number
            await self._discard(exchange, int(announced))
            raise too_long
        while not exchange.complete:
            part = await exchange.next_part()
            if len(exchange.body) + len(part) > limit:
                raise too_long
            if self._buffered + len(part) > self._limits.buffered:
                raise busy("the service holds too many large requests")
            exchange.body += part
            self._buffered += len(part)

    async def _discard(self, exchange: "_Exchange", announced: int) -> None:
        """Read a body that is somewhat too long, as most clients read no answer before its end."""
        if announced <= 4 * self._limits.body and "expect" not in exchange.headers:
            while not exchange.complete:
                await exchange.next_part()

    async def _work(self, exchange: "_Exchange", scope: Scope) -> None:
        """Pass the request on; raise ApiError if too many are worked on."""
        if scope["method"] != "POST":
            await self._app(scope, exchange.replay, exchange.forward)
            return
        if self._in_flight >= self._limits.in_flight:
            raise busy("the service works on as many requests as it may")
        self._in_flight += 1
        self._metrics.in_flight.inc()
        try:
            await self._app(scope, exchange.replay, exchange.forward)
        finally:
            self._in_flight -= 1
            self._metrics.in_flight.dec()

    def _late(self, exchange: "_Exchange") -> ApiError:
        """Return the refusal of a request that takes too long."""
        seconds = f"{self._limits.seconds:g} s"
        if not exchange.complete:
            close = {"Connection": "close"}
            return ApiError(408, f"the request did not arrive within {seconds}", headers=close)
        return busy(f"the request took longer than {seconds}")


class _Exchange:
    """One request and its answer."""

    deadline: asyncio.Timeout

    def __init__(self, receive: Receive, send: Send, headers: Headers):
        self.headers = headers
        self.body = bytearray()
        self.complete = False
        self._receive = receive
        self._send = send
        self._is_replayed = False

    async def next_part(self) -> bytes:
        """Return the next part of the body; raise ClientGoneError if there is none."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        self.complete = not message.get("more_body", False)
        return message.get("body", b"")

    async def replay(self) -> Message:
        """Give the whole body once, then what the client does."""
        if self._is_replayed:
            return await self._receive()
        self._is_replayed = True
        return {"type": "http.request", "body": bytes(self.body), "more_body": False}

    async def forward(self, message: MutableMapping[str, Any]) -> None:
        """Send a part of the answer; from then on the connection watches the time."""
        if message["type"] == "http.response.start":
            self.deadline.reschedule(None)
        body = message.get("body", b"")
        while len(body) > _PART:
            part, body = body[:_PART], body[_PART:]
            await self._send({"type": "http.response.body", "body": part, "more_body": True})
        if "body" in message:
            message = {**message, "body": body}
        await self._send(message)
