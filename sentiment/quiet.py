"""Keep libraries from talking on a person's terminal.

Knows file descriptors and environment variables; imports none of the libraries it hushes.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# Set before the libraries are imported; a value that the user has set stays.
_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "KERAS_BACKEND": "tensorflow",
}


def set_environment() -> None:
    """Ask TensorFlow and MLflow for quiet, and turn MLflow's usage telemetry off."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextmanager
def hushed() -> Iterator[None]:
    """Hold back what is written to standard error, by C++ too; show it only where an error comes.

    TensorFlow reports missing GPU drivers before its own log level takes effect.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            aside.seek(0)
            os.write(2, aside.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
