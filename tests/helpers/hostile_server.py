"""A tracking server that answers as its test wants, over real HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@contextmanager
def hostile_server(answer) -> Iterator[str]:
    """Run a server on this machine and give its address.

    answer: from the path and the parameters of a request to an object, which is sent as JSON, to
    bytes, or to an iterator of bytes, sent without a length; None for 404.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self):
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            content = answer(url.path, {k: v[0] for k, v in parse_qs(url.query).items()})
            self.send_response(404 if content is None else 200)
            self.end_headers()
            if content is None:
                content = b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none"}'
            if isinstance(content, dict | list):
                content = json.dumps(content).encode()
            with suppress(OSError):  # the client has had enough
                for part in [content] if isinstance(content, bytes) else content:
                    self.wfile.write(part)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def model_version(source, **fields):
    """Return the answer to a request for a version of a registered model."""
    version = {"name": "sentiment", "version": "1", "source": source, "run_id": "r", **fields}
    return {"model_version": version}


def logged_model(model_id, location="mlflow-artifacts:/1/models/m/artifacts"):
    """Return the answer to a request for a logged model."""
    info = {
        "model_id": model_id, "experiment_id": "1", "name": "model", "artifact_uri": location,
        "creation_timestamp_ms": 0, "last_updated_timestamp_ms": 0, "status": "LOGGED_MODEL_READY",
    }  # fmt: skip
    return {"model": {"info": info, "data": {}}}
