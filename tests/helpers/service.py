"""A running service, and requests to it over real sockets."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PAGE = "<!doctype html><title>stand-in</title>" + "x" * 500_000
# The page of a model is another package's work: this one is a stand-in.
CODE = """
import json, sys
from pathlib import Path
from sentiment.serving import server
from sentiment.serving.settings import Limits, ServiceSettings
from sentiment.utils import environment
from sentiment.utils.ports import bound_socket
from tests.helpers.service import PAGE

environment.configure_libraries()
options = json.loads(sys.argv[1])
options["limits"] = Limits(**options.pop("limits", {}))
for name_of_path in {"folder", "choice"} & options.keys():
    options[name_of_path] = Path(options[name_of_path])
if "hosts" in options:
    options["hosts"] = frozenset(options["hosts"])
listener = bound_socket(0)
listener.listen()
print(listener.getsockname()[1], flush=True)
settings = ServiceSettings(render_page=lambda bundle: PAGE, **options)
try:
    server.serve(settings, listener, None, 0)
except KeyboardInterrupt:
    pass
"""


@dataclass
class Answer:
    """The answer to a request."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Service:
    """A service that listens on `port`; `log` has the lines of its standard error."""

    port: int
    process: subprocess.Popen
    log: list[str]

    def request(self, method, path, body=None, **headers):
        """Return the answer to one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, names)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def post(self, path, content, **headers):
        """Send JSON."""
        headers.setdefault("Content_Type", "application/json")
        return self.request("POST", path, json.dumps(content).encode(), **headers)

    def connect(self):
        """Return a socket on which nothing was sent yet."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def metric(self, line):
        """Return the number of a line of /metrics; 0 if it is not there."""
        for each in self.request("GET", "/metrics").body.decode().splitlines():
            if each.startswith(line + " "):
                return float(each.rpartition(" ")[2])
        return 0.0


@contextmanager
def service(folder, **options):
    """Run a service of the model in `folder`; options: fields of its settings."""
    words = [sys.executable, "-c", CODE, json.dumps({"folder": str(folder), **options})]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2])])},
    )
    with running(process, lambda: int(process.stdout.readline())) as started:
        yield started


@contextmanager
def running(process, read_port):
    """Give the service of a process, and end it by SIGTERM."""
    log = []
    reader = threading.Thread(target=lambda: log.extend(process.stderr), daemon=True)
    reader.start()
    try:
        yield Service(read_port(), process, log)
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(timeout=10)


def read_to_end(connection):
    """Return what the service sends until it closes the connection; b"" after a reset as well."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def post_head(length, path="/v1/classify"):
    """Return the head of a request with JSON."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()
