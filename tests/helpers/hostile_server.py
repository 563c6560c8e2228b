"""A tracking server that answers as MLflow's REST API does, and lies."""

import gzip
import json
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
RUN_ID, CHUNK = "0" * 32, b"\0" * (1 << 20)


class HostileServer(ThreadingHTTPServer):
    """Has one run, one model version and one logged model, with the names that a test gives.

    source: the version's; model_id: the logged model's; location: where its artifacts are; listing:
    the paths of the artifacts in any folder; contents: of files, by path; endless: the paths whose
    answers never end; sent: bytes of such answers; requested: the path of each request;
    passwords: the `Authorization` of each request.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.source, self.model_id, self.run_name = "models:/m-1", "m-1", "a run"
        self.location = "mlflow-artifacts:/0/models/m-1/artifacts"
        self.artifact_uri = "mlflow-artifacts:/0/run/artifacts"
        self.listing, self.contents, self.endless = [], {}, ()
        self.status, self.is_compressed = 200, False  # of the endless answers
        self.sent, self.requested, self.passwords = 0, [], []

    def answer(self, path, query):
        """Return the JSON that answers a request, or the bytes of a file, or None."""
        if path == ARTIFACTS:
            return {"files": self.listing}
        if path.startswith(ARTIFACTS):
            return next((v for k, v in self.contents.items() if path.endswith(k)), b"x")
        name = path.removeprefix(API)
        info = {"run_id": RUN_ID, "run_uuid": RUN_ID, "experiment_id": "0", "status": "FINISHED"}
        info |= {"run_name": self.run_name, "artifact_uri": self.artifact_uri, "start_time": 1}
        info |= {"lifecycle_stage": "active"}
        run = {"run": {"info": info, "data": {}}}
        experiment = {"experiment_id": "0", "name": "sentiment", "lifecycle_stage": "active"}
        version = {"name": "sentiment", "version": "1", "source": self.source, "run_id": RUN_ID}
        model = {"experiment_id": "0", "model_id": self.model_id, "name": "model"}
        model |= {"artifact_uri": self.location, "status": "LOGGED_MODEL_READY"}
        if name.startswith("/logged-models/"):
            return {"model": {"info": model, "data": {}}}
        return {
            "/registered-models/alias": {"model_version": version},
            "/model-versions/get": {"model_version": version},
            "/runs/get": run,
            "/runs/search": {"runs": [run["run"]]},
            "/artifacts/list": {"root_uri": self.artifact_uri, "files": self.listing},
            "/experiments/get-by-name": {"experiment": experiment},
            "/experiments/search": {"experiments": [experiment]},
        }.get(name, {})


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url, server = urlsplit(self.path), self.server
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server.requested.append(url.path)
        server.passwords.append(self.headers.get("Authorization"))
        with suppress(BrokenPipeError, ConnectionResetError):
            if any(part in url.path for part in server.endless):
                self.send_response(server.status)
                if server.is_compressed:
                    self.send_header("Content-Encoding", "gzip")
                self.end_headers()
                part = gzip.compress(CHUNK) if server.is_compressed else CHUNK
                while True:
                    self.wfile.write(part)
                    server.sent += len(part)
            answer = server.answer(url.path, parse_qs(url.query))
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


@contextmanager
def hostile_server():
    """Give a running server."""
    server = HostileServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
