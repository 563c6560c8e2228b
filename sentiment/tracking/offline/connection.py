"""Call a store with a short time limit, and say in one sentence what went wrong."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sentiment.errors import SentimentError, UnavailableError
from sentiment.tracking import store
from sentiment.utils import environment
from sentiment.utils.credentials import mask
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.text import first_line

with environment.suppress_stderr():
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

STORE_ERRORS = (MlflowException, SQLAlchemyError, OSError)  # raised by a store that fails
_TIMEOUT, _RETRIES = "MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_SECONDS = 10  # the time limit of a call; MLflow's is 120, and it tries eight times
_TEMPORARY = (408, 429)  # statuses below 500 of a server that may answer later
_UNAVAILABLE = 503


class StoreUnreachableError(UnavailableError):
    """The store does not answer, or not now; the same call may succeed later."""


@contextmanager
def connection(paths: ProjectPaths, uri: str, *, seconds: int | None = None) -> Iterator[None]:
    """Point MLflow at the store `uri` during the body.

    seconds: the time limit of each call; by default the user's own, or 10. Raises
    StoreUnreachableError if the store does not answer and another UnavailableError if it refuses.
    """
    timeout = str(seconds or os.environ.get(_TIMEOUT, _SECONDS))
    # No retries, whatever the user has set: a retry may create things twice unnoticed.
    changes = {"MLFLOW_TRACKING_URI": uri, _TIMEOUT: timeout, _RETRIES: "0"}
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        store.connect(paths)
        with environment.suppress_stderr():
            yield
    except (SentimentError, *STORE_ERRORS) as error:
        translated = _translate(error, uri)
        if translated is error:
            raise
        raise translated from error
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _translate(error: Exception, uri: str) -> SentimentError:
    """Return the error to raise for one of ours, which stays if it says enough, or STORE_ERRORS."""
    cause: BaseException = error
    if isinstance(error, SentimentError):
        # store.store_errors raises a plain UnavailableError whatever the store answers.
        if type(error) is not UnavailableError or not isinstance(error.__cause__, STORE_ERRORS):
            return error
        cause = error.__cause__
    if isinstance(cause, MlflowException):
        status = cause.get_http_status_code()
    else:
        # A network error has a status only if the server has answered.
        status = getattr(getattr(cause, "response", None), "status_code", _UNAVAILABLE)
    reason = first_line(cause)
    if status >= 500 or status in _TEMPORARY:
        return StoreUnreachableError(f"the tracking store {mask(uri)} does not answer: {reason}")
    return UnavailableError(f"the tracking store {mask(uri)} refuses the run: {reason}")
