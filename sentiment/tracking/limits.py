"""Bound what is accepted from a tracking server, which may be broken or hostile."""

from collections.abc import Callable, Iterator
from typing import Any

from sentiment.utils import environment

with environment.suppress_stderr():
    from mlflow.exceptions import MlflowException
    from mlflow.utils import request_utils

# Of an answer, which is read into memory, and of a file, which goes to the disk. A thousand runs
# take 5 MB, and the largest file of our models 100 MB.
MAX_ANSWER_BYTES, MAX_FILE_BYTES = 64 << 20, 1 << 30


def install() -> None:
    """Bound all answers that MLflow reads from now on in this process."""
    adapter = request_utils.TCPKeepAliveHTTPAdapter  # through which all of them go
    if not hasattr(adapter.send, "is_bounded"):
        adapter.send = _bounded(adapter.send)


def _bounded(send: Callable[..., Any]) -> Callable[..., Any]:
    def send_bounded(self: Any, request: Any, stream: bool = False, **options: Any) -> Any:
        response = send(self, request, stream=stream, **options)
        # MLflow streams files alone.
        limit = MAX_FILE_BYTES if stream else MAX_ANSWER_BYTES
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > limit:
            response.close()
            raise _too_large(limit)
        response.raw.stream = _count(response.raw.stream, limit)
        return response

    send_bounded.is_bounded = True  # type: ignore[attr-defined]
    return send_bounded


def _count(read: Callable[..., Iterator[bytes]], limit: int) -> Callable[..., Iterator[bytes]]:
    """Return `read`, which yields the decoded bytes of an answer, up to `limit` bytes."""

    def read_some(*words: Any, **options: Any) -> Iterator[bytes]:
        size = 0
        for chunk in read(*words, **options):
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            yield chunk

    return read_some


def _too_large(limit: int) -> MlflowException:
    return MlflowException(f"its answer is larger than {limit >> 20:,} MiB")
