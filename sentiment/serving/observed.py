"""Log and count each request."""

import time
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sentiment.serving import logs
from sentiment.serving.metrics import Metrics

_GONE = 499  # the client closed the connection; nginx has this number
_OTHER = "other"  # instead of a path that does not exist, which may hold anything


class Observed:
    """The outermost part of the service."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: frozenset[str]):
        self._app = app
        self._metrics = metrics
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, size, started = _GONE, 0, time.perf_counter()
        path = scope["path"] if scope["path"] in self._paths else _OTHER
        request_id = uuid4().hex[:12]

        async def watch(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            logs.log_failure(error, path)  # it was answered where it was raised
        finally:
            seconds = time.perf_counter() - started
            self._metrics.requests.labels(path, status).inc()
            self._metrics.seconds.labels(path).observe(seconds)
            logs.log_event(
                "request",
                id=request_id,
                method=scope["method"],
                path=path,
                status=status,
                ms=round(1000 * seconds, 2),
                bytes=size,
                client=(scope.get("client") or ("",))[0],
                **scope["state"].get("log", {}),
            )
