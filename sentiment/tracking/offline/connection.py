"""A store that is spoken to with little patience, and what went wrong there in one sentence.

Knows MLflow's errors and bounds; knows nothing of what is said to the store.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sentiment.errors import SentimentError, UnavailableError
from sentiment.tracking import store
from sentiment.utils import environment
from sentiment.utils.paths import ProjectPaths

with environment.suppress_stderr():
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

# What a store raises that is away or ill.
STORE_ERRORS = (MlflowException, SQLAlchemyError, OSError)
_TIMEOUT, _RETRIES = "MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_SECONDS = 10  # that a call may take; MLflow's own bound is 120, seven times over
_LATER = (408, 429)  # statuses below 500 of servers that may say otherwise another time


class StoreUnreachableError(UnavailableError):
    """The store does not answer, or not now; the same may go well later."""


@contextmanager
def connection(paths: ProjectPaths, uri: str, *, seconds: int | None = None) -> Iterator[None]:
    """Point MLflow at the store `uri`, with little patience, and name what goes wrong there.

    seconds: that each call to a server may take at most; where they are not given the user's own
    bound holds, if there is one. Nothing is retried. Raises AwayError where the store does not
    answer and another UnavailableError where it refuses.
    """
    timeout = str(seconds or os.environ.get(_TIMEOUT, _SECONDS))
    # No retries whatever the user says: they would make things twice, unlooked for.
    changed = {"MLFLOW_TRACKING_URI": uri, _TIMEOUT: timeout, _RETRIES: "0"}
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        store.connect(paths)
        with environment.suppress_stderr():
            yield
    except (SentimentError, *STORE_ERRORS) as error:
        named = _named(error, uri)
        if named is error:
            raise
        raise named from error
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _named(error: Exception, uri: str) -> SentimentError:
    # What `store.usable` raises: its kinds, such as that of a missing run, say enough.
    told = type(error) is UnavailableError and error.__cause__
    cause = error.__cause__ if told else error
    if isinstance(cause, MlflowException):
        status = cause.get_http_status_code()
    elif isinstance(cause, OSError | SQLAlchemyError):
        # Of what the network says only an answer has a status.
        status = getattr(getattr(cause, "response", None), "status_code", 503)
    else:
        return error  # type: ignore[return-value]  # what is neither is one of our own
    first = (str(cause).splitlines() or [""])[0][:200]
    if status >= 500 or status in _LATER:
        return StoreUnreachableError(f"the tracking store {uri} does not answer: {first}")
    return UnavailableError(f"the tracking store {uri} refuses a run: {first}")
