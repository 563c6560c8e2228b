"""Format the current time for names and records."""

import time
from datetime import UTC, datetime


def name_timestamp() -> str:
    """Return the local time as `1124-093005`, for the name of a run or a sweep."""
    return datetime.now().strftime("%m%d-%H%M%S")


def utc_timestamp() -> str:
    """Return the time in UTC as ISO 8601 with microseconds, for records."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def epoch_milliseconds() -> int:
    """Return the milliseconds since 1970, as MLflow stores times."""
    return round(time.time() * 1000)
