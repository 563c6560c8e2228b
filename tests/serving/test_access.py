"""Who may send a request: names of the host, the token, other sites."""

import base64

import pytest

from tests.helpers.build import tiny_bundle
from tests.helpers.service import service

TOKEN = "0123456789abcdef"
SITE = "https://films.example"
BODY = {"texts": ["a good film"]}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tiny_bundle(tmp_path_factory.mktemp("models") / "tiny").folder
    options = {"token": TOKEN, "cors_origins": [SITE], "hosts": ["localhost", "127.0.0.1"]}
    with service(folder, **options) as started:
        yield started


def basic(login):
    return "Basic " + base64.b64encode(login.encode()).decode()


@pytest.mark.parametrize(
    "login", [f"Bearer {TOKEN}", f"bearer {TOKEN}", basic(f":{TOKEN}"), basic(f"any:{TOKEN}")]
)
def test_the_token_opens_the_service(login, served):
    assert served.post("/v1/classify", BODY, Authorization=login).status == 200
    assert served.request("GET", "/", Authorization=login).status == 200


@pytest.mark.parametrize(
    "login",
    [
        None, "", "Bearer", "Bearer ", "Bearer wrong", TOKEN, f"Token {TOKEN}", f"Bearer {TOKEN}x",
        basic(TOKEN), basic(f"{TOKEN}:"), "Basic %%%", "Bearer \u00e9",
    ],
)  # fmt: skip
def test_nothing_is_answered_without_it(login, served):
    headers = {} if login is None else {"Authorization": login}
    for method, path in (
        ("POST", "/v1/classify"), ("GET", "/"), ("GET", "/v1/model"), ("GET", "/metrics"),
        ("GET", "/openapi.json"), ("GET", "/docs"), ("POST", "/invocations"), ("GET", "/none"),
    ):  # fmt: skip
        answer = served.request(method, path, **headers)
        assert answer.status == 401 and answer.json["hint"]
    assert served.request("GET", "/healthz", **headers).status == 200
    assert served.request("GET", "/readyz", **headers).status == 200
    assert TOKEN not in "".join(served.log)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "127.0.0.1.evil.example"])
def test_another_host_name_is_refused(host, served):
    answer = served.request("GET", "/healthz", Host=host)
    assert answer.status == 403 and "host name" in answer.json["error"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "localhost:8080"])
def test_names_of_this_machine_are_answered_with_any_port(host, served):
    assert served.request("GET", "/healthz", Host=host).status == 200


def test_two_host_names_are_refused(served):
    with served.connect() as connection:
        connection.sendall(
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
        )
        assert connection.recv(1000).split()[1] in (b"400", b"403")


def test_other_sites_are_let_in_only_if_they_are_named(served):
    asked = {
        "Access_Control_Request_Method": "POST",
        "Access_Control_Request_Headers": "authorization",
    }
    answer = served.request("OPTIONS", "/v1/classify", Origin=SITE, **asked)
    assert answer.headers["access-control-allow-origin"] == SITE
    for origin in ("https://evil.example", "null", "http://films.example"):
        answer = served.request("OPTIONS", "/v1/classify", Origin=origin, **asked)
        assert "access-control-allow-origin" not in answer.headers


def test_without_names_no_site_is_let_in(tmp_path):
    with service(tiny_bundle(tmp_path / "tiny").folder) as started:
        answer = started.post("/v1/classify", BODY, Origin=SITE)
        assert "access-control-allow-origin" not in answer.headers
        assert started.request("OPTIONS", "/v1/classify", Origin=SITE).status == 405
