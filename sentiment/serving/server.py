"""Run the service: listen, answer, and end without losing a request."""

import asyncio
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import uvicorn

from sentiment.serving.app import Application, create_app
from sentiment.serving.metrics import FOLDER_VARIABLE, forget_worker
from sentiment.serving.protocol import STALL_SECONDS, bounded
from sentiment.serving.reload import ModelWatch
from sentiment.serving.settings import ServiceSettings
from sentiment.utils.processes import accept_signals, hold_signals

_KEEP_ALIVE_SECONDS = 75  # that a connection may be idle; longer than the pool of most clients
_DRAIN_SECONDS = 1.0  # in which clients learn that their connection closes
_TICK = 0.02
_SWITCH_SECONDS = 0.0005  # a thread leaves the interpreter to the event loop after this time
BACKLOG = 2048


class Server(uvicorn.Server):
    """uvicorn's server, which tells clients first that it will close their connections."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:  # type: ignore[override]
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
        """Answer for a moment with `Connection: close`; then end as uvicorn does."""
        app: Application = self.config.loaded_app
        app.service.draining = True
        # Requests under way have this very list.
        self.server_state.default_headers.append((b"connection", b"close"))
        deadline = asyncio.get_running_loop().time() + _DRAIN_SECONDS
        while self.server_state.connections and not self.force_exit:
            await asyncio.sleep(_TICK)
            if asyncio.get_running_loop().time() > deadline:
                break
        await super().shutdown(sockets)


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
    config = uvicorn.Config(
        create_app(settings),
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
    workers: list[SpawnProcess] = []
    try:
        while True:
            while len(workers) < settings.workers:
                workers.append(_start_worker(settings, listener))
            connection.wait([worker.sentinel for worker in workers])
            for worker in [each for each in workers if not each.is_alive()]:
                workers.remove(worker)
                forget_worker(worker.pid or 0)
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
    _run(settings, listener)
