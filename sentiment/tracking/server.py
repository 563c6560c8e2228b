"""MLflow's server, started by hand and ended without orphans.

Knows processes and addresses; knows nothing of what is served.
"""

import ipaddress
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sentiment.errors import UnavailableError
from sentiment.tracking import store
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.ports import LOCALHOST

_GRACE = 5  # seconds for what a server has started to end after it
_PATIENCE = 60  # seconds for a server to answer; it takes 5 to 20


def start_ui(paths: ProjectPaths, port: int, host: str = LOCALHOST) -> subprocess.Popen:
    """Start the tracking server on `host` in its light form: one worker, no job execution."""
    options = ["server", "-w", "1", "--host", host, "--port", str(port)]
    options += ["--backend-store-uri", store.tracking_uri(paths)]
    options += ["--artifacts-destination", str(paths.mlruns / "artifacts")]
    return _start(options, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")


def start_model(
    paths: ProjectPaths, address: str, port: int, host: str = LOCALHOST
) -> subprocess.Popen:
    """Start MLflow's scoring server on `host` for the model at `address`, models:/…."""
    options = ["models", "serve", "--model-uri", address, "--env-manager", "local"]
    options += ["--host", host, "--port", str(port)]
    # It looks for its own program on PATH, where an environment that is not activated isn't.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return _start(options, MLFLOW_TRACKING_URI=store.tracking_uri(paths), PATH=path)


def _start(options: list[str], **environment: str) -> subprocess.Popen:
    """Start `mlflow …` in a process group of its own, so that all of it can be ended."""
    return subprocess.Popen(
        [sys.executable, "-m", "mlflow", *options],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@contextmanager
def running(server: subprocess.Popen, address: str) -> Iterator[None]:
    """Wait until `address` answers, run the body, and end the server with all that it has started.

    Raises UnavailableError where it does not start.
    """
    try:
        _wait(server, address)
        yield
    finally:
        _end(server)


def _end(server: subprocess.Popen) -> None:
    """End a server and what it has started, which may outlive it in its group."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
        end = time.monotonic() + _GRACE
        while time.monotonic() < end:
            os.killpg(server.pid, 0)  # raises where the group is empty
            time.sleep(0.05)
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def _wait(server: subprocess.Popen, address: str) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    command = " ".join(str(part) for part in server.args[1:])  # type: ignore[index]
    raise UnavailableError("the MLflow server did not start", hint=f"python {command}")


def base_url(host: str, port: int) -> str:
    """Return where a server on `host`, be that every address, is reached from this machine."""
    return f"http://{LOCALHOST if _number(host).is_unspecified else host}:{port}"


def is_public(host: str) -> bool:
    """Tell whether other machines can reach a server on `host`."""
    return not _number(host).is_loopback


def _number(host: str) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(socket.gethostbyname(host))


def ui_url(paths: ProjectPaths, experiment: str, base: str) -> str:
    """Return the page that compares the runs of `experiment`; MLflow opens another by default."""
    number = store.open_experiment(paths, experiment)
    return f"{base}/#/experiments/{number}/runs?workflowType=machine_learning&compareRunsMode=CHART"
