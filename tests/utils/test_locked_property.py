"""A property that several threads ask for."""

import threading
import time

import pytest

from sentiment.utils.locked_property import locked_property


class Slow:
    def __init__(self):
        self.calls = 0

    @locked_property
    def value(self):
        """The value."""
        self.calls += 1
        time.sleep(0.05)
        return [self.calls]

    @locked_property
    def failing(self):
        self.calls += 1
        if self.calls == 1:
            raise ValueError("first")
        return self.calls


def test_threads_get_the_one_value_that_one_of_them_computes():
    slow, found = Slow(), []
    threads = [threading.Thread(target=lambda: found.append(slow.value)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[1]] * 4
    assert all(value is slow.value for value in found)
    assert Slow().value is not slow.value
    assert Slow.value.__doc__ == "The value."


def test_what_fails_is_tried_again():
    slow = Slow()
    with pytest.raises(ValueError, match="first"):
        _ = slow.failing
    assert slow.failing == 2
