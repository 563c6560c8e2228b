"""Run the service: listen, answer, and end without losing a request."""

import asyncio
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

import uvicorn

from sentiment.serving import logs
from sentiment.serving.app import Application, create_app
from sentiment.serving.metrics import FOLDER_VARIABLE, forget_worker
from sentiment.serving.protocol import STALL_SECONDS, bounded
from sentiment.serving.reload import ModelWatch
from sentiment.serving.settings import ServiceSettings
from sentiment.utils.processes import accept_signals, hold_signals

_KEEP_ALIVE_SECONDS = 75  # that a connection may be idle; longer than the pool of most clients
_DRAIN_SECONDS = 0.5  # in which clients learn that their connection closes
_TICK = 0.02
_RESTART_SECONDS = 1.0  # before a worker that has died is replaced
_SWITCH_SECONDS = 0.0005  # a thread leaves the interpreter to the event loop after this time
BACKLOG = 2048


class Server(uvicorn.Server):
    """uvicorn's server, which tells clients first that it will close their connections."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Also end in good order if the terminal is closed."""
        with super().capture_signals():
            number = getattr(signal, "SIGHUP", None)
            before = signal.getsignal(number) if number else signal.SIG_IGN
            if number and before is not signal.SIG_IGN:
                signal.signal(number, self.handle_exit)
            try:
                yield
            finally:
                if number and before is not signal.SIG_IGN:
                    signal.signal(number, before)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer for a moment with `Connection: close`; then end as uvicorn does.

        uvicorn closes idle connections at once, on which a client may just have sent a request.
        """
        app: Application = self.config.loaded_app
        app.service.draining = True
        # Requests under way have this very list.
        self.server_state.default_headers.append((b"connection", b"close"))
        await self._wait_for_clients()
        await self._stop_listening(sockets or [])
        await self._wait_for_clients()
        await super().shutdown(sockets)

    async def _wait_for_clients(self) -> None:
        """Wait until all connections have ended, at most `_DRAIN_SECONDS`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _DRAIN_SECONDS
        while self.server_state.connections and loop.time() < deadline and not self.force_exit:
            await asyncio.sleep(_TICK)

    async def _stop_listening(self, listeners: list[socket.socket]) -> None:
        """Accept who waits for it, and stop: closing a socket resets what it has not accepted."""
        loop = asyncio.get_running_loop()
        for listener in listeners:
            loop.remove_reader(listener)
        await asyncio.sleep(_TICK)  # asyncio drops what it has accepted if its server closes first
        waiting = []
        for listener in listeners:
            with suppress(OSError):  # nobody is left
                while True:
                    waiting.append(listener.accept()[0])
        for server in self.servers:
            server.close()
        for connection in waiting:
            connection.setblocking(False)
            await loop.connect_accepted_socket(self._make_protocol, connection)

    def _make_protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


def serve(
    settings: ServiceSettings, listener: socket.socket, name: str | None, reload_every: float
) -> None:
    """Serve on the listening socket `listener` until a signal ends this process.

    name: of the model, as it was typed; reload_every: seconds between two looks for a newer model,
    or 0.
    """
    with tempfile.TemporaryDirectory(prefix="sentiment-serve-") as tmp:
        watch = None
        if reload_every:
            settings = replace(settings, choice=Path(tmp) / "model.json")
            watch = ModelWatch(name, Path(tmp) / "model.json", reload_every)
            watch.start()
        try:
            if settings.workers == 1:
                _run(settings, listener)
            else:
                os.environ[FOLDER_VARIABLE] = tmp
                _supervise(settings, listener)
        finally:
            if watch is not None:
                watch.stop()
                watch.join()


def _run(settings: ServiceSettings, listener: socket.socket) -> None:
    """Answer requests in this process."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    seconds = settings.limits.seconds
    app = create_app(settings)
    # What lives as long as the process is searched for garbage no more: that held requests up for
    # 40 ms now and then.
    gc.collect()
    gc.freeze()
    config = uvicorn.Config(
        app,
        http=bounded(min(STALL_SECONDS, seconds)),
        ws="none",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(2 * seconds) + 1,
        backlog=BACKLOG,
    )
    Server(config).run([listener])


def _supervise(settings: ServiceSettings, listener: socket.socket) -> None:
    """Keep `settings.workers` processes running, and end them with this one."""
    logs.configure(settings.log)
    workers: list[SpawnProcess] = []
    try:
        while True:
            while len(workers) < settings.workers:
                workers.append(_start_worker(settings, listener))
            wait([worker.sentinel for worker in workers])
            for worker in [each for each in workers if not each.is_alive()]:
                logs.log_event("worker ended", level=logging.ERROR, status=worker.exitcode)
                workers.remove(worker)
                forget_worker(worker.pid or 0)
            time.sleep(_RESTART_SECONDS)
    finally:
        listener.close()
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


def _start_worker(settings: ServiceSettings, listener: socket.socket) -> SpawnProcess:
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=_work, args=(settings, listener), name="sentiment-serve")
    with hold_signals(context):
        worker.start()
    return worker


def _work(settings: ServiceSettings, listener: socket.socket) -> None:
    """Answer requests in a worker."""
    accept_signals()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _run(settings, listener)


def _end_with_parent() -> None:
    """End this worker in good order if its supervisor is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
