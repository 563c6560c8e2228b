"""Start MLflow's servers, and end them with every process that they have started."""

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

_STOP_SECONDS = 5  # for the processes that a server has started to end after it
_START_SECONDS = 60  # for a server to answer; it takes 5 to 20

Server = subprocess.Popen[bytes]


def start_ui(paths: ProjectPaths, port: int, host: str = LOCALHOST) -> Server:
    """Start the tracking server on `host` in its light form: one worker, no job execution."""
    options = ["server", "-w", "1", "--host", host, "--port", str(port)]
    options += ["--backend-store-uri", store.tracking_uri(paths)]
    options += ["--artifacts-destination", str(paths.mlruns / "artifacts")]
    return _start(options, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")


def start_model(paths: ProjectPaths, address: str, port: int, host: str = LOCALHOST) -> Server:
    """Start MLflow's scoring server on `host` for the model at `address`, such as models:/…."""
    options = ["models", "serve", "--model-uri", address, "--env-manager", "local"]
    options += ["--host", host, "--port", str(port)]
    # It looks for uvicorn on PATH, where the environment is missing unless it is activated.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return _start(options, MLFLOW_TRACKING_URI=store.tracking_uri(paths), PATH=path)


def _start(options: list[str], **variables: str) -> Server:
    """Start `mlflow …` in a process group of its own, so that the whole group can be ended."""
    return subprocess.Popen(
        [sys.executable, "-m", "mlflow", *options],
        # No module is imported from the working directory, where others may have put some.
        env={**os.environ, **variables, "PYTHONSAFEPATH": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@contextmanager
def running(server: Server, address: str) -> Iterator[None]:
    """Wait until `address` answers, run the body, and end the server's process group.

    Raises UnavailableError if the server does not start.
    """
    try:
        wait_until_ready(server, address)
        yield
    finally:
        _end(server)


def wait_until_ready(server: Server, address: str) -> None:
    """Return once `address` answers; raise UnavailableError if the server does not start."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    command = " ".join(str(part) for part in server.args[1:])  # type: ignore[index]
    raise UnavailableError("the MLflow server did not start", hint=f"python {command}")


def _end(server: Server) -> None:
    """End a server and the processes of its group, which may outlive it."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            os.killpg(server.pid, 0)  # raises ProcessLookupError once the group is empty
            time.sleep(0.05)
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def base_url(host: str, port: int) -> str:
    """Return the URL that reaches a server on `host` from this machine."""
    return f"http://{LOCALHOST if _ip_address(host).is_unspecified else host}:{port}"


def is_public(host: str) -> bool:
    """Return True if other machines can reach a server on `host`."""
    return not _ip_address(host).is_loopback


def _ip_address(host: str) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(socket.gethostbyname(host))


def ui_url(paths: ProjectPaths, experiment: str, base: str) -> str:
    """Return the page that compares the runs of `experiment`; MLflow opens another by default."""
    experiment_id = store.open_experiment(paths, experiment)
    view = "workflowType=machine_learning&compareRunsMode=CHART"
    return f"{base}/#/experiments/{experiment_id}/runs?{view}"
