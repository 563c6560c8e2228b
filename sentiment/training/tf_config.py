"""Which of several processes this one is, that train one network together.

Knows TF_CONFIG, as TensorFlow describes it; knows nothing of TensorFlow.
"""

import json
import os
from dataclasses import dataclass

from sentiment.errors import InputError

TF_CONFIG = "TF_CONFIG"
_EXAMPLE = {
    "cluster": {"worker": ["host0:2222", "host1:2222"]},
    "task": {"type": "worker", "index": 0},
}


@dataclass(frozen=True)
class Worker:
    """Worker `index`, from 0, of `size`: the first is the chief and keeps what comes of it."""

    index: int = 0
    size: int = 1

    @property
    def is_chief(self) -> bool:
        """Tell whether this is the worker that logs and saves."""
        return self.index == 0

    def share(self, rows):
        """Return this worker's part of the rows of a batch, or of the batches themselves."""
        return rows[self.index :: self.size]


def current_worker() -> Worker:
    """Return the task that TF_CONFIG names, the only one where it names none.

    Raises InputError where it is not as TensorFlow describes it.
    """
    stated = os.environ.get(TF_CONFIG)
    if not stated:
        return Worker()
    try:
        told = json.loads(stated)
        task = Worker(int(told["task"]["index"]), len(told["cluster"]["worker"]))
        if told["task"]["type"] != "worker" or not 0 <= task.index < task.size:
            raise ValueError(f"there is no worker {task.index} among {task.size}")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{TF_CONFIG} names no worker of a cluster: {error}",
            hint=f"{TF_CONFIG}='{json.dumps(_EXAMPLE)}'",
        ) from error
    return task


def worker_environment(addresses: list[str], index: int) -> dict[str, str]:
    """Return TF_CONFIG for worker `index` of those at `addresses`, HOST:PORT each."""
    told = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    return {TF_CONFIG: json.dumps(told)}
