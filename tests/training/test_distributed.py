"""Workers that lose each other end with a message; other errors stay what they are."""

import pytest
import tensorflow as tf

from sentiment.errors import UnavailableError
from sentiment.training.distributed import worker_errors
from sentiment.training.tf_config import Worker

LOST = [tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError]


@pytest.mark.parametrize("kind", LOST)
def test_a_worker_whose_others_are_gone_says_so(kind):
    with (
        pytest.raises(UnavailableError, match="worker 1 of 2 lost the other workers") as raised,
        worker_errors(Worker(1, 2), hint="the hint"),
    ):
        raise kind(None, None, "Socket closed")
    assert raised.value.hint == "the hint" and isinstance(raised.value.__cause__, kind)


@pytest.mark.parametrize(("size", "kind"), [*((1, kind) for kind in LOST), (2, ValueError)])
def test_an_error_that_no_other_worker_can_have_caused_stays(size, kind):
    error = ValueError("x") if kind is ValueError else kind(None, None, "x")
    with pytest.raises(kind) as raised, worker_errors(Worker(0, size), hint="x"):
        raise error
    assert raised.value is error
