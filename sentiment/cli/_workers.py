"""`sentiment train --workers N`: the same command in several processes, on one machine or on Spark.

Knows processes and what TF_CONFIG must say; knows nothing of training.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import IO, Any

import typer

from sentiment.cli._errors import FAILURE, TerminatedError
from sentiment.cli._terminal import say
from sentiment.training import tf_config
from sentiment.utils.ports import free_ports

_COMMAND = [sys.executable, "-c", "from sentiment.cli import main; main()"]
_PATIENCE = 15  # seconds for the other workers to end once the first has


def wanted(workers: int, master: str | None) -> bool:
    """Tell whether this process is to start workers; raise BadParameter where it is one."""
    if master is not None and workers == 1:
        raise typer.BadParameter("--master goes with --workers", param_hint="--workers")
    if tf_config.TF_CONFIG not in os.environ or workers == 1:
        return workers > 1
    if tf_config.current_worker().size != workers:
        raise typer.BadParameter(
            f"{tf_config.TF_CONFIG} names another number", param_hint="--workers"
        )
    return False


def run(workers: int, master: str | None) -> None:
    """Run this command in `workers` processes and end as the first of them does."""
    if master is not None:
        from sentiment.spark import launcher

        raise typer.Exit(launcher.run(_COMMAND + sys.argv[1:], workers, master))
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    with ExitStack() as stack:
        logs = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in addresses[1:]]
        others = [
            # In a session of their own: Ctrl-C is for the first one, which ends when it is ready.
            _start(addresses, index, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True)
            for index, log in enumerate(logs, 1)
        ]
        stack.callback(_end, others)
        status = _ended(_start(addresses, 0))
        if status == FAILURE:
            _tell(others, logs)
        raise typer.Exit(status)


def _start(addresses: list[str], index: int, **streams: Any) -> subprocess.Popen:
    environment = os.environ | tf_config.worker_environment(addresses, index)
    return subprocess.Popen([*_COMMAND, *sys.argv[1:]], env=environment, **streams)


def _ended(chief: subprocess.Popen) -> int:
    """Wait for the first worker; return its status, as a shell says it."""
    while True:
        try:
            status = chief.wait()
            return status if status >= 0 else 128 - status
        except TerminatedError:
            chief.terminate()
        except KeyboardInterrupt:
            pass  # the terminal has told the first worker too


def _end(others: list[subprocess.Popen]) -> None:
    """End the other workers, which have nothing to save."""
    for other in others:
        with suppress(subprocess.TimeoutExpired):
            other.wait(_PATIENCE if other.poll() is None else 0)
        other.kill()
        other.wait()


def _tell(others: list[subprocess.Popen], logs: Sequence[IO[str]]) -> None:
    """Say what a worker said before it ended of itself."""
    for number, (other, log) in enumerate(zip(others, logs, strict=True), 1):
        log.seek(0)
        lines = [line for line in log.read().splitlines() if line.startswith("Error: ")]
        if other.poll() is not None:
            say(f"Worker {number} ended with status {other.returncode}. {' '.join(lines[-1:])}")
