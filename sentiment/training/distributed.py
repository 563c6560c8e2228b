"""Several processes that train one network together, each on a part of every batch.

Knows tf.distribute; knows nothing of networks or of who has started the processes. Each of them
has all the weights, and after each batch the sum of all gradients.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from sentiment.errors import UnavailableError
from sentiment.training.tf_config import Worker


class WorkerGroup:
    """A process alone, whose sums are what it has itself."""

    task = Worker()

    def run(self, function: Callable, *tensors: Any) -> Any:
        """Return what `function` makes of tensors; in it, and only there, `sum` can be asked."""
        return function(*tensors)

    def sum(self, tensor: Any) -> Any:
        """Return the sum of a tensor or of `tf.IndexedSlices` over all workers."""
        return tensor

    def total(self, array: np.ndarray) -> np.ndarray:
        """Return the sum of an array over all workers, each of which must ask for it."""
        return array


class _Workers(WorkerGroup):
    """One of several workers, each a process of its own."""

    def __init__(self, task: Worker):
        self.task = task
        options = tf.distribute.experimental.CommunicationOptions(
            implementation=tf.distribute.experimental.CommunicationImplementation.RING
        )
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
        self._total = tf.function(lambda array: self.run(self.sum, array), reduce_retracing=True)

    def run(self, function: Callable, *tensors: Any) -> Any:
        """Return what `function` makes of tensors; in it, and only there, `sum` can be asked."""
        return self._strategy.run(function, tensors)

    def sum(self, tensor: Any) -> Any:
        """Return the sum of a tensor or of `tf.IndexedSlices` over all workers."""
        # A copy lies on this worker's device; what came from outside lies nowhere that it knows.
        tensor = tf.nest.map_structure(tf.identity, tensor, expand_composites=True)
        return tf.distribute.get_replica_context().all_reduce("SUM", tensor)

    def total(self, array: np.ndarray) -> np.ndarray:
        """Return the sum of an array over all workers, each of which must ask for it."""
        return self._total(tf.constant(array)).numpy()


def join_workers(task: Worker) -> WorkerGroup:
    """Return the cluster that `task` is one of, which TF_CONFIG names, once all have come.

    Must be called before anything else is asked of TensorFlow.
    """
    return WorkerGroup() if task.size == 1 else _Workers(task)


@contextmanager
def worker_errors(task: Worker, *, hint: str) -> Iterator[None]:
    """Turn what comes of it that another worker has gone into an error that says so."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        if task.size == 1:
            raise
        raise UnavailableError(
            f"worker {task.index} of {task.size} has lost the others", hint=hint
        ) from error
