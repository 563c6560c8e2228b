"""Signals that are delayed until the work can stop."""

import signal
import threading

import pytest

from sentiment.training import interrupts


@pytest.fixture
def handled():
    """Return the signals that have taken effect, in order."""
    numbers = []
    handlers = [(n, signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM)]
    for number, _ in handlers:
        signal.signal(number, lambda number, frame: numbers.append(number))
    yield numbers
    for number, handler in handlers:
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_waits_until_the_work_checks_for_it(handled, number):
    with interrupts.defer_interrupts() as check:
        signal.raise_signal(number)
        assert handled == []
        check()
        assert handled == [number]
    assert handled == [number]


def test_the_first_signal_takes_effect_at_the_end_of_the_body(handled):
    with interrupts.defer_interrupts():
        signal.raise_signal(signal.SIGINT)
    assert handled == [signal.SIGINT]


def test_the_second_signal_takes_effect_at_once(handled):
    with interrupts.defer_interrupts() as check:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert handled == [signal.SIGTERM]
        check()
    assert handled == [signal.SIGTERM, signal.SIGINT]


def test_handlers_are_restored_if_the_body_fails(handled):
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), interrupts.defer_interrupts():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is handler


def test_in_another_thread_nothing_is_delayed(handled):
    def body():
        with interrupts.defer_interrupts() as check:
            check()

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert handled == []
