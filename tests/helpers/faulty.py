"""A server that fails, or a proxy that loses or delays the requests to a healthy one."""

import http.client
import threading
import time
import urllib.parse
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PASS, LOSE, BREAK, SLEEP, LATE = "pass", "lose", "break", "sleep", "late"


class Faulty(ThreadingHTTPServer):
    """Treats each request as `plan(method, path, body)` says, and lists them in `heard`.

    PASS: pass it on to the server at `behind`; LOSE: pass it on and lose the answer; BREAK: answer
    500; SLEEP: answer 500 after 30 s; LATE: pass it on after 2 s and lose the answer.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, plan, behind=""):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.plan, self.heard = plan, []
        self.behind = urllib.parse.urlsplit(behind).netloc
        self.address = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def handle_request(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.heard.append((self.command, self.path))
        behaviour = self.server.plan(self.command, self.path, body)
        if behaviour in (BREAK, SLEEP):
            time.sleep(30 if behaviour == SLEEP else 0)
            with suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(500)
                self.end_headers()
            return
        if behaviour == LATE:
            time.sleep(2)
        status, headers, content = self.pass_on(body)
        if behaviour != PASS:
            self.close_connection = True
            return
        with suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def pass_on(self, body):
        """Return the answer of the server behind: status, headers and content."""
        connection = http.client.HTTPConnection(self.server.behind)
        headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except OSError:
            return 503, [], b""
        finally:
            connection.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_request  # noqa: N815

    def log_message(self, *_):
        pass


@contextmanager
def faulty(plan, behind=""):
    """Run a Faulty server; `plan` is a function, or what it does with every request."""
    server = Faulty(plan if callable(plan) else lambda *_: plan, behind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
