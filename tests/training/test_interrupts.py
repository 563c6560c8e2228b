"""Signals that wait for a good moment."""

import signal
import threading

import pytest

from sentiment.training import interrupts


@pytest.fixture
def heard():
    """Return the signals that have had their effect."""
    told = []
    before = [(n, signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM)]
    for number, _ in before:
        signal.signal(number, lambda number, frame: told.append(number))
    yield told
    for number, handler in before:
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_waits_until_it_is_let_through(heard, number):
    with interrupts.defer_interrupts() as heed:
        signal.raise_signal(number)
        assert heard == []
        heed()
        assert heard == [number]
    assert heard == [number]


def test_the_first_signal_waits_no_longer_than_the_body(heard):
    with interrupts.defer_interrupts():
        signal.raise_signal(signal.SIGINT)
    assert heard == [signal.SIGINT]


def test_the_second_signal_has_its_effect_at_once(heard):
    with interrupts.defer_interrupts() as heed:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert heard == [signal.SIGTERM]
        heed()
    assert heard == [signal.SIGTERM, signal.SIGINT]


def test_handlers_are_put_back_where_the_body_fails(heard):
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), interrupts.defer_interrupts():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is handler


def test_in_another_thread_nothing_is_held(heard):
    def body():
        with interrupts.defer_interrupts() as heed:
            heed()

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert heard == []
