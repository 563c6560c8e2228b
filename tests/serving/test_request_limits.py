"""Each limit on a request holds, over real sockets: without it one of these tests fails."""

import json
import threading
import time

import pytest

from sentiment.inference import resolve
from tests.helpers.build import tiny_bundle
from tests.helpers.service import post_head, read_to_end, service

BODY_LIMIT = 200_000
SECONDS = 1.0
SMALL = {"texts": ["a good film"]}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tiny_bundle(tmp_path_factory.mktemp("models") / "tiny").folder
    limits = {"body": BODY_LIMIT, "texts": 20, "seconds": SECONDS}
    with service(folder, limits=limits) as started:
        yield started


def test_a_body_at_the_limit_is_read_and_one_above_it_is_not(served):
    fitting = json.dumps({"texts": ["a" * (BODY_LIMIT - 15)]})
    assert len(fitting) == BODY_LIMIT
    for body, status in ((fitting, 200), (fitting + " ", 413)):
        answer = served.request("POST", "/v1/classify", body, Content_Type="application/json")
        assert answer.status == status
    assert answer.json == {
        "error": "the body is larger than 200,000 bytes", "hint": "send fewer texts at once",
    }  # fmt: skip


def test_a_body_that_does_not_say_its_length_is_measured(served):
    with served.connect() as connection:
        connection.sendall(
            b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(5):
            connection.sendall(b"c350\r\n" + b"a" * 50_000 + b"\r\n")
        assert read_to_end(connection).startswith(b"HTTP/1.1 413 ")


def test_a_body_of_terabytes_is_refused_before_it_is_sent(served):
    with served.connect() as connection:
        connection.sendall(post_head(10**12))
        assert read_to_end(connection).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", ["/v1/classify", "/invocations"])
def test_the_number_of_texts_is_limited(path, served):
    name = "inputs" if path == "/invocations" else "texts"
    assert served.post(path, {name: ["good"] * 20}).status == 200
    answer = served.post(path, {name: ["good"] * 21})
    assert answer.status == 413 and answer.json["error"] == "21 texts are more than 20"


def test_a_body_that_does_not_arrive_in_time_is_refused(served):
    with served.connect() as connection:
        connection.sendall(post_head(100) + b'{"texts"')
        started = time.monotonic()
        answer = read_to_end(connection)
        assert answer.startswith(b"HTTP/1.1 408 ") and b"within 1 s" in answer
        assert SECONDS <= time.monotonic() - started < SECONDS + 3
    assert served.post("/v1/classify", SMALL).status == 200


def test_a_body_that_trickles_is_refused(served):
    with served.connect() as connection:
        connection.sendall(post_head(100))
        try:
            for _ in range(30):
                connection.sendall(b" ")
                time.sleep(0.1)
        except OSError:
            pass
        assert read_to_end(connection)[:13] in (b"HTTP/1.1 408 ", b"")
    assert any("status=408" in line for line in served.log)


def test_work_that_takes_too_long_is_refused_and_the_service_goes_on():
    texts = ["I expected it to be terrible and I was completely wrong. " * 60] * 500
    with service(resolve.PRETRAINED, limits={"seconds": 0.3}) as started:
        answer = started.post("/v1/classify", {"texts": texts})
        assert answer.status == 503 and answer.headers["Retry-After"] == "1"
        assert answer.json["error"] == "the request took longer than 0.3 s"
        assert started.post("/v1/classify", SMALL).status == 200


def test_no_more_requests_are_worked_on_than_may_be():
    texts = ["I expected it to be terrible and I was completely wrong. " * 60] * 300
    with service(resolve.PRETRAINED, limits={"in_flight": 1}) as started:
        large = []
        thread = threading.Thread(
            target=lambda: large.append(started.post("/v1/classify", {"texts": texts}).status)
        )
        thread.start()
        while not started.metric("sentiment_requests_in_flight"):
            assert thread.is_alive()
        statuses = set()
        while thread.is_alive():
            answer = started.post("/v1/classify", SMALL)
            statuses.add(answer.status)
            if answer.status == 503:
                assert answer.headers["Retry-After"] == "1" and "as many" in answer.json["error"]
                assert started.request("GET", "/healthz").status == 200
        thread.join()
        assert large == [200] and 503 in statuses
        assert started.post("/v1/classify", SMALL).status == 200
        assert started.metric("sentiment_requests_in_flight") == 0


def test_bodies_that_wait_for_their_end_do_not_fill_the_memory(served):
    connections = [served.connect() for _ in range(5)]
    try:
        for connection in connections[:4]:
            connection.sendall(post_head(BODY_LIMIT) + b" " * (BODY_LIMIT - 10))
        time.sleep(0.3)
        connections[4].sendall(post_head(BODY_LIMIT) + b" " * (BODY_LIMIT - 10))
        answer = connections[4].recv(1000)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"retry-after: 1" in answer
    finally:
        for connection in connections:
            connection.close()
    time.sleep(0.3)  # until it has noticed that they are gone
    assert served.post("/v1/classify", {"texts": ["a" * 150_000]}).status == 200
