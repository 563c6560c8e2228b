"""Keep libraries quiet on the terminal and limit their threads and memory."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# Must be set before the libraries are imported. A value that the user has set wins.
_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # Otherwise the first operation takes all memory of a GPU. Not by `set_memory_growth`, which is
    # too late if TensorFlow Datasets has read reviews in this process.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # MLflow also raises what it logs, with a traceback
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "KERAS_BACKEND": "tensorflow",
    # NumPy's products are small here. More threads slow them down, sevenfold where several
    # processes score a file.
    "OPENBLAS_NUM_THREADS": "1",
}


def configure_libraries() -> None:
    """Silence TensorFlow and MLflow, and turn off MLflow's usage telemetry.

    On a GPU, let TensorFlow take memory as it needs it. On one or two cores, limit each of its
    operations to one thread. Operations already run in parallel there; splitting them further makes
    a training step a tenth slower.
    """
    if (os.cpu_count() or 1) <= 2:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextmanager
def suppress_stderr() -> Iterator[None]:
    """Hide standard error, of C++ code too, while the body runs; show it if the body raises.

    TensorFlow reports missing GPU drivers before its own log level takes effect.
    """
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(original, 2)
            captured.seek(0)
            os.write(2, captured.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(original, 2)
            os.close(original)
