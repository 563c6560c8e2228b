"""Run `sentiment train --workers N`: the same command in N processes, here or on Spark."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import IO, Any

import typer

from sentiment.cli._errors import FAILURE, TerminatedError
from sentiment.cli._terminal import print_message
from sentiment.training import tf_config
from sentiment.utils.ports import free_ports

# -P: no module is imported from the working directory, where others may have put some.
_COMMAND = [sys.executable, "-P", "-c", "from sentiment.__main__ import main; main()"]
_TIMEOUT = 15  # seconds for the other workers to end after the first


def should_start(workers: int, master: str | None) -> bool:
    """Return True if this process has to start the workers, False if it is one or trains alone.

    Raises BadParameter if the options contradict each other or TF_CONFIG.
    """
    if master is not None and workers == 1:
        raise typer.BadParameter("--master needs --workers N", param_hint="--workers")
    if tf_config.TF_CONFIG not in os.environ or workers == 1:
        return workers > 1
    size = tf_config.current_worker().size
    if size != workers:
        raise typer.BadParameter(
            f"{tf_config.TF_CONFIG} has {size} workers, got --workers {workers}",
            param_hint="--workers",
        )
    return False


def run(workers: int, master: str | None) -> None:
    """Run this command in `workers` processes; exit with the status of the first."""
    if master is not None:
        from sentiment.spark import launcher

        raise typer.Exit(launcher.run(_COMMAND + sys.argv[1:], workers, master))
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    with ExitStack() as stack:
        logs = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in addresses[1:]]
        others = [
            # In a session of its own: Ctrl-C reaches only the first, which ends when it is ready.
            _start(addresses, index, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True)
            for index, log in enumerate(logs, 1)
        ]
        stack.callback(_stop, others)
        status = _wait(_start(addresses, 0))
        if status == FAILURE:
            _report_failures(others, logs)
        if status >= 0:
            raise typer.Exit(status)
        print_message("Error: the first worker was killed, perhaps because memory ran out.")
        print_message(f"Try: sentiment train --resume last --workers {workers}")
        raise typer.Exit(128 - status)


def _start(addresses: list[str], index: int, **streams: Any) -> subprocess.Popen:
    environment = os.environ | tf_config.worker_environment(addresses, index)
    return subprocess.Popen([*_COMMAND, *sys.argv[1:]], env=environment, **streams)


def _wait(chief: subprocess.Popen) -> int:
    """Wait for the first worker; return its status, which is negative if a signal killed it."""
    while True:
        try:
            return chief.wait()
        except TerminatedError:
            chief.terminate()
        except KeyboardInterrupt:
            pass  # the terminal has interrupted the first worker too


def _stop(others: list[subprocess.Popen]) -> None:
    """Wait for the other workers, then kill them: they have nothing to save."""
    for other in others:
        with suppress(subprocess.TimeoutExpired):
            other.wait(_TIMEOUT if other.poll() is None else 0)
        other.kill()
        other.wait()


def _report_failures(others: list[subprocess.Popen], logs: Sequence[IO[str]]) -> None:
    """Print the last error of each worker that has ended."""
    for number, (other, log) in enumerate(zip(others, logs, strict=True), 1):
        log.seek(0)
        errors = [line for line in log.read().splitlines() if line.startswith("Error: ")]
        if other.poll() is not None:
            message = f"Worker {number} ended with status {other.returncode}."
            print_message(" ".join([message, *errors[-1:]]))
