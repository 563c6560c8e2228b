"""Sockets are bound to the port that was asked for, or to a free one."""

import socket

import pytest

from sentiment.errors import InputError
from sentiment.utils.ports import bound_socket, free_port, is_public


def test_a_port_that_is_taken_is_left_alone():
    with bound_socket(0) as first:
        first.listen()
        port = first.getsockname()[1]
        with bound_socket(port) as second:
            assert second.getsockname()[1] != port
        assert free_port(port) != port
    assert free_port(port) == port


def test_asyncio_sends_small_answers_at_once():
    # It does so only if the protocol of the socket is named, see `bound_socket`.
    with bound_socket(0) as bound:
        assert bound.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7"])
def test_a_host_of_another_machine_is_refused(host):
    with pytest.raises(InputError):
        bound_socket(0, host)


def test_addresses_of_this_machine_alone_are_not_public():
    assert not is_public("127.0.0.1") and not is_public("localhost")
    assert is_public("0.0.0.0")
    with pytest.raises(InputError):
        is_public("no.such.host.invalid")
