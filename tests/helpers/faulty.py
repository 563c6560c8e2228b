"""A server that is ill, or stands before a healthy one and loses or delays what it is told."""

import http.client
import threading
import time
import urllib.parse
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PASS, LOSE, BREAK, SLEEP, LATE = "pass", "lose", "break", "sleep", "late"


class Faulty(ThreadingHTTPServer):
    """Does with each request what `plan(method, path, body)` says, and counts them in `heard`.

    PASS it on; LOSE the answer, once the server behind has given it; BREAK: answer 500; SLEEP for
    30 s and answer 500; LATE: pass it on when whoever asked has long given up.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, plan, behind=""):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.plan, self.heard = plan, []
        self.behind = urllib.parse.urlsplit(behind).netloc
        self.address = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.heard.append((self.command, self.path))
        what = self.server.plan(self.command, self.path, body)
        if what in (BREAK, SLEEP):
            time.sleep(30 if what == SLEEP else 0)
            self.send_response(500)
            self.end_headers()
            return
        if what == LATE:
            time.sleep(2)
        status, headers, content = self.ask(body)
        if what != PASS:
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

    def ask(self, body):
        connection = http.client.HTTPConnection(self.server.behind, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except OSError:
            return 503, [], b""
        finally:
            connection.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

    def log_message(self, *_):
        pass


@contextmanager
def faulty(plan, behind=""):
    """Run such a server; `plan` is what it does with every request, or a function that says so."""
    decide = plan if callable(plan) else lambda *_: plan
    server = Faulty(decide, behind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
