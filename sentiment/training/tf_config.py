"""Read and write TF_CONFIG, which says which worker of a distributed training a process is."""

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sentiment.errors import InputError

if TYPE_CHECKING:  # `sentiment --help` does without NumPy
    import numpy as np

TF_CONFIG = "TF_CONFIG"
_EXAMPLE = {
    "cluster": {"worker": ["host0:2222", "host1:2222"]},
    "task": {"type": "worker", "index": 0},
}
Rows = TypeVar("Rows", "np.ndarray", "list[np.ndarray]")


@dataclass(frozen=True)
class Worker:
    """Worker `index`, from 0, of `size` workers."""

    index: int = 0
    size: int = 1

    @property
    def is_chief(self) -> bool:
        """True for the first worker, which logs and saves."""
        return self.index == 0

    def share(self, rows: Rows) -> Rows:
        """Return this worker's share of the rows of a batch, or of a list of batches."""
        return rows[self.index :: self.size]


def current_worker() -> Worker:
    """Return the worker that TF_CONFIG describes; without TF_CONFIG, the only worker.

    Raises InputError if TF_CONFIG does not have the form that TensorFlow documents.
    """
    text = os.environ.get(TF_CONFIG)
    if not text:
        return Worker()
    try:
        config = json.loads(text)
        worker = Worker(int(config["task"]["index"]), len(config["cluster"]["worker"]))
        if config["task"]["type"] != "worker" or not 0 <= worker.index < worker.size:
            raise ValueError(f"there is no worker {worker.index} among {worker.size}")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{TF_CONFIG} does not describe a worker: {error}",
            hint=f"{TF_CONFIG}='{json.dumps(_EXAMPLE)}'",
        ) from error
    return worker


def worker_environment(addresses: list[str], index: int) -> dict[str, str]:
    """Return TF_CONFIG for worker `index` of those at `addresses`, each HOST:PORT."""
    config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    return {TF_CONFIG: json.dumps(config)}
