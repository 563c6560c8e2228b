"""Keep libraries from talking on a person's terminal and from crowding two cores with threads.

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
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # it raises what it logs, which is a traceback
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "KERAS_BACKEND": "tensorflow",
}


def configure_libraries() -> None:
    """Ask TensorFlow and MLflow for quiet, and turn MLflow's usage telemetry off.

    On two cores TensorFlow's operations run side by side, each on one thread: the threads that it
    would split them among wait for each other on cores that the rest of a training step needs,
    which then takes a tenth longer.
    """
    if (os.cpu_count() or 1) <= 2:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextmanager
def suppress_stderr() -> Iterator[None]:
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
