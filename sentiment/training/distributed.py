"""Train one network in several processes, each with a part of every batch.

Every worker has all the weights. After each batch all workers apply the sum of all gradients.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from sentiment.errors import UnavailableError
from sentiment.training.tf_config import Worker


class WorkerGroup:
    """The workers of a training, seen from one of them; this one is alone."""

    worker = Worker()

    def run(self, function: Callable, *tensors: Any) -> Any:
        """Return `function(*tensors)`; `sum` may be called only inside it."""
        return function(*tensors)

    def sum(self, tensor: Any) -> Any:
        """Return the sum of a tensor or of `tf.IndexedSlices` over all workers."""
        return tensor

    def sum_array(self, array: np.ndarray) -> np.ndarray:
        """Return the sum of an array over all workers; every worker must call this."""
        return array


class _DistributedWorkers(WorkerGroup):
    """Several workers, each a process of its own."""

    def __init__(self, worker: Worker):
        self.worker = worker
        options = tf.distribute.experimental.CommunicationOptions(
            implementation=tf.distribute.experimental.CommunicationImplementation.RING
        )
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
        self._sum_array = tf.function(
            lambda array: self.run(self.sum, array), reduce_retracing=True
        )

    def run(self, function: Callable, *tensors: Any) -> Any:
        """Return `function(*tensors)`; `sum` may be called only inside it."""
        return self._strategy.run(function, tensors)

    def sum(self, tensor: Any) -> Any:
        """Return the sum of a tensor or of `tf.IndexedSlices` over all workers."""
        # A copy is on this worker's device; a tensor from outside is on none that it knows.
        tensor = tf.nest.map_structure(tf.identity, tensor, expand_composites=True)
        return tf.distribute.get_replica_context().all_reduce("SUM", tensor)

    def sum_array(self, array: np.ndarray) -> np.ndarray:
        """Return the sum of an array over all workers; every worker must call this."""
        return self._sum_array(tf.constant(array)).numpy()


def join_workers(worker: Worker) -> WorkerGroup:
    """Wait for all workers of TF_CONFIG and return their group, seen from `worker`.

    Must be called before anything else in TensorFlow is used.
    """
    return WorkerGroup() if worker.size == 1 else _DistributedWorkers(worker)


@contextmanager
def worker_errors(worker: Worker, *, hint: str) -> Iterator[None]:
    """Raise UnavailableError if the body fails because another worker is gone."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        if worker.size == 1:
            raise
        raise UnavailableError(
            f"worker {worker.index} of {worker.size} lost the other workers", hint=hint
        ) from error
