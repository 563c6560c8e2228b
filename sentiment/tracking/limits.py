"""Bound what is taken from a tracking server, which may send without an end."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sentiment.utils import environment

with environment.suppress_stderr():
    from mlflow.utils import request_utils
    from urllib3.response import HTTPResponse

MAX_ANSWER = 1 << 26  # bytes of an answer, which is held in memory
MAX_FILE = 1 << 30  # bytes of a file, which is written to disk


class AnswerTooLargeError(OSError):
    """A server sends more than this program takes."""


class _BoundedAdapter(request_utils.TCPKeepAliveHTTPAdapter):
    """Ends an answer that is too large, whatever length and encoding it declares."""

    def send(self, request: Any, stream: bool = False, **options: Any) -> Any:
        """Send a request; the answer raises AnswerTooLargeError while it is read."""
        response = super().send(request, stream=stream, **options)
        limit = MAX_FILE if stream else MAX_ANSWER
        # All of `requests` reads through this method, which also expands what is compressed.
        response.raw.stream = partial(_bounded, response.raw, response.raw.stream, limit)
        return response


def _bounded(
    raw: Any, stream: Callable[..., Iterator[bytes]], limit: int, *args: Any, **options: Any
) -> Iterator[bytes]:
    """Yield the parts of an answer; raise AnswerTooLargeError at more than `limit` bytes."""
    size = 0
    for part in stream(*args, **options):
        size += len(part)
        if size > limit:
            raw.close()
            raise AnswerTooLargeError(f"it sends more than {limit >> 20:,} MiB")
        yield part


def install() -> None:
    """Bound the answers to all requests that MLflow makes in this process."""
    request_utils.TCPKeepAliveHTTPAdapter = _BoundedAdapter
    # Before it tries again, urllib3 reads the rest of an answer, whatever its size.
    HTTPResponse.drain_conn = HTTPResponse.close  # type: ignore[method-assign]
    request_utils._cached_get_request_session.cache_clear()
