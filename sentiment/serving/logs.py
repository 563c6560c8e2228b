"""Write the log of a service to standard error: a line for each request and event, and no texts."""

import json
import logging
import sys
import time
from typing import Any

from sentiment.serving.settings import LogFormat
from sentiment.utils.text import escape_control, first_line

logger = logging.getLogger("sentiment.serving")


class _Formatter(logging.Formatter):
    """Formats a record whose fields are in `record.fields`."""

    def __init__(self, kind: LogFormat):
        super().__init__()
        self._kind = kind

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "fields", {})
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        moment += f".{record.msecs:03.0f}Z"
        level, message = record.levelname.lower(), record.getMessage()
        if self._kind == "json":
            return json.dumps({"time": moment, "level": level, "event": message, **fields})
        words = [f"{name}={value}" for name, value in fields.items()]
        return escape_control(" ".join([moment, level, message, *words]))


def configure(kind: LogFormat) -> None:
    """Send the log of this package, and warnings of uvicorn, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(kind))
    logging.raiseExceptions = False  # a log that can't be written does not stop the service
    for name, level in (("sentiment.serving", logging.INFO), ("uvicorn.error", logging.ERROR)):
        channel = logging.getLogger(name)
        channel.handlers, channel.propagate = [handler], False
        channel.setLevel(level)


def log_event(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Write a line about something that happened."""
    logger.log(level, event, extra={"fields": fields})


def log_failure(error: BaseException, path: str) -> None:
    """Write where an unexpected error was raised, without its message, which may quote a text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    kind = type(error).__name__
    log_event("unexpected error", level=logging.ERROR, path=path, error=kind, place=place)


def message_of(error: BaseException) -> str:
    """Return the first line of an error, for the log."""
    return first_line(error, 300)
