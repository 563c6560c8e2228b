"""`sentiment serve` starts, changes its model, and ends without losing a request."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.tracking import registry, store
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.ports import free_port
from tests.helpers.browser import chromium, needs_browser
from tests.helpers.build import tiny_bundle
from tests.helpers.commands import interrupt, start
from tests.helpers.service import running

BODY = b'{"texts": ["a good film"]}'
REQUEST = (
    b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)


@contextmanager
def serve(home, *words, **environment):
    """Run `sentiment serve` in the project `home`; the last line it prints is "Press …"."""
    process = start("serve", "--port", str(free_port(0)), *words, home=home, **environment)

    def read_port():
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Press"):
                return int(lines[-2].split()[1].split("/")[2].rpartition(":")[2])
        raise AssertionError(lines)

    with running(process, read_port) as started:
        yield started


@pytest.fixture
def project(home):
    tiny_bundle(home / "data" / "models" / "tiny", seed=3)
    return home


class Load:
    """Clients that send requests as fast as they are answered; half of them reconnect each time."""

    def __init__(self, port, clients=16):
        self.answered = 0
        self.failed = []
        self.models = set()
        self._port = port
        self._clients = clients
        self._ended = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended = True
        self._thread.join()

    async def _run(self):
        await asyncio.gather(*(self._client(number % 2) for number in range(self._clients)))

    async def _client(self, reconnects):
        while not self._ended:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except ConnectionRefusedError:  # it does not listen any more: nothing was sent
                return
            is_open = True
            while is_open and not self._ended:
                try:
                    is_open = await self._exchange(reader, writer) and not reconnects
                except Exception as error:
                    self.failed.append(repr(error))
                    return
            writer.close()

    async def _exchange(self, reader, writer):
        """Send one request; return True if the connection may be used again."""
        writer.write(REQUEST)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
        content = json.loads(await reader.readexactly(length))
        if b" 200 " not in head[:15]:
            self.failed.append(content)
        self.answered += 1
        self.models.add(content["model"])
        return b"connection: close" not in head


def test_sigterm_under_load_fails_no_request(project):
    with serve(project) as started, Load(started.port) as load:
        while load.answered < 500:
            time.sleep(0.05)
        large = []
        texts = ["a good film with a bad heart " * 200] * 2_000
        thread = threading.Thread(
            target=lambda: large.append(started.post("/v1/classify", {"texts": texts}).status)
        )
        thread.start()
        while not started.metric("sentiment_requests_in_flight"):
            time.sleep(0.01)
        time.sleep(0.1)
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(timeout=30) == 0
        thread.join()
    assert load.failed == [] and load.answered > 500
    assert large == [200]
    assert started.process.stdout.read() == "Stopped.\n"


def test_a_new_champion_is_taken_up_under_load_and_a_bad_one_is_not(home):
    paths = ProjectPaths(home)
    versions = []
    for seed, name in enumerate(("first", "second", "broken")):
        folder = tiny_bundle(home / name, seed=seed).folder
        shutil.copytree(folder, home / name / "copy" / "bundle")
        run = store.connect(paths).create_run(store.open_experiment(paths, store.EXPERIMENT))
        model_id = registry.log_model(run.info.run_id, home / name / "copy" / "bundle", 1)
        versions.append(registry.register(model_id))
    weights = registry.download_bundle(paths, "models:/sentiment/3") / "weights.npz"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    registry.promote(paths, versions[0])
    words = ["--model", "models:/sentiment@champion", "--reload-every", "0.5"]
    with serve(home, *words) as started:
        with Load(started.port, clients=4) as load:
            registry.promote(paths, versions[1])
            deadline = time.monotonic() + 40
            while "second" not in load.models and time.monotonic() < deadline:
                time.sleep(0.1)
        assert load.failed == [] and load.models == {"first", "second"}
        registry.promote(paths, versions[2])
        line = 'sentiment_model_reloads_total{result="failed"}'
        while not started.metric(line) and time.monotonic() < deadline + 20:
            time.sleep(0.1)
        assert started.post("/v1/classify", json.loads(BODY)).json["model"] == "second"
    assert "weights.npz" in "".join(started.log)


def test_workers_share_the_port_and_their_counters(project):
    with serve(project, "--workers", "2", "--log", "json") as started:
        for _ in range(60):  # until both have started
            connections = [started.connect() for _ in range(8)]
            for connection in connections:
                connection.sendall(REQUEST)
            for connection in connections:
                assert connection.recv(10_000).startswith(b"HTTP/1.1 200 ")
                connection.close()
            if sum("serving" in line for line in started.log) == 2:
                break
        line = 'sentiment_requests_total{path="/v1/classify",status="200"}'
        (counted,) = {started.metric(line) for _ in range(8)}
        pids = list(filter(is_worker, children(started)))
        assert len(pids) == 2
    assert started.process.returncode == 0
    assert counted == sum('"path": "/v1/classify"' in line for line in started.log)
    for pid in pids:
        assert not Path(f"/proc/{pid}").exists()


def test_a_worker_that_is_killed_is_replaced(project):
    with serve(project, "--workers", "2") as started:
        deadline = time.monotonic() + 20
        while sum("serving" in line for line in started.log) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        os.kill(next(filter(is_worker, children(started))), signal.SIGKILL)
        while sum("serving" in line for line in started.log) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert started.request("GET", "/readyz").status == 200


def test_workers_end_with_a_supervisor_that_is_killed(project):
    with serve(project, "--workers", "2") as started:
        while sum("serving" in line for line in started.log) < 2:
            time.sleep(0.05)
        pids = list(filter(is_worker, children(started)))
        started.process.kill()
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in pids):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def children(started):
    pid = started.process.pid
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def is_worker(pid):
    return "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()


def test_other_machines_need_a_token(project):
    result = CliRunner().invoke(app, ["serve", "--host", "0.0.0.0"])
    assert result.exit_code == 1
    assert "listening on 0.0.0.0 lets other machines in, and there is no token" in result.stderr
    for token in ("short", "with a space in it", "täglich ein neues Wort"):
        result = CliRunner().invoke(app, ["serve", "--host", "0.0.0.0", "--token", token])
        assert result.exit_code == 1 and "16 or more" in result.stderr
        assert token not in result.stderr
    token = "0123456789abcdef"
    with serve(project, "--host", "0.0.0.0", SENTIMENT_TOKEN=token) as started:
        assert started.request("GET", "/v1/model").status == 401
        login = {"Authorization": f"Bearer {token}", "Host": "films.example"}
        assert started.request("GET", "/v1/model", **login).status == 200
        assert token not in Path(f"/proc/{started.process.pid}/cmdline").read_text()


@pytest.mark.parametrize("origin", ["films.example", "https://films.example/", "*", "ftp://a"])
def test_only_origins_are_taken_for_origins(origin, home):
    result = CliRunner().invoke(app, ["serve", "--cors-origin", origin])
    assert result.exit_code == 2 and "expected an origin" in result.stderr


def test_ctrl_c_ends_it_and_a_taken_port_is_left_alone(project):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start("serve", "--port", str(port), home=project)
        lines = [process.stdout.readline() for _ in range(4)]
        assert f":{port}/" not in "".join(lines)
        rest, _ = interrupt(process)
    assert process.returncode == 0 and rest.endswith("Stopped.\n")


def test_the_command_that_it_prints_works(project):
    process = start("serve", "--port", str(free_port(0)), home=project)
    try:
        line = next(line for line in process.stdout if line.startswith("curl "))
        done = subprocess.run(line, shell=True, capture_output=True, text=True)
        assert json.loads(done.stdout)["results"][0]["label"]
    finally:
        interrupt(process)


def test_the_process_that_serves_imports_neither_mlflow_nor_tensorflow():
    code = (
        "import sys\nfrom sentiment.inference.resolve import PRETRAINED\n"
        "from sentiment.serving.app import create_app\n"
        "from sentiment.serving.settings import ServiceSettings\n"
        "create_app(ServiceSettings(PRETRAINED, str))\n"
        "print({'mlflow', 'tensorflow', 'keras', 'bokeh', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@needs_browser
def test_a_browser_types_into_the_page_and_reads_the_list_of_endpoints(project):
    complaints = []
    with serve(project, "--model", str(project / "data" / "models" / "tiny")) as service:
        with chromium() as browser:
            page = browser.new_page()
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(f"http://127.0.0.1:{service.port}/#text=a+good+film")
            page.wait_for_selector("body[data-ready=yes]")
            page.locator(".share summary").click()
            page.locator("[data-copy=curl]").click()
            command = page.locator(".snippet").inner_text()
            assert f"http://127.0.0.1:{service.port}/v1/classify" in command
            shown = page.locator(".probability").first.inner_text()
            page.goto(f"http://127.0.0.1:{service.port}/docs")
            page.get_by_role("heading", name="POST /v1/classify").wait_for()
        answer = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
        [result] = json.loads(answer.stdout)["results"]
        assert f"{result['probability']:.3f}" == shown
    assert complaints == []
