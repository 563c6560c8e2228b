"""Clients that are slow, stop or speak no HTTP are let go; all others go on."""

import resource
import socket
import time

import pytest

from sentiment.serving.protocol import MAX_CONNECTIONS
from tests.helpers.build import tiny_bundle
from tests.helpers.service import post_head, read_to_end, service

SECONDS = 1.0  # for the head of a request, and for the client to read
BODY = b'{"texts": ["a good film"]}'


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tiny_bundle(tmp_path_factory.mktemp("models") / "tiny").folder
    with service(folder, limits={"seconds": SECONDS}) as started:
        yield started


@pytest.fixture(autouse=True)
def answers_afterwards(served):
    yield
    assert (
        served.request("POST", "/v1/classify", BODY, Content_Type="application/json").status == 200
    )


@pytest.mark.parametrize("sent", [b"", b"POST /v1/cl", b"GET / HTTP/1.1\r\nHost: localhost\r\nA: "])
def test_a_connection_without_a_whole_head_is_closed(sent, served):
    with served.connect() as connection:
        connection.sendall(sent)
        started = time.monotonic()
        assert read_to_end(connection) == b""
        assert time.monotonic() - started < SECONDS + 3


def test_a_head_that_trickles_is_no_head(served):
    with served.connect() as connection:
        started = time.monotonic()
        with pytest.raises(OSError):
            for _ in range(60):
                connection.sendall(b"G")
                time.sleep(0.1)
        assert time.monotonic() - started < SECONDS + 3


def test_the_second_head_on_a_connection_is_waited_for_no_longer(served):
    with served.connect() as connection:
        connection.sendall(post_head(len(BODY)) + BODY)
        answer = b""
        while not answer.endswith(b"]}"):
            answer += connection.recv(10_000)
        connection.sendall(b"POST /v1/cl")
        started = time.monotonic()
        assert read_to_end(connection) == b""
        assert time.monotonic() - started < SECONDS + 3


def test_a_connection_that_was_closed_on_one_side_is_closed(served):
    with served.connect() as connection:
        connection.sendall(post_head(100) + b'{"texts')
        connection.shutdown(socket.SHUT_WR)
        assert read_to_end(connection) == b""


def test_a_client_that_reads_nothing_is_let_go(served):
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", served.port))
        request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.sendall(request * 20)  # 10 MB to read
        time.sleep(SECONDS + 1.5)
        assert len(read_to_end(connection)) < 8_000_000


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), b"\r\n\r\n\r\n\r\nx\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 100_000,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"\xff" * 100 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=lambda sent: str(sent)[:40],
)  # fmt: skip
def test_what_is_not_http_ends_in_a_4xx(sent, served):
    with served.connect() as connection:
        try:
            connection.sendall(sent)
        except OSError:
            return
        answer = read_to_end(connection)
        assert answer[:10] in (b"HTTP/1.1 4", b""), answer
        assert b"Traceback" not in answer
    assert "Traceback" not in "".join(served.log)


def test_there_are_no_more_connections_than_may_be(served):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + 200
    if hard < wanted:
        pytest.skip(f"a process may open {hard} files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    connections = [served.connect() for _ in range(MAX_CONNECTIONS + 20)]
    started = time.monotonic()
    try:
        read_to_end(connections[-1])
        assert time.monotonic() - started < 0.7 * SECONDS  # before it was to send a head
    finally:
        for connection in connections:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    time.sleep(0.5)
